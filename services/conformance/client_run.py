"""Judge a client: every session up to a level is played with it."""

import math
import time
from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import Final

from services.conformance.checks import Check
from services.conformance.connection import (
    MismatchError,
    NoConnectionError,
    NotApplicableError,
    NotJudgedError,
)
from services.conformance.program import exit_in_words
from services.conformance.results import Finding, Outcome, Report, Result
from services.conformance.scripted_server import JudgedClient
from services.conformance.server_run import TIME_IS_UP, UnreachableError

ORDERLY: Final = exit_in_words(0)


def judge_client(
    client: JudgedClient,
    report: Report,
    *,
    checks: Sequence[Check[JudgedClient]],
    on_result: Callable[[Result], None] = lambda _: None,
    budget_s: float = math.inf,
) -> None:
    """Run the checks and add their results to the report; `on_result` hears each one at once.

    What has not begun after `budget_s` is not judged.

    Raises:
        UnreachableError: the client never came.
    """
    start = time.monotonic()
    came = False
    try:
        for check in checks:
            if time.monotonic() > start + budget_s:
                late = Finding(note=TIME_IS_UP)
                report.results.append(
                    Result(check.name, check.clauses, check.level, check.sentence, Outcome.NOT_JUDGED, late)
                )
                continue
            result, connected = _run(client, check)
            came = came or connected
            if not came:
                printed = " / ".join(result.finding.printed)
                said = f"; it printed: {printed}" if printed else "; it printed nothing"
                raise UnreachableError(f"expected {result.finding.expected}: {result.finding.came}{said}")
            report.results.append(result)
            on_result(result)
    finally:
        client.finish()
        report.dialects.extend(client.dialects)
        report.seconds = time.monotonic() - start


def _run(client: JudgedClient, check: Check[JudgedClient]) -> tuple[Result, bool]:
    """Run one check; tell too whether the client came."""
    start = time.monotonic()
    outcome, finding, connected = Outcome.PASSED, Finding(), True
    client.begin_check()
    try:
        check.run(client)
    except MismatchError as error:
        printed = client.program.new_output() if client.program else ()
        finding = replace(error.finding, note=error.finding.note or check.hint, printed=printed)
        outcome = Outcome.FAILED
        connected = not isinstance(error, NoConnectionError)
    except NotApplicableError as error:
        outcome, finding = Outcome.NOT_APPLICABLE, Finding(note=str(error))
    except NotJudgedError as error:
        outcome, finding = Outcome.NOT_JUDGED, Finding(note=str(error))
    died = client.program.ended() if client.program and outcome is Outcome.FAILED else ""
    if died == ORDERLY:
        died = ""  # as a client should
    result = Result(
        check.name, check.clauses, check.level, check.sentence, outcome, finding,
        died, time.monotonic() - start, client.timeline(),
    )  # fmt: skip
    return result, connected
