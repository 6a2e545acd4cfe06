"""Our own limits, spellings and timeouts on the player port (level extended)."""

import threading
import time
from dataclasses import dataclass
from typing import Final

from services.conformance.checks import Checklist, Need
from services.conformance.clock import WallDeadline
from services.conformance.connection import Connection, NotApplicableError, NotJudgedError, quoted, shown
from services.conformance.dialect import VERDICTS, Meaning, classify
from services.conformance.judged import JudgedServer, Player
from services.conformance.results import Level
from services.protocol.codec import spell
from services.protocol.framing import MAX_LINE_OCTETS
from services.protocol.messages import (
    AdminHello,
    Game,
    Guess,
    Hello,
    Message,
    Name,
    Pong,
    Unknown,
    Watch,
    Who,
)
from services.protocol.state import TRANSITIONS, State

REQUESTS: Final[tuple[Message, ...]] = (
    Hello(), AdminHello(), Name("ann"), Game(), Guess(15), Who(), Watch(), Pong(), Unknown("Nonsense"),
    Unknown(""),
)  # fmt: skip
EXPECTED: Final = {
    State.CONNECTED: "Hello",
    State.GREETED: "Game",
    State.ADMIN_CONNECTED: "Hello",
    State.ADMIN_GREETED: "Who",
}
LONGEST_WAIT_S: Final = 15.0
"""A timeout that is longer is not waited for."""
SLACK_S: Final = 2.0
NEWCOMERS: Final = 16
MOST_OPENED: Final = 500
"""A limit that is higher is not tried out."""

HINT_TURN: Final = (
    "keep for each connection what it has said (connected, greeted, playing), and answer 'Refused: expected "
    "Hello' or the like to whatever does not come next, then close; the administrator's port has such states "
    "too"
)
HINT_SPELLING: Final = (
    "turn the line to lower case, take away blanks, then 'my guess is:' or 'guess:' if it begins so; what is "
    "left has to be digits"
)
HINT_NAME: Final = (
    "a line 'Name: NAME' after Greetings is answered 'Welcome NAME'; more of them, and then Game, may follow"
)
HINT_LONG: Final = (
    "count the octets of each line, \\r\\n included, while it comes: refuse it as soon as there are more "
    "than 512 without an end, after the lines before it were answered"
)
HINT_UNTERMINATED: Final = (
    "when recv returns nothing, look at what is left in the buffer: a line without an end is not executed "
    "but answered 'Refused: line not ended by CRLF' (a server that is set to end lines by silence is judged "
    "without that)"
)
HINT_TIMEOUT: Final = (
    "note when the connection was accepted, and close it when it has not begun to play 10 s later, whatever "
    "it has sent meanwhile: without a word if it never said anything, else with a line 'Refused: REASON'"
)

CHECKS: Final[Checklist[JudgedServer]] = Checklist(Level.EXTENDED)


@CHECKS.check("P-3", need=Need.GAME, hint=HINT_SPELLING)
def spellings(server: JudgedServer) -> None:
    """Guess: N and the bare number are guesses too; blanks do not matter."""
    player = server.bystander()
    number = player.losing
    for line in (
        f"Guess: {number}",
        f"{number}",
        f"  {number}\t",
        f"my  guess is :{number}",
        f"GUESS:{number}",
    ):
        player.connection.send_lines(line)
        text = player.connection.read_line(f"a verdict on {quoted(line)}")
        if classify(text) not in VERDICTS:
            player.connection.fail(f"a verdict on {quoted(line)}", quoted(text))


@CHECKS.check("A-1", need=Need.ADMIN, hint="accept either word as the administrator's first line")
def admin_greets_both(server: JudgedServer) -> None:
    """Hello and Admin-Hello are both answered Admin-Greetings."""
    for hello in ("Hello", "Admin-Hello"):
        connection = server.open(server.admin_port)
        connection.send_lines(hello)
        connection.expect("Admin-Greetings")
        connection.close()


@CHECKS.check(
    "P-7",
    need=Need.GREETING,
    hint="after Greetings, take a guess for Game and the guess together; also one whose number is "
    "none ('My Guess is: ten')",
)
def short_dialect(server: JudgedServer) -> None:
    """A guess straight after Greetings begins the game."""
    connection = server.greeted()
    connection.send_lines(f"Guess: {server.dialect.low}")
    text = connection.read_line("a verdict on a guess straight after Greetings")
    if classify(text) not in VERDICTS:
        connection.fail("a verdict on a guess straight after Greetings", quoted(text))
    connection.close()
    connection = server.greeted()
    connection.send_lines("My Guess is: ten")
    text = connection.read_line("the prompt, for a guess that is no number")
    if classify(text) is not Meaning.PROMPT:
        connection.fail("the prompt, for a guess that is no number", quoted(text))
    Player(connection, server.dialect).guess(server.dialect.low)


@CHECKS.check("N-1", need=Need.GREETING, hint=HINT_NAME)
def named(server: JudgedServer) -> None:
    """Names after Greetings are welcomed, one after the other, and the game begins as without one."""
    connection = server.greeted()
    for said, name in (("Name: ann", "ann"), ("name:Zo3_the-2nd_of_1234", "Zo3_the-2nd_of_1234")):
        connection.send_lines(said)
        connection.expect(f"Welcome {name}")
    if server.dialect.game:
        connection.send_lines("Game")
        connection.expect("Ready")


@CHECKS.check(
    "N-2", need=Need.GREETING, hint="a name has 1 to 20 letters, digits, - and _: refuse any other, and close"
)
def bad_names(server: JudgedServer) -> None:
    """What may not be a name is refused."""
    connection = server.greeted()
    connection.send_lines("Name: ann")
    if not connection.read_line("the line 'Welcome ann'").startswith("Welcome"):
        raise NotJudgedError("the server knows no names: see named")
    connection.close()
    for name in ("", "x" * 21, "two words", "\x1b[2J", "<b>"):
        connection = server.greeted()
        connection.send_lines(f"Name: {name}")
        wanted = f"a line 'Refused: REASON' for the name {quoted(name)}"
        text = connection.read_line(wanted)
        if classify(text) is not Meaning.REFUSAL:
            connection.fail(wanted, quoted(text))
        connection.expect_end("the refusal")
        connection.close()


@CHECKS.check("F-2", need=Need.GREETING, hint=HINT_LONG)
def long_line(server: JudgedServer) -> None:
    """A line that is too long is refused; the lines before it are answered."""
    refusal = f"Refused: line longer than {MAX_LINE_OCTETS} octets"
    connection = server.open_player()
    connection.send_lines("Hello", "x" * MAX_LINE_OCTETS)
    connection.read_line("the line 'Greetings', for the line before the long one")
    connection.expect(refusal)
    connection.expect_end("the refusal")
    connection = server.open_player()
    connection.send(b"x" * (MAX_LINE_OCTETS * 2))
    connection.expect(refusal)
    connection.expect_end("the refusal")


@CHECKS.check(
    "F-2",
    need=Need.GAME,
    hint="a line may have 512 octets, \\r\\n included: compare with that, and not with less",
)
def longest_line(server: JudgedServer) -> None:
    """A line of 512 octets is not too long."""
    player = server.bystander()
    line = player.spell(" " * MAX_LINE_OCTETS)
    spare = MAX_LINE_OCTETS - len(server.dialect.terminator)
    player.connection.send_lines(line[: spare - 2] + f"{player.losing:2}")
    text = player.connection.read_line(f"a verdict on a line of {MAX_LINE_OCTETS} octets")
    if classify(text) not in VERDICTS:
        player.connection.fail(f"a verdict on a line of {MAX_LINE_OCTETS} octets", quoted(text))


@CHECKS.check("F-6", "F-8", need=Need.GREETING, hint=HINT_UNTERMINATED)
def unterminated(server: JudgedServer) -> None:
    """What a half-closing client left without an end is refused, not executed."""
    connection = server.greeted()
    connection.send(b"Game")
    connection.half_close()
    connection.expect("Refused: line not ended by CRLF")
    connection.expect_end("the refusal")


def _in_state(server: JudgedServer, state: State) -> Connection:
    match state:
        case State.GREETED:
            return server.greeted()
        case State.ADMIN_CONNECTED:
            return server.open(server.admin_port)
        case State.ADMIN_GREETED:
            return server.greeted_admin()
        case _:
            return server.open_player()


def _out_of_turn(server: JudgedServer, *states: State) -> None:
    for state in states:
        for message in REQUESTS:
            if type(message) in TRANSITIONS[state]:
                continue
            connection = _in_state(server, state)
            connection.send_lines(spell(message))
            wanted = f"a line 'Refused: REASON', since {quoted(spell(message))} is out of turn"
            text = connection.read_line(wanted)
            if classify(text) is not Meaning.REFUSAL:
                connection.fail(wanted, quoted(text))
            connection.expect_end("the refusal")
            connection.close()


@CHECKS.check("S-1", "P-6", need=Need.GREETING, hint=HINT_TURN)
def out_of_turn(server: JudgedServer) -> None:
    """Whatever is out of turn before the game is refused."""
    _out_of_turn(server, State.CONNECTED, State.GREETED)


@CHECKS.check("S-1", "A-10", need=Need.ADMIN, hint=HINT_TURN)
def admin_out_of_turn(server: JudgedServer) -> None:
    """Whatever is out of turn at the administrator's port is refused."""
    _out_of_turn(server, State.ADMIN_CONNECTED, State.ADMIN_GREETED)


@CHECKS.check("S-2", need=Need.GREETING, hint=HINT_TURN)
def reasons(server: JudgedServer) -> None:
    """A refusal names what was expected."""
    for state, expected in EXPECTED.items():
        if state in {State.ADMIN_CONNECTED, State.ADMIN_GREETED} and not server.dialect.admin:
            continue
        connection = _in_state(server, state)
        connection.send_lines("Nonsense")
        where = " (the administrator's port)" if state.name.startswith("ADMIN") else ""
        wanted = (
            f"a line 'Refused: REASON' whose reason names {quoted(expected)}, in answer to 'Nonsense'{where}"
        )
        text = connection.read_line(wanted)
        if expected not in text:
            connection.fail(wanted, quoted(text))
        connection.close()


@dataclass(slots=True)
class Waited:
    """One connection that does not begin to play, and how long the server bore with it."""

    connection: Connection
    text: str = ""
    seconds: float = 0.0


def _waited(server: JudgedServer) -> dict[str, Waited]:
    limit_s = server.limits.handshake_timeout_s
    if limit_s > LONGEST_WAIT_S:
        raise NotApplicableError(f"a handshake timeout of {limit_s:g} s is not waited for")
    begun = {
        "silent": Waited(server.open_player()),
        "unterminated": Waited(server.open_player()),
        "greeted": Waited(server.greeted()),
        "dripping": Waited(server.open_player()),
    }
    if server.dialect.admin:
        begun["admin"] = Waited(server.greeted_admin())
    begun["unterminated"].connection.send(b"Hello")
    start = time.monotonic()

    def follow(name: str, waited: Waited) -> None:
        # A server that restarts its count with each octet is found out by these.
        drops = iter(range(12 if name == "dripping" else 0))
        deadline = WallDeadline(limit_s + SLACK_S * server.clock.stretch)
        while not waited.connection.ended and not deadline.over:
            if next(drops, None) is not None:
                waited.connection.send(b"x")
                waited.connection.receive(WallDeadline(limit_s / 4))
            else:
                waited.connection.receive(deadline)
        waited.seconds = time.monotonic() - start
        waited.text = waited.connection.read_rest(0).decode("ascii", "backslashreplace")

    threads = [threading.Thread(target=follow, args=item) for item in begun.items()]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return begun


def _after_timeout(server: JudgedServer, name: str, said: str) -> None:
    begun = server.once(_waited)
    if name not in begun:
        raise NotApplicableError("the administrator's port does not answer")
    waited = begun[name]
    limit_s = server.limits.handshake_timeout_s
    if not waited.connection.ended:
        waited.connection.fail(f"the connection to be closed after {limit_s:g} s", "it stayed open")
    if waited.seconds < limit_s / 2:
        waited.connection.fail(
            f"the connection to be closed after {limit_s:g} s",
            f"it was closed after {waited.seconds:.1f} s",
            "if the server is set so, say --handshake-timeout",
        )
    if not waited.text.startswith(said) or (not said and waited.text):
        whole = "the line 'Refused: REASON'" if said == "Refused: " else f"the line {quoted(said)}"
        wanted = f"{whole}, then the end" if said else "the end, without a word"
        waited.connection.fail(wanted, quoted(waited.text) if waited.text else "the end, without a line")


@CHECKS.check("P-10", need=Need.SEVERAL, hint=HINT_TIMEOUT)
def silent_timeout(server: JudgedServer) -> None:
    """A client that says nothing is disconnected at the handshake timeout, without a reply."""
    _after_timeout(server, "silent", "")


@CHECKS.check("P-10", "F-8", need=Need.SEVERAL, hint=HINT_TIMEOUT)
def unterminated_timeout(server: JudgedServer) -> None:
    """A client that does not end its line is told so at the handshake timeout."""
    _after_timeout(server, "unterminated", "Refused: line not ended by CRLF")


@CHECKS.check("P-10", need=Need.SEVERAL, hint=HINT_TIMEOUT)
def greeted_timeout(server: JudgedServer) -> None:
    """A client that does not begin to play is refused at the handshake timeout."""
    _after_timeout(server, "greeted", "Refused: ")


@CHECKS.check("P-10", need=Need.SEVERAL, hint=HINT_TIMEOUT)
def dripping_timeout(server: JudgedServer) -> None:
    """Octets now and then do not put the handshake timeout off."""
    _after_timeout(server, "dripping", "Refused: ")


@CHECKS.check("P-10", "A-10", need=Need.BOTH, hint=HINT_TIMEOUT)
def admin_timeout(server: JudgedServer) -> None:
    """The handshake timeout holds at the administrator's port."""
    _after_timeout(server, "admin", "Refused: ")


@CHECKS.check(
    "P-11",
    need=Need.GAME,
    hint="count anew from each line of the player; refuse and close when the time is up",
)
def idle_timeout(server: JudgedServer) -> None:
    """An idle player is refused and disconnected."""
    limit_s = server.limits.idle_timeout_s
    if limit_s is None or limit_s > LONGEST_WAIT_S:
        raise NotApplicableError("set a short idle timeout at the server, and say so: --idle-timeout SECONDS")
    player = server.play()
    start = time.monotonic()
    data = player.connection.read_rest(limit_s + SLACK_S * server.clock.stretch)
    if not player.connection.ended or not data.startswith(b"Refused: "):
        player.connection.fail(
            f"a line 'Refused: idle for {limit_s:g} s', then the end",
            f"'{shown(data)}'" if data else "no line",
        )
    if time.monotonic() - start < limit_s * 0.9:
        player.connection.fail(
            f"the refusal after {limit_s:g} s", f"it came after {time.monotonic() - start:.1f} s"
        )


@CHECKS.check(
    "P-13",
    need=Need.GAME,
    hint="count, for each player, the lines in a row that are no valid guess; a valid one sets the "
    "count to 0",
)
def too_many_invalid(server: JudgedServer) -> None:
    """Too many lines in a row that are no valid guess are refused; a valid one resets the count."""
    most = server.limits.max_invalid
    player = server.bystander()
    for last in (False, True):
        for _ in range(most - 1):
            player.connection.send_lines("nonsense")
            player.expect_prompt("nonsense")
        if not last:
            player.guess(player.losing)
    player.connection.send_lines("nonsense")
    player.connection.expect(
        "Refused: too many invalid guesses", f"to line {most} in a row that is no valid guess"
    )
    player.connection.expect_end("the refusal")


@CHECKS.check(
    "P-12",
    need=Need.SEVERAL,
    hint="accept, answer 'Refused: server full\\r\\n' and close; count down wherever a connection ends",
)
def full(server: JudgedServer) -> None:
    """A connection over the limit is refused, and there is room again when others have left."""
    limit = server.limits.max_players
    if limit is None or limit > MOST_OPENED:
        raise NotApplicableError("set a limit of players at the server, and say so: --max-players N")
    for _ in range(limit):
        server.open(server.player_port)
    connection = server.open(server.player_port)
    if b"Refused: server full" not in connection.read_rest().splitlines():
        connection.fail("the line 'Refused: server full'", f"'{shown(b''.join(connection.pieces))}'")
    connection.expect_end("the refusal")
    server.close_all()
    deadline = server.clock.deadline(server.timing.timeout_s)
    # Room for several at once: a server that has just noticed the first of those who left is full again soon.
    while any(classify(_greeting(server)) is Meaning.REFUSAL for _ in range(min(limit, NEWCOMERS))):
        server.close_all()
        if server.pause(deadline):
            connection.fail("room for newcomers, once the others have left", "the server is still full")


def _greeting(server: JudgedServer) -> str:
    connection = server.open_player()
    connection.send_lines("Hello")
    return connection.read_line("the line 'Greetings'")
