"""Judge a server: run every check up to a level, and survive whatever the server does."""

import contextlib
import math
import time
from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import Final

from services.conformance import (
    server_classic,
    server_extended,
    server_robust,
    server_rounds,
    server_tls,
    server_watch,
)
from services.conformance.checks import Check, Need
from services.conformance.connection import MismatchError, NotApplicableError
from services.conformance.dialect import Seat
from services.conformance.discovery import discover
from services.conformance.judged import TRIES, ChanceError, JudgedServer, NotStartedError
from services.conformance.procfs import listening
from services.conformance.results import Finding, Outcome, Report, Result

CHECKS: Final[tuple[Check[JudgedServer], ...]] = (
    *server_classic.CHECKS,
    *server_robust.CHECKS,
    *server_extended.CHECKS,
    *server_watch.CHECKS,
    *server_rounds.CHECKS,
    *server_tls.CHECKS,
)
GONE: Final = "the server no longer answers"
TIME_IS_UP: Final = "the time for the whole run was up"
REVIVAL_S: Final = 3.0
"""How long a server that died may take to be back, where somebody else restarts it."""


class UnreachableError(Exception):
    """There is nobody to judge."""


def judge_server(
    server: JudgedServer,
    report: Report,
    *,
    checks: Sequence[Check[JudgedServer]],
    on_result: Callable[[Result], None] = lambda _: None,
    budget_s: float = math.inf,
) -> None:
    """Run the checks and add their results to the report; `on_result` is called with each at once.

    What has not begun after `budget_s` is not judged.

    Raises:
        UnreachableError: nothing listens on the player port.
    """
    start = time.monotonic()
    if server.program is not None and listening(server.player_port.port):
        raise UnreachableError(f"something listens on {server.player_port} already; end it, and run again")
    try:
        _judge(server, report, checks, on_result, start + budget_s)
    finally:
        if server.program is not None:
            server.program.stop()
        report.seconds = time.monotonic() - start


def _judge(
    server: JudgedServer,
    report: Report,
    checks: Sequence[Check[JudgedServer]],
    on_result: Callable[[Result], None],
    until: float,
) -> None:
    try:
        discover(server)
    except NotStartedError as error:
        raise UnreachableError(str(error)) from error
    report.dialects.extend(server.dialect.names)
    results: dict[str, Result] = {}
    gone = ""
    # What may kill the server, or keep its port from being bound again, comes after what does not.
    for check in sorted(checks, key=lambda check: check.risk):
        late = TIME_IS_UP if time.monotonic() > until else ""
        missing = late or gone or _missing(server, check.need)
        if missing:
            outcome = Outcome.NOT_APPLICABLE if missing == Seat.TAKEN else Outcome.NOT_JUDGED
            result = _result(check, outcome, Finding(note=missing))
        else:
            result = _run(server, check)
            if server.program is None and (result.outcome is Outcome.FAILED or check.risk):
                result, gone = _look_after(server, check, result)
        if result.died and result.outcome is not Outcome.FAILED:
            server.deaths.append((check.name, " / ".join((result.died, *result.finding.printed[-1:]))))
        results[check.name] = result
        on_result(result)
    report.results.extend(results[check.name] for check in checks)


def _missing(server: JudgedServer, need: Need) -> str:
    dialect = server.dialect
    if need in {Need.GREETING, Need.GREETED_GAME} and not dialect.greets:
        return "Hello is not answered: see greets"
    if need not in {Need.NOTHING, Need.GREETING, Need.ADMIN} and not dialect.plays:
        return "no game could be begun: see greets, starts-game and guess-spelling"
    if need in {Need.SEVERAL, Need.BOTH, Need.WATCH} and not dialect.several:
        return "a second player is not served: see two-players"
    if need in {Need.ADMIN, Need.PLAYER_AND_ADMIN, Need.BOTH, Need.WATCH} and not dialect.admin:
        return "the administrator's port does not answer Hello: see admin-greets"
    if need is Need.WATCH and dialect.seat is not Seat.FREE:
        return dialect.seat
    return ""


def _result(check: Check[JudgedServer], outcome: Outcome, finding: Finding) -> Result:
    return Result(check.name, check.clauses, check.level, check.sentence, outcome, finding)


def _run(server: JudgedServer, check: Check[JudgedServer]) -> Result:
    start = time.monotonic()
    outcome, finding = Outcome.PASSED, Finding()
    try:
        server.begin_check()
    except NotStartedError as error:
        return _result(check, Outcome.NOT_JUDGED, Finding(note=str(error)))
    died = ""
    try:
        _run_anew(server, check)
    except MismatchError as error:
        outcome, finding = Outcome.FAILED, error.finding
        finding = replace(finding, note=finding.note or check.hint)
    except NotApplicableError as error:
        outcome, finding = Outcome.NOT_APPLICABLE, Finding(note=str(error))
    except NotStartedError as error:
        outcome, finding = Outcome.NOT_JUDGED, Finding(note=str(error))
    finally:
        program = server.program
        if program is not None and outcome is Outcome.FAILED:
            # What it prints about the fault may still be on its way; what it prints later is about our end.
            program.settle()
            program.ended()
            finding = replace(finding, printed=program.new_output())
            program.mark()
        server.recorder.over()
        died = server.end_check()
    if program is not None and outcome is Outcome.FAILED:
        finding = replace(finding, afterwards=program.new_output())
    elif program is not None and died:
        finding = replace(finding, printed=program.new_output())
    result = _result(check, outcome, finding)
    seconds = time.monotonic() - start
    return replace(result, died=died, seconds=seconds, timeline=server.recorder.timeline())


def _run_anew(server: JudgedServer, check: Check[JudgedServer]) -> None:
    """Run a check, again where chance has decided it."""
    for _ in range(TRIES - 1):
        with contextlib.suppress(ChanceError):
            check.run(server)
            return
        server.end_check()
        server.begin_check()
    check.run(server)


def _look_after(server: JudgedServer, check: Check[JudgedServer], result: Result) -> tuple[Result, str]:
    """See whether somebody else's server is still there; if not, wait for it, and say what killed it."""
    server.begin_check()
    serves = server.serves_again(0)
    server.end_check()
    if serves:
        return result, ""
    # Where not one connection came about, it was gone before, of what the check before has done.
    before = result.outcome is Outcome.FAILED and not result.timeline.lanes
    server.release_ports()
    back = server.serves_again(REVIVAL_S)
    server.end_check()
    if before:
        server.deaths.append((f"the check before {check.name}", GONE))
        result = _run(server, check) if back else _result(check, Outcome.NOT_JUDGED, Finding(note=GONE))
    else:
        result = replace(result, died=GONE)
    return result, "" if back else f"the server died, and was not restarted: see {check.name}"
