"""Shared rounds, where all players guess at one number (level extended)."""

import shlex
import subprocess
import time
from typing import TYPE_CHECKING, Final

from services.conformance.checks import Checklist, Need
from services.conformance.clock import WallDeadline
from services.conformance.connection import MismatchError, NotApplicableError, quoted
from services.conformance.dialect import Meaning, classify
from services.conformance.judged import JudgedServer
from services.conformance.results import Level
from services.conformance.server_watch import next_line
from services.protocol.codec import parse_player_reply, spell
from services.protocol.messages import Guessed, Joined, Left, Round, TooLate, Won

if TYPE_CHECKING:
    from services.protocol.messages import AdminReply

CHECKS: Final[Checklist[JudgedServer]] = Checklist(Level.EXTENDED)
REFUSAL_S: Final = 2.0
COMMAND_S: Final = 10.0
MENDED_S: Final = 10.0
TRIES: Final = 3


def _shared(server: JudgedServer) -> None:
    if not server.dialect.rounds:
        raise NotApplicableError("each player has a secret of their own")


@CHECKS.check(
    "R-1",
    "R-2",
    need=Need.GAME,
    hint="keep one secret for all, and change it under the same lock that finds the winner",
)
def one_secret(server: JudgedServer) -> None:
    """All players guess at one number, and only the first of them wins."""
    _shared(server)
    players = [server.play() for _ in range(TRIES)]
    for number in range(server.dialect.low, server.dialect.high + 1):
        verdicts = [player.guess(number) for player in players]
        if verdicts[0] is Meaning.CORRECT:
            if verdicts[1:] != [Meaning.TOO_LATE] * (len(players) - 1):
                players[1].connection.fail("Too late for everybody but the winner", ", ".join(verdicts))
            players[0].connection.expect_end("Correct")
            return
        if Meaning.TOO_LATE not in verdicts and len(set(verdicts)) != 1:
            players[0].connection.fail("one verdict for one number, whoever guesses it", ", ".join(verdicts))


@CHECKS.check("R-3", "N-4", need=Need.GAME, hint="keep with each player in which round the last reply was")
def too_late(server: JudgedServer) -> None:
    """After a round is won, each other player's next guess is answered Too late, once; more may follow it."""
    _shared(server)
    winner, other = server.play(), server.play()
    winner.sweep()
    other.connection.send_lines(other.spell(server.dialect.low))
    wanted = "the line 'Too late', 'Too late NUMBER' or 'Too late NUMBER NAME'"
    text = other.connection.read_line(wanted)
    late = parse_player_reply(text.encode())
    # Which number it is another player may have decided meanwhile, by finding the next one too.
    if (
        not isinstance(late, TooLate)
        or spell(late) != text
        or not (late.number is None or server.dialect.low <= late.number <= server.dialect.high)
    ):
        other.connection.fail(wanted, quoted(text))
    # Another player, of another server even, may win the next round at once; hardly again and again.
    if all(other.guess(server.dialect.high) is Meaning.TOO_LATE for _ in range(TRIES)):
        other.connection.fail("a verdict for the guess after Too late", "Too late again")


@CHECKS.check("R-4", need=Need.WATCH, hint="send the watcher Round NUMBER when the new secret is drawn")
def told_of_rounds(server: JudgedServer) -> None:
    """A watcher hears of each new round, after Won."""
    _shared(server)
    connection, _ = server.watch()
    server.play().sweep()
    wanted = "the line 'Round NUMBER' after the line 'Won IP PORT GUESSES'"
    last: AdminReply | None = None
    # A Round before anything else is the one in play.
    while not isinstance(reply := next_line(connection, wanted, rounds=True), Round) or last is None:
        if not isinstance(reply, Joined | Guessed | Won | Left | Round):
            connection.fail(wanted, quoted(spell(reply)))
        last = reply
    if not isinstance(last, Won):
        connection.fail(wanted, f"'Round {reply.number}' after {quoted(spell(last))}")


@CHECKS.check(
    "R-5", need=Need.BOTH, hint="give what the servers share a timeout of less than 2 s, and refuse then"
)
def cut_off(server: JudgedServer) -> None:
    """Cut off from what the servers share, a server refuses within 2 s, and serves again afterwards."""
    _shared(server)
    if not (server.limits.cut and server.limits.mend):
        raise NotApplicableError("say how to cut the server off, and how to mend it: --cut and --mend")
    _run(server.limits.cut)
    try:
        for begin, said in ((server.greeted, "Game"), (server.greeted_admin, "Who")):
            connection = begin()
            start = time.monotonic()
            connection.send_lines(said)
            wanted = f"a line 'Refused: REASON' for {quoted(said)} within {REFUSAL_S:g} s"
            text = connection.read_line(wanted)
            if classify(text) is not Meaning.REFUSAL or time.monotonic() > start + REFUSAL_S:
                connection.fail(wanted, f"{quoted(text)} after {time.monotonic() - start:.1f} s")
    finally:
        _run(server.limits.mend)
    deadline = WallDeadline(MENDED_S)
    while True:
        try:
            server.expect_serves()
        except MismatchError:
            if deadline.over:
                raise
            time.sleep(0.1)
        else:
            return


def _run(command: str) -> None:
    try:
        subprocess.run(shlex.split(command), check=True, timeout=COMMAND_S, stdout=subprocess.DEVNULL)
    except subprocess.CalledProcessError as error:
        raise NotApplicableError(f"{command}: exit status {error.returncode}") from error
    except subprocess.TimeoutExpired as error:
        raise NotApplicableError(f"{command}: not done within {COMMAND_S:g} s") from error
    except OSError as error:
        raise NotApplicableError(f"{command}: {error.strerror}") from error
