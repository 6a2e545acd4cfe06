"""Find out how a server wants to be spoken to, before anything is judged; nothing here fails."""

import contextlib
import re
from collections.abc import Callable

from services.conformance.dialect import ADDRESS, VERDICTS, Seat, Sense, sense
from services.conformance.judged import JudgedServer
from services.conformance.wire import MismatchError, Wire
from services.protocol.codec import parse_player_reply
from services.protocol.messages import Prompt

_TERMINATORS = ((b"\r\n", "CRLF"), (b"\n", "LF alone"), (b"", "nothing at all"))
_SPELLINGS = {
    "My Guess is: {}": "",
    "Guess: {}": "short: a guess is spelled 'Guess: N'",
    "{}": "bare number: a guess is nothing but the number",
}
_VERDICT_WORDS = ("Far", "Close", "Correct")
_ANYWHERE = 15
_USUAL_FORM = re.compile(r"([\d.]+|[\da-fA-F:]+) \d+")


def discover(server: JudgedServer) -> None:
    """Fill in the server's dialect."""
    for step in (_banner, _greeting, _game, _prompt, _several, _rounds, _admin, _addresses, _seat):
        with contextlib.suppress(MismatchError):
            step(server)
        server.close_all()


def _banner(server: JudgedServer) -> None:
    dialect = server.dialect
    wire = server.open(server.player_port)
    banner = wire.rest(server.pace.quiet_s)
    if banner and not wire.ended:
        dialect.banner_lines = max(1, banner.count(b"\n"))
        dialect.names.append(f"begins with a banner: {wire.conversation()[0]}")


def _greeting(server: JudgedServer) -> None:
    dialect = server.dialect
    for dialect.terminator, name in _TERMINATORS:
        answer = _try(server, server.open_player, "Hello")
        server.close_all()
        if answer is not None and sense(answer) is not Sense.REFUSAL:
            if dialect.terminator != b"\r\n":
                dialect.names.append(f"understands lines ended by {name} only")
            if not dialect.lines_end:
                dialect.names.append("ends none of its own lines")
            if answer != "Greetings":
                dialect.names.append(f"greets with {answer!r}")
            return
    dialect.terminator = b"\r\n"
    dialect.greets = dialect.plays = False


def _try(server: JudgedServer, begin: Callable[[], Wire], line: str) -> str | None:
    """Say one line on a new connection; return the reply, or None if there was none."""
    try:
        wire = begin()
        wire.gap_s = 2 * server.pace.quiet_s
        wire.say(line)
        octets = wire.line_octets("a reply")
    except MismatchError:
        return None
    if not octets.endswith(b"\n") and not wire.ended:
        server.dialect.lines_end = False
    return octets.decode("ascii", "backslashreplace").rstrip("\r\n")


def _game(server: JudgedServer) -> None:
    dialect = server.dialect
    if not dialect.plays:
        return
    answer = _try(server, server.greeted, "Game")
    server.close_all()
    dialect.game = answer is not None and sense(answer) not in {Sense.REFUSAL, Sense.PROMPT, *VERDICTS}
    if dialect.game and answer != "Ready":
        dialect.names.append(f"answers Game with {answer!r}")

    def begin() -> Wire:
        wire = server.greeted()
        if dialect.game:
            wire.say("Game")
            wire.line("Ready")
        return wire

    for dialect.guess, name in _SPELLINGS.items():
        answer = _try(server, begin, dialect.guess.format(_ANYWHERE))
        server.close_all()
        if answer is not None and sense(answer) in VERDICTS:
            _name(server, "" if dialect.game else "short: begins the game without Game", name)
            _name(server, "" if answer in _VERDICT_WORDS else f"texts instead of verdicts: {answer!r}")
            return
    dialect.guess = next(iter(_SPELLINGS))
    dialect.plays = False


def _name(server: JudgedServer, *names: str) -> None:
    server.dialect.names.extend(filter(None, names))


def _prompt(server: JudgedServer) -> None:
    dialect = server.dialect
    if not dialect.plays:
        return
    player = server.play()
    player.wire.say(player.spell("ten"))
    answer = player.wire.line("the prompt")
    match parse_player_reply(answer.encode()):
        case Prompt(low, high) if low < high:
            dialect.low, dialect.high = low, high
        case _ if sense(answer) is Sense.PROMPT:
            dialect.names.append(f"prompts with {answer!r}")
        case _:
            pass


def _several(server: JudgedServer) -> None:
    if not server.dialect.plays:
        return
    server.dialect.several = False
    server.play()
    server.play()
    server.dialect.several = True


def _rounds(server: JudgedServer) -> None:
    if not (server.dialect.plays and server.dialect.several):
        return
    winner, other = server.play(), server.play()
    winner.sweep()
    server.dialect.rounds = other.guess(server.dialect.low) is Sense.TOO_LATE


def _admin(server: JudgedServer) -> None:
    dialect = server.dialect
    dialect.admin = False
    for dialect.admin_hello in ("Hello", "Admin-Hello"):
        answer = _try(server, lambda: server.open(server.admin_port), dialect.admin_hello)
        server.close_all()
        if answer is not None and sense(answer) is not Sense.REFUSAL:
            dialect.admin = True
            if dialect.admin_hello != "Hello":
                dialect.names.append("the administrator has to say Admin-Hello")
            if answer != "Admin-Greetings":
                dialect.names.append(f"greets the administrator with {answer!r}")
            return


def _addresses(server: JudgedServer) -> None:
    dialect = server.dialect
    if not (dialect.admin and dialect.plays):
        return
    player = server.play()
    wire, lines = server.who()
    dialect.who_closes = bool(wire.ended)
    own = player.wire.address
    listed = [(found["host"] or found["host4"]) for line in lines for found in ADDRESS.finditer(line)]
    # Another host's address stands for ours behind an address translation, as with a published port.
    # Without one the host is ours, and if anything only the port or the spelling is wrong.
    dialect.direct = not listed or any(host.removeprefix("::ffff:") == own[0] for host in listed)
    if not dialect.direct:
        dialect.names.append(
            f"sees the kit under another address than its own {own[0]} (address translation)"
        )
    form = next((line for line in lines if ADDRESS.search(line)), "")
    if form and not _USUAL_FORM.fullmatch(form):
        dialect.names.append(f"lists a player as {form!r}")


def _seat(server: JudgedServer) -> None:
    dialect = server.dialect
    dialect.seat = Seat.NONE
    if not dialect.admin:
        return
    answer = _try(server, server.greeted_admin, "Watch")
    server.close_all()
    if answer is None or sense(answer) is Sense.REFUSAL:
        dialect.seat = Seat.TAKEN if "another administrator" in (answer or "") else Seat.NONE
        return
    dialect.seat = Seat.STUCK
    server.watch()
    dialect.seat = Seat.FREE
