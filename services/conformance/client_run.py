"""Judge a client: play every scene up to a level with it."""

import time
from collections.abc import Callable, Sequence

from services.conformance.checks import Check
from services.conformance.results import Finding, Outcome, Report, Result
from services.conformance.server_run import BUDGET_S, UnreachableError
from services.conformance.stage import JudgedClient, NoConnectionError, NotReachedError
from services.conformance.wire import MismatchError, NotApplicableError


def judge_client(
    client: JudgedClient,
    report: Report,
    *,
    checks: Sequence[Check[JudgedClient]],
    tell: Callable[[Result], None] = lambda _: None,
) -> None:
    """Ask the checks and add their results to the report; `tell` hears each one at once.

    Raises:
        UnreachableError: the client never came.
    """
    start = time.monotonic()
    came = False
    try:
        for check in checks:
            if check.level not in report.level.included:
                continue
            # A person takes what time they need.
            late = client.program is not None and time.monotonic() > start + BUDGET_S
            result, connected = _ask(client, check) if not late else (_late(check), came)
            came = came or connected
            if not came:
                printed = " / ".join(result.finding.printed)
                said = f"; it printed: {printed}" if printed else ""
                raise UnreachableError(f"{result.finding.expected}: it did not{said}")
            report.results.append(result)
            tell(result)
    finally:
        client.finish()
        report.dialects.extend(client.dialects)
        report.seconds = time.monotonic() - start


def _late(check: Check[JudgedClient]) -> Result:
    return _result(check, Outcome.NOT_REACHED, Finding(note="the time was up"))


def _result(check: Check[JudgedClient], outcome: Outcome, finding: Finding, seconds: float = 0.0) -> Result:
    return Result(check.name, check.clauses, check.level, check.sentence, outcome, finding, seconds=seconds)


def _ask(client: JudgedClient, check: Check[JudgedClient]) -> tuple[Result, bool]:
    """Ask one check; tell too whether the client came."""
    start = time.monotonic()
    outcome, finding, connected = Outcome.PASSED, Finding(), True
    try:
        check.ask(client)
    except MismatchError as error:
        outcome, finding = Outcome.FAILED, error.finding
        connected = not isinstance(error, NoConnectionError)
    except NotApplicableError as error:
        outcome, finding = Outcome.NOT_APPLICABLE, Finding(note=str(error))
    except NotReachedError as error:
        outcome, finding = Outcome.NOT_REACHED, Finding(note=str(error))
    return _result(check, outcome, finding, time.monotonic() - start), connected
