"""Judge a server: ask every check up to a level, and survive whatever the server does."""

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
from services.conformance.dialect import Seat
from services.conformance.discovery import discover
from services.conformance.judged import JudgedServer
from services.conformance.results import Finding, Outcome, Report, Result
from services.conformance.wire import MismatchError, NotApplicableError

CHECKS: Final[tuple[Check[JudgedServer], ...]] = (
    *server_classic.CHECKS,
    *server_robust.CHECKS,
    *server_extended.CHECKS,
    *server_watch.CHECKS,
    *server_rounds.CHECKS,
    *server_tls.CHECKS,
)
START_S: Final = 10.0
"""How long a server that the kit has started may take to listen."""
BUDGET_S: Final = 44.0
"""No check begins later than this, so that the whole run stays under a minute with the slowest one."""


class UnreachableError(Exception):
    """There is nobody to judge."""


def judge_server(
    server: JudgedServer,
    report: Report,
    *,
    checks: Sequence[Check[JudgedServer]] = CHECKS,
    tell: Callable[[Result], None] = lambda _: None,
) -> None:
    """Ask the checks and add their results to the report; `tell` hears each one at once.

    Raises:
        UnreachableError: nothing listens on the player port.
    """
    start = time.monotonic()
    if server.program is not None:
        if server.await_port(0):
            raise UnreachableError(
                f"something listens on {server.player_port} already; end it, and run again"
            )
        server.program.start()
    try:
        _judge(server, report, checks, tell, start + BUDGET_S)
    finally:
        server.close_all()
        if server.program is not None:
            server.program.end()
        report.seconds = time.monotonic() - start


def _judge(
    server: JudgedServer,
    report: Report,
    checks: Sequence[Check[JudgedServer]],
    tell: Callable[[Result], None],
    end: float,
) -> None:
    start_s = server.limits.start_s if server.program is None else START_S
    if not server.await_port(start_s):
        printed = server.program.news() if server.program else ()
        said = f"; the command printed: {' / '.join(printed)}" if printed else ""
        raise UnreachableError(f"nothing listens on {server.player_port}{said}")
    discover(server)
    report.dialects.extend(server.dialect.names)
    gone = "" if server.alive() or server.revive() else "the server does not answer"
    pace = server.pace
    for check in checks:
        if check.level not in report.level.included:
            continue
        missing = gone or _missing(server, check.need)
        if not missing and time.monotonic() > end:
            missing = "the time was up"
        if missing:
            outcome = Outcome.NOT_APPLICABLE if missing == Seat.TAKEN else Outcome.NOT_REACHED
            result = _result(check, outcome, Finding(note=missing))
        else:
            if time.monotonic() > end - BUDGET_S / 2 and server.pace == pace:
                # A server that has kept the kit waiting so often will do so again.
                server.pace = replace(pace, patience_s=pace.patience_s / 2)
            result = _ask(server, check)
            if result.died and not server.revive():
                gone = f"the server died: see {check.name}"
                printed = server.program.news() if server.program else ()
                gone += f"; restarted, it printed: {' / '.join(printed)}" if printed else ""
        report.results.append(result)
        tell(result)


def _missing(server: JudgedServer, need: Need) -> str:
    dialect = server.dialect
    if need is not Need.NOTHING and need is not Need.ADMIN and not dialect.greets:
        return "Hello is not answered: see greets"
    if need in {Need.GAME, Need.SEVERAL, Need.BOTH, Need.WATCH} and not dialect.plays:
        return "no game could be begun: see starts-game and guess-spelling"
    if need in {Need.SEVERAL, Need.BOTH, Need.WATCH} and not dialect.several:
        return "a second player is not served: see two-players"
    if need in {Need.ADMIN, Need.BOTH, Need.WATCH} and not dialect.admin:
        return "the administrator's port does not answer Hello: see admin-greets"
    if need is Need.WATCH and dialect.seat is not Seat.FREE:
        return dialect.seat
    return ""


def _result(check: Check[JudgedServer], outcome: Outcome, finding: Finding) -> Result:
    return Result(check.name, check.clauses, check.level, check.sentence, outcome, finding)


def _ask(server: JudgedServer, check: Check[JudgedServer]) -> Result:
    if server.program is not None:
        server.program.news()
    start = time.monotonic()
    outcome, finding = Outcome.PASSED, Finding()
    try:
        check.ask(server)
    except MismatchError as error:
        outcome, finding = Outcome.FAILED, error.finding
    except NotApplicableError as error:
        outcome, finding = Outcome.NOT_APPLICABLE, Finding(note=str(error))
    finally:
        server.close_all()
    died = not server.alive()
    if died:
        outcome = Outcome.FAILED
        finding = replace(finding, expected=finding.expected or "the server to go on serving")
    if outcome is Outcome.FAILED and server.program is not None:
        finding = replace(finding, printed=server.program.news())
    result = _result(check, outcome, finding)
    return replace(result, died=died, seconds=time.monotonic() - start)
