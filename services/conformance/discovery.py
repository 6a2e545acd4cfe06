"""Find out how a server wants to be spoken to, before anything is judged; nothing here fails.

Nothing here harms either, as far as that is possible: no connection is opened merely to look, and a
conversation that
is understood is played to its end. A server that dies nevertheless is started again for the next step.
"""

import contextlib
import re
from typing import Final

from services.conformance.connection import Connection, MismatchError, NotApplicableError, quoted, shown
from services.conformance.dialect import ADDRESS, VERDICTS, Meaning, Seat, classify
from services.conformance.judged import GAP_S, TRIES, JudgedServer, Player
from services.protocol.codec import parse_player_reply
from services.protocol.messages import Prompt

TERMINATORS: Final = ((b"\r\n", "CRLF"), (b"\n", "LF alone"), (b"", "nothing at all"))
SPELLINGS: Final = {
    "My Guess is: {}": ("", "short: begins the game without Game"),
    "Guess: {}": (
        "short: a guess is spelled 'Guess: N'",
        "short: begins the game without Game, and a guess is spelled 'Guess: N'",
    ),
    "{}": (
        "bare: a guess is the bare number",
        "bare-short: begins the game without Game, and a guess is the bare number",
    ),
}
"""How a guess may be spelled, and what that is called with Game before it and without: as by --dialect."""
ADMIN_HELLOS: Final = (("Hello", TERMINATORS[0]), ("Admin-Hello", TERMINATORS[0]), ("Hello", TERMINATORS[-1]))
VERDICT_WORDS: Final = ("Far", "Close", "Correct")
ANYWHERE: Final = 15
OUT_OF_RANGE: Final = 1000
USUAL_FORM: Final = re.compile(r"([\d.]+|[\da-fA-F:]+) \d+")


def discover(server: JudgedServer, *, watched: bool) -> None:
    """Fill in the server's dialect; what concerns Watch only if a check will ask about it.

    Raises:
        NotStartedError: nobody listens on the player port.
    """
    server.begin_check()
    for step in (_player_port, _prompt, _several, _rounds, _admin, _addresses, *[_seat] * watched):
        smooth = False
        for _ in range(TRIES):
            with contextlib.suppress(MismatchError, NotApplicableError):
                smooth = step(server)
            if smooth or not server.has_ended_after_a_win():
                break
            server.end_check()
            server.begin_check()
        ended = server.end_check()
        if ended or not smooth:
            # It is gone, or may hang.
            server.begin_check()


def _player_port(server: JudgedServer) -> bool:
    greeted = _greeting(server)
    if greeted is None:
        dialect = server.dialect
        dialect.greets = dialect.game = False
        # One that greets unasked may begin the game with that.
        dialect.plays = bool(dialect.banner_lines) and _guess(server, None)
        return dialect.plays
    return _game(server, greeted)


def _greeting(server: JudgedServer) -> Connection | None:
    """Find out how lines have to end, and whether there is a banner; return a connection that was greeted."""
    dialect = server.dialect
    for terminator, name in TERMINATORS:
        dialect.terminator = terminator
        if terminator == TERMINATORS[0][0]:
            connection = server.first_connection()
            banner = connection.read_rest(server.timing.quiet_s)
            if banner and not connection.ended:
                dialect.banner_lines = max(1, banner.count(b"\n"))
                dialect.names.append(f"begins with a banner: '{shown(banner)}'")
        else:
            connection = server.open(server.player_port)
            connection.read_rest(server.timing.quiet_s * bool(dialect.banner_lines))
        answer = _reply(server, connection, "Hello")
        if answer is not None and classify(answer) is not Meaning.REFUSAL:
            _name(
                server,
                f"understands lines ended by {name} only" if terminator != b"\r\n" else "",
                "" if dialect.lines_end else "ends none of its own lines",
                f"greets with {quoted(answer)}" if answer != "Greetings" else "",
            )
            return connection
        server.end_check()
        if server.program is not None:
            server.begin_check()
    dialect.terminator = TERMINATORS[0][0]
    return None


def _reply(server: JudgedServer, connection: Connection, line: str) -> str | None:
    """Send a line; return the reply, or None if there was none."""
    connection.gap_s = 2 * server.timing.quiet_s
    connection.send_lines(line)
    try:
        octets = connection.read_line_octets("a reply")
    except MismatchError:
        return None
    if not octets.endswith(b"\n") and not connection.ended:
        server.dialect.lines_end = False
        connection.gap_s = GAP_S
    return octets.decode("ascii", "backslashreplace").rstrip("\r\n")


def _game(server: JudgedServer, connection: Connection) -> bool:
    """Find out how a game begins and how a guess is spelled, if possible on the same connection."""
    dialect = server.dialect
    answer = _reply(server, connection, "Game")
    dialect.game = answer is not None and classify(answer) not in {Meaning.REFUSAL, Meaning.PROMPT, *VERDICTS}
    if answer is not None and dialect.game and answer != "Ready":
        dialect.names.append(f"answers Game with {quoted(answer)}")
    return _guess(server, connection if dialect.game else None)


def _guess(server: JudgedServer, begun: Connection | None) -> bool:
    """Find out how a guess is spelled; on the connection, if a game has begun there."""
    dialect = server.dialect
    for spelling, (with_game, without_game) in SPELLINGS.items():
        dialect.guess = spelling
        with contextlib.suppress(MismatchError):
            current = begun or _begun(server)
            answer = _reply(server, current, spelling.format(ANYWHERE))
            meant = classify(answer) if answer is not None else Meaning.OTHER
            if answer is not None and meant in VERDICTS:
                _name(server, with_game if dialect.game else without_game)
                if answer not in VERDICT_WORDS:
                    _name(server, f"texts instead of verdicts: {quoted(answer)}")
                if meant is not Meaning.CORRECT:
                    with contextlib.suppress(MismatchError):
                        Player(current, dialect).sweep()
                        return True
                return meant is Meaning.CORRECT
        begun = None
        server.end_check()
        if server.program is not None:
            server.begin_check()
    dialect.guess = next(iter(SPELLINGS))
    dialect.plays = False
    return False


def _begun(server: JudgedServer) -> Connection:
    connection = server.greeted()
    if server.dialect.game:
        connection.send_lines("Game")
        connection.read_line("Ready")
    return connection


def _name(server: JudgedServer, *names: str) -> None:
    server.dialect.names.extend(filter(None, names))


def _prompt(server: JudgedServer) -> bool:
    dialect = server.dialect
    if not dialect.plays:
        return True
    player = server.play()
    # A number, since many a server dies of a word.
    player.connection.send_lines(player.spell(OUT_OF_RANGE))
    answer = player.connection.read_line("the prompt")
    match parse_player_reply(answer.encode()):
        case Prompt(low, high) if low < high:
            dialect.low, dialect.high = low, high
        case _ if classify(answer) in VERDICTS:
            dialect.judges_all = True
        case _ if classify(answer) is Meaning.PROMPT:
            dialect.names.append(f"prompts with {quoted(answer)}")
        case _:
            pass
    player.sweep()
    return True


def _several(server: JudgedServer, tries: int = TRIES) -> bool:
    if not server.dialect.plays:
        return True
    server.dialect.several = False
    first, second = server.play(), server.play()
    seen = [first.guess(server.dialect.low)]
    if seen[0] is Meaning.CORRECT and tries > 1:
        # Won by chance: that may have ended the server, or hung it, and tells nothing of two players.
        server.end_check()
        server.begin_check()
        return _several(server, tries - 1)
    seen.append(second.guess(server.dialect.low))
    server.dialect.several = True
    for player, meant in zip((first, second), seen, strict=True):
        if meant is not Meaning.CORRECT:
            with contextlib.suppress(MismatchError):  # the other game may have been the last
                player.sweep()
    return True


def _rounds(server: JudgedServer) -> bool:
    if not (server.dialect.plays and server.dialect.several):
        return True
    winner, other = server.play(), server.play()
    winner.sweep()
    server.dialect.rounds = other.guess(server.dialect.low) is Meaning.TOO_LATE
    other.sweep()
    return True


def _admin(server: JudgedServer) -> bool:
    dialect = server.dialect
    dialect.admin = False
    for hello, (terminator, end) in ADMIN_HELLOS:
        dialect.admin_hello, dialect.admin_terminator = hello, terminator
        connection = server.open(server.admin_port)
        players_lines_end = dialect.lines_end
        answer = _reply(server, connection, hello)
        dialect.admin_lines_end, dialect.lines_end = dialect.lines_end, players_lines_end
        if answer is not None and classify(answer) is not Meaning.REFUSAL:
            dialect.admin = True
            _name(
                server,
                "the administrator has to say Admin-Hello" if hello != "Hello" else "",
                f"understands an administrator's lines ended by {end} only" if terminator != b"\r\n" else "",
                f"greets the administrator with {quoted(answer)}" if answer != "Admin-Greetings" else "",
            )
            connection.send_lines("Who")
            connection.read_rest(server.timing.quiet_s)
            return True
        server.end_check()
        if server.program is not None:
            server.begin_check()
    return False


def _addresses(server: JudgedServer) -> bool:
    dialect = server.dialect
    if not (dialect.admin and dialect.plays):
        return True
    player = server.play()
    connection, lines = server.who()
    dialect.who_closes = bool(connection.ended)
    own = player.connection.address
    listed = [(found["host"] or found["host4"]) for line in lines for found in ADDRESS.finditer(line)]
    # Another host's address stands for ours behind an address translation, as with a published port.
    # Without one the host is ours, and if anything only the port or the spelling is wrong.
    dialect.direct = not listed or any(host.removeprefix("::ffff:") == own[0] for host in listed)
    if not dialect.direct:
        dialect.names.append(
            f"sees the kit under another address than its own {own[0]} (address translation)"
        )
    form = next((line for line in lines if ADDRESS.search(line)), "")
    if form and not USUAL_FORM.fullmatch(form):
        dialect.names.append(f"lists a player as {quoted(form)}")
    player.sweep()
    return True


def _seat(server: JudgedServer) -> bool:
    dialect = server.dialect
    dialect.seat = Seat.NONE
    if not dialect.admin:
        return True
    answer = _reply(server, server.greeted_admin(), "Watch")
    server.end_check()
    if answer is None or classify(answer) is Meaning.REFUSAL:
        dialect.seat = Seat.TAKEN if "another administrator" in (answer or "") else Seat.NONE
        return False
    dialect.seat = Seat.STUCK
    server.watch()
    dialect.seat = Seat.FREE
    return True
