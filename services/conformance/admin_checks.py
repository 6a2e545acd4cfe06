"""What an administrator's client must do, judged by a scripted server."""

from typing import Final

from services.conformance.checks import Checklist
from services.conformance.connection import NotApplicableError, NotJudgedError
from services.conformance.program import Program
from services.conformance.results import Level
from services.conformance.scripted_server import (
    AFTER_END,
    AFTER_REFUSAL,
    HINT_HELLO,
    HINT_LINE_END,
    HOLD_S,
    Session,
)
from services.conformance.scripted_server import JudgedClient as Client
from services.protocol.messages import AdminHello, Hello, Pong, Watch, Who

LISTED: Final = ("192.0.2.7 40001", "192.0.2.7 40002", "198.51.100.23 50123", "203.0.113.5 50124")
LISTED_6: Final = ("2001:db8::7 40001", "2001:db8::8 40002")
NEWCOMER: Final = "203.0.113.99 41234"
TYPED: Final = ("Who",)

CLASSIC: Final[Checklist[Client]] = Checklist(Level.CLASSIC)
ROBUST: Final[Checklist[Client]] = Checklist(Level.ROBUST)
EXTENDED: Final[Checklist[Client]] = Checklist(Level.EXTENDED)


def _ask(session: Session) -> bool:
    """Go through the handshake; tell whether the client watches, where it has asked for either list."""
    if session.read_message() is None:
        raise NotJudgedError("the client said nothing: see hello-first")
    session.reply("Admin-Greetings")
    if session.read_message() is None:
        raise NotJudgedError("the client did not ask for the list: see who-second")
    return isinstance(session.requests()[-1], Watch)


def _listing(client: Client) -> Session:
    """List three players; a watcher gets End instead of the end of the stream."""
    session = client.start("the list: ask who is playing", TYPED)
    if session.read_message() is None:
        return session
    session.reply("Admin-Greetings")
    if session.read_message() is None:
        return session
    if isinstance(session.requests()[-1], Watch):
        client.name_dialect("watches")
        session.reply(*LISTED, "End")
        return session
    session.reply(*LISTED)
    session.connection.half_close()
    if session.gone(client.timing.timeout_s):
        session.ended_at = "the list"
    return session


@CLASSIC.check(
    "A-1",
    hint=HINT_HELLO,
)
def hello_first(client: Client) -> None:
    """The client says Hello or Admin-Hello first."""
    session = client.once(_listing)
    if not session.messages:
        session.fail("the line 'Hello' or 'Admin-Hello'", "nothing")
    if not isinstance(session.requests()[0], Hello | AdminHello):
        session.fail("the line 'Hello' or 'Admin-Hello'", session.said(0), message=0)


@CLASSIC.check(
    "A-2",
    "A-3",
    hint="read the whole line Admin-Greetings first, then send 'Who\\r\\n'",
)
def who_second(client: Client) -> None:
    """After Admin-Greetings the client says Who (or Watch)."""
    session = client.once(_listing)
    if not session.messages:
        raise NotJudgedError("the client said nothing: see hello-first")
    if len(session.messages) < 2:
        session.fail("the line 'Who', after Admin-Greetings", "nothing")
    if not isinstance(session.requests()[1], Who | Watch):
        session.fail("the line 'Who', after Admin-Greetings", session.said(1), message=1)


@CLASSIC.check(
    "F-1",
    hint=HINT_LINE_END,
)
def lines_ended(client: Client) -> None:
    """Each message of the client ends with CRLF or LF."""
    client.once(_listing).expect_lines_ended()


@CLASSIC.check(
    "C-1",
    hint="read Admin-Greetings before you send Who",
)
def waits(client: Client) -> None:
    """The client waits for each reply before it says the next thing."""
    client.once(_listing).expect_turns()


@CLASSIC.check(
    "A-2",
    "A-6",
    hint="read until the server closes: the list has as many lines as there are players",
)
def shows_the_list(client: Client) -> None:
    """The client shows every player's address and port, whether one plays, two or four."""
    for count in (1, 2, 4):
        session = client.start(f"a list of {count}: ask who is playing", TYPED)
        players = LISTED[:count]
        _list(session, players)
        _expect_shown(session, players)


@CLASSIC.check(
    "C-4",
    hint="an empty result of recv is the end of the list: leave the loop, and close",
)
def ends_with_the_list(client: Client) -> None:
    """The end of the list ends the client."""
    session = client.once(_listing)
    if len(session.messages) < 2:
        raise NotJudgedError("the client did not ask for the list: see who-second")
    _not_for_watchers(session)
    if not session.ended_at:
        session.fail("the connection to be closed by the client, at the end of the list", "it was left open")


@CLASSIC.check(
    "A-2",
    hint="an empty line is a list of nobody: say so, and do not take it apart",
)
def empty_list(client: Client) -> None:
    """An empty list, which is one empty line, is understood."""
    ends = client.ends(_listing)
    session = client.start("an empty list: ask who is playing", TYPED)
    watches = _ask(session)
    session.reply("End" if watches else "")
    if not watches:
        session.connection.half_close()
    if ends:
        session.expect_gone("the end of the list", AFTER_END)
    session.expect_no_crash()


@ROBUST.check(
    "F-3",
    hint="recv returns whatever has arrived, half a line too: gather all of it, then cut it at \\n",
)
def list_in_pieces(client: Client) -> None:
    """Greetings and a list that come in several segments are understood."""
    session = client.start("a list in pieces: ask who is playing", TYPED)
    if session.read_message() is None:
        raise NotJudgedError("the client said nothing: see hello-first")
    session.reply_in_pieces("Admin-Greetings", 5)
    if session.read_message() is None:
        session.fail(
            "the line 'Who', after Admin-Greetings in two segments", session.connection.ended or "nothing"
        )
    watches = isinstance(session.requests()[-1], Watch)
    session.reply_in_pieces("\r\n".join((*LISTED, "End") if watches else LISTED), len(LISTED[0]) + 8)
    if not watches:
        session.connection.half_close()
    _expect_shown(session, LISTED)


@ROBUST.check(
    "C-4",
    hint="look at the first reply: at Refused show the reason, and close",
)
def refusal(client: Client) -> None:
    """A refusal in place of Admin-Greetings ends the client."""
    session = client.start("a refusal: just start the client", TYPED)
    if session.read_message() is None:
        raise NotJudgedError("the client said nothing: see hello-first")
    session.reply("Refused: server full")
    session.expect_gone("a refusal", AFTER_REFUSAL)


@ROBUST.check(
    "C-4",
    hint="an empty result of recv is the end of the stream, wherever it comes: leave the loop",
)
def vanished(client: Client) -> None:
    """The end of the stream ends the client."""
    session = client.start("a server that goes away: just start the client", TYPED)
    if session.read_message() is None:
        raise NotJudgedError("the client said nothing: see hello-first")
    session.connection.half_close()
    session.expect_gone("the end of the stream", AFTER_END)


@EXTENDED.check("A-6", hint="an address may have colons: cut a line at its blank, not at a colon")
def shows_ipv6(client: Client) -> None:
    """IPv6 addresses are shown too."""
    session = client.start("a list with IPv6 addresses: ask who is playing", TYPED)
    _list(session, LISTED_6)
    _expect_shown(session, LISTED_6)


@EXTENDED.check("A-4", hint="after End, read on line by line: Joined IP PORT is a new player")
def follows_events(client: Client) -> None:
    """A watcher shows who has joined."""
    session = client.start("a watch: start watching", TYPED)
    if not _ask(session):
        raise NotApplicableError("the client does not watch")
    session.reply(*LISTED, "End")
    session.connection.send(
        f"Joined {NEWCOMER}\r\nGuessed {NEWCOMER} 15 Far\r\nWon {LISTED[0]} 4\r\n".encode()
    )
    _expect_shown(session, (NEWCOMER,))


@EXTENDED.check("N-3", hint="a third field is the player's name: do not ask for exactly two fields")
def reads_names(client: Client) -> None:
    """A watcher shows players who gave a name, too."""
    session = client.start("a watch: start watching", TYPED)
    if not _ask(session):
        raise NotApplicableError("the client does not watch")
    session.reply(*(f"{player} ann" for player in LISTED), "End")
    session.connection.send(f"Joined {NEWCOMER} x-2\r\n".encode())
    _expect_shown(session, (*LISTED, NEWCOMER))


@EXTENDED.check("A-8", hint="answer a line that begins with Ping by 'Pong\\r\\n', whenever it comes")
def pong(client: Client) -> None:
    """A watcher answers Ping with Pong."""
    session = client.start("a watch: start watching", TYPED)
    if not _ask(session):
        raise NotApplicableError("the client does not watch")
    session.reply("End", "Ping")
    if session.read_message() is None or not isinstance(session.requests()[-1], Pong):
        session.fail("the line 'Pong', in answer to Ping", session.connection.ended or "nothing")


@EXTENDED.check("A-7", hint="at Refused show the reason and close: another administrator is watching")
def seat_taken(client: Client) -> None:
    """A watcher whose seat is taken closes, and may come again later."""
    session = client.start("a watch while another administrator watches: start watching", TYPED)
    if not _ask(session):
        raise NotApplicableError("the client does not watch")
    session.reply("Refused: another administrator is watching")
    session.expect_gone("the refusal", AFTER_REFUSAL)


def _not_for_watchers(session: Session) -> None:
    if any(isinstance(request, Watch) for request in session.requests()):
        raise NotApplicableError("the client watches, and has no reason to end")


def _list(session: Session, players: tuple[str, ...]) -> None:
    """Answer the request for a list; whether the client ends then is another check's question."""
    watches = _ask(session)
    session.reply(*players, *(["End"] if watches else []))
    if not watches:
        session.connection.half_close()


def _expect_shown(session: Session, players: tuple[str, ...]) -> None:
    program = session.program
    if program is None:
        raise NotApplicableError("what the client shows can only be seen if the kit starts it")
    deadline = session.connection.clock.deadline(session.connection.timing.timeout_s)
    missing = _missing(program, players)
    while missing and not deadline.over:
        program.wait(HOLD_S)
        missing = _missing(program, players)
    if missing:
        wanted = f"the address and the port of each player to be shown: {', '.join(missing)}"
        session.fail(wanted, "they were not printed")
    session.expect_no_crash()


def _missing(program: Program, players: tuple[str, ...]) -> list[str]:
    output = program.output().decode("utf-8", "replace")
    return [player for player in players if not all(part in output for part in player.split())]


CHECKS: Final = (*CLASSIC, *ROBUST, *EXTENDED)
