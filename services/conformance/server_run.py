"""Judge a server: run every check up to a level, and survive whatever the server does."""

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
from services.conformance.connection import (
    MismatchError,
    NotApplicableError,
    NotJudgedError,
    is_silence,
    shown,
)
from services.conformance.dialect import Seat
from services.conformance.discovery import discover
from services.conformance.judged import TRIES, ChanceError, JudgedServer, NotStartedError
from services.conformance.procfs import listening
from services.conformance.results import Finding, Level, Outcome, Report, Result
from services.conformance.timeline import EventKind, Timeline

CHECKS: Final[tuple[Check[JudgedServer], ...]] = (
    *server_classic.CHECKS,
    *server_robust.CHECKS,
    *server_extended.CHECKS,
    *server_watch.CHECKS,
    *server_rounds.CHECKS,
    *server_tls.CHECKS,
)
WAITS: Final = (
    "something in it waits for one client, or for ever, and keeps all others waiting; look at what it does "
    "after that (a recv, a lock, a loop without an end). Serve each connection by a thread, or select over "
    "all of them, and never read from one until it closes"
)
NOBODY_NEW: Final = (
    "is there room for so many only (an array, a constant), or is accept not called while a client is served?"
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
        discover(server, watched=any(check.level is Level.EXTENDED for check in checks))
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
    if need in {Need.ADMIN, Need.SEAT, Need.PLAYER_AND_ADMIN, Need.BOTH, Need.WATCH} and not dialect.admin:
        return "the administrator's port does not answer Hello: see admin-greets"
    if need is Need.WATCH and dialect.seat is not Seat.FREE:
        return dialect.seat
    if need is Need.SEAT and dialect.seat in {Seat.TAKEN, Seat.NONE}:
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
        finding = replace(finding, note=_silence(server, finding) or finding.note or check.hint)
    except NotApplicableError as error:
        outcome, finding = Outcome.NOT_APPLICABLE, Finding(note=str(error))
    except (NotStartedError, NotJudgedError) as error:
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
    """Run a check, again where chance has decided it: what dies of a win is for `survives` to say."""
    for _ in range(TRIES - 1):
        try:
            check.run(server)
        except ChanceError:
            pass
        except MismatchError:
            if not server.has_ended_after_a_win():
                raise
        else:
            return
        server.end_check()
        server.begin_check()
    check.run(server)


def _silence(server: JudgedServer, finding: Finding) -> str:
    """Say so where a reply did not come because the server answers nobody any more.

    Only a process of the kit's own is asked: somebody else's might be the worse for it.
    """
    if server.program is None or not server.dialect.greets or not is_silence(finding.came):
        return ""
    timeline = server.recorder.timeline()
    wrong = timeline.mismatch
    lane = next((lane for lane in timeline.lanes if wrong and lane.number == wrong.connection), None)
    if lane is None or not server.program.running:
        return ""
    admin = lane.port == server.admin_port.name
    served_once = server.dialect.admin if admin else server.dialect.several
    if not served_once:
        return ""
    new, other = server.who_is_answered(server.admin_port if admin else server.player_port)
    if new:
        return ""
    server.recorder.note(EventKind.NOTE, text="a new connection got no answer to Hello either")
    if admin and other:
        return (
            finding.note or f"no administrator is answered any more{last_words(timeline, 'admin')}: {WAITS}"
        )
    if not admin and other:
        return finding.note or f"those who play are answered, and nobody new is: {NOBODY_NEW}"
    return f"the server answers nobody any more{last_words(timeline)}: {WAITS}"


def last_words(timeline: Timeline, port: str = "") -> str:
    """Say what the server has said last, and to whom."""
    lanes = {lane.number for lane in timeline.lanes if port in {"", lane.port}}
    said = [
        event for event in timeline.events if event.kind is EventKind.RECEIVED and event.connection in lanes
    ]
    if not said:
        return ""
    line = shown(said[-1].data.splitlines()[-1], 60)
    return f", since connection {said[-1].connection} got '{line}'"


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
