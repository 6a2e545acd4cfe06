"""What an administrator's client must do, judged by a scripted server."""

import time
from typing import Final

from services.conformance.checks import Checklist
from services.conformance.program import Program
from services.conformance.results import Level
from services.conformance.stage import HOLD_S, NotReachedError, Scene
from services.conformance.stage import JudgedClient as Client
from services.conformance.wire import NotApplicableError, shown
from services.protocol.messages import AdminHello, Hello, Pong, Watch, Who

LISTED: Final = ("192.0.2.7 40001", "192.0.2.7 40002", "198.51.100.23 50123")
LISTED_6: Final = ("2001:db8::7 40001", "2001:db8::8 40002")
NEWCOMER: Final = "203.0.113.99 41234"
TYPED: Final = ("Who",)

CLASSIC: Final[Checklist[Client]] = Checklist(Level.CLASSIC)
ROBUST: Final[Checklist[Client]] = Checklist(Level.ROBUST)
EXTENDED: Final[Checklist[Client]] = Checklist(Level.EXTENDED)


def _ask(scene: Scene) -> bool:
    """Go through the handshake; tell whether the client watches, where it has asked for either list."""
    if scene.hear() is None:
        raise NotReachedError("the client said nothing: see hello-first")
    scene.reply("Admin-Greetings")
    if scene.hear() is None:
        raise NotReachedError("the client did not ask for the list: see who-second")
    return isinstance(scene.requests()[-1], Watch)


def _listing(client: Client) -> Scene:
    """List three players; a watcher gets End instead of the end of the stream."""
    scene = client.start("the list: ask who is playing", TYPED)
    if scene.hear() is None:
        return scene
    scene.reply("Admin-Greetings")
    if scene.hear() is None:
        return scene
    if isinstance(scene.requests()[-1], Watch):
        client.name_dialect("watches")
        scene.reply(*LISTED, "End")
        return scene
    scene.reply(*LISTED)
    scene.wire.half_close()
    if scene.gone(client.pace.patience_s):
        scene.ended_at = "the list"
    return scene


@CLASSIC.check("A-1")
def hello_first(client: Client) -> None:
    """The client says Hello or Admin-Hello first."""
    scene = client.once(_listing)
    if not scene.messages:
        scene.fail("the line 'Hello' or 'Admin-Hello'", "nothing")
    if not isinstance(scene.requests()[0], Hello | AdminHello):
        scene.fail("the line 'Hello' or 'Admin-Hello'", f"'{shown(scene.messages[0])}'")


@CLASSIC.check("A-2", "A-3")
def who_second(client: Client) -> None:
    """After Admin-Greetings the client says Who (or Watch)."""
    scene = client.once(_listing)
    if not scene.messages:
        raise NotReachedError("the client said nothing: see hello-first")
    if len(scene.messages) < 2:
        scene.fail("the line 'Who', after Admin-Greetings", "nothing")
    if not isinstance(scene.requests()[1], Who | Watch):
        scene.fail("the line 'Who', after Admin-Greetings", f"'{shown(scene.messages[1])}'")


@CLASSIC.check("F-1")
def lines_ended(client: Client) -> None:
    """Each message of the client ends with CRLF or LF."""
    scene = client.once(_listing)
    for message in scene.messages:
        if not message.endswith(b"\n"):
            scene.fail("each message to end with \\r\\n", f"'{shown(message)}', and no line end")


@CLASSIC.check("C-1")
def waits(client: Client) -> None:
    """The client waits for each reply before it says the next thing."""
    scene = client.once(_listing)
    if scene.early:
        said, came = scene.early[0]
        scene.fail(f"nothing more, until '{shown(said)}' is answered", f"'{shown(came)}'")


@CLASSIC.check("A-2", "A-6")
def shows_the_list(client: Client) -> None:
    """The client shows every player's address and port."""
    scene = client.start("the list again: ask who is playing", TYPED)
    watches = _ask(scene)
    scene.reply(*LISTED, *(["End"] if watches else []))
    _end_of_list(scene, watches=watches)
    _expect_shown(scene, LISTED)


@CLASSIC.check("C-4")
def ends_with_the_list(client: Client) -> None:
    """The end of the list ends the client."""
    scene = client.once(_listing)
    if len(scene.messages) < 2:
        raise NotReachedError("the client did not ask for the list: see who-second")
    _not_for_watchers(scene)
    if not scene.ended_at:
        scene.fail("the connection to be closed by the client, at the end of the list", "it was left open")


@CLASSIC.check("A-2")
def empty_list(client: Client) -> None:
    """An empty list, which is one empty line, is understood."""
    scene = client.start("an empty list: ask who is playing", TYPED)
    watches = _ask(scene)
    scene.reply("End" if watches else "")
    _end_of_list(scene, watches=watches)
    scene.expect_no_crash()


@ROBUST.check("F-3")
def list_in_pieces(client: Client) -> None:
    """Greetings and a list that come in several segments are understood."""
    scene = client.start("a list in pieces: ask who is playing", TYPED)
    if scene.hear() is None:
        raise NotReachedError("the client said nothing: see hello-first")
    scene.reply_in_pieces("Admin-Greetings", 5)
    if scene.hear() is None:
        scene.fail("the line 'Who', after Admin-Greetings in two segments", scene.wire.ended or "nothing")
    watches = isinstance(scene.requests()[-1], Watch)
    scene.reply_in_pieces("\r\n".join((*LISTED, "End") if watches else LISTED), len(LISTED[0]) + 8)
    _end_of_list(scene, watches=watches)
    _expect_shown(scene, LISTED)


@ROBUST.check("C-4")
def refusal(client: Client) -> None:
    """A refusal in place of Admin-Greetings ends the client."""
    scene = client.start("a refusal: just start the client", TYPED)
    if scene.hear() is None:
        raise NotReachedError("the client said nothing: see hello-first")
    scene.reply("Refused: server full")
    scene.expect_gone("a refusal")


@ROBUST.check("C-4")
def vanished(client: Client) -> None:
    """The end of the stream ends the client."""
    scene = client.start("a server that goes away: just start the client", TYPED)
    if scene.hear() is None:
        raise NotReachedError("the client said nothing: see hello-first")
    scene.wire.half_close()
    scene.expect_gone("the end of the stream")


@EXTENDED.check("A-6")
def shows_ipv6(client: Client) -> None:
    """IPv6 addresses are shown too."""
    scene = client.start("a list with IPv6 addresses: ask who is playing", TYPED)
    watches = _ask(scene)
    scene.reply(*LISTED_6, *(["End"] if watches else []))
    _end_of_list(scene, watches=watches)
    _expect_shown(scene, LISTED_6)


@EXTENDED.check("A-4")
def follows_events(client: Client) -> None:
    """A watcher shows who has joined."""
    scene = client.start("a watch: start watching", TYPED)
    if not _ask(scene):
        raise NotApplicableError("the client does not watch")
    scene.reply(*LISTED, "End")
    scene.wire.send(f"Joined {NEWCOMER}\r\nGuessed {NEWCOMER} 15 Far\r\nWon {LISTED[0]} 4\r\n".encode())
    _expect_shown(scene, (NEWCOMER,))


@EXTENDED.check("N-3")
def reads_names(client: Client) -> None:
    """A watcher shows players who gave a name, too."""
    scene = client.start("a watch: start watching", TYPED)
    if not _ask(scene):
        raise NotApplicableError("the client does not watch")
    scene.reply(*(f"{player} ann" for player in LISTED), "End")
    scene.wire.send(f"Joined {NEWCOMER} x-2\r\n".encode())
    _expect_shown(scene, (*LISTED, NEWCOMER))


@EXTENDED.check("A-8")
def pong(client: Client) -> None:
    """A watcher answers Ping with Pong."""
    scene = client.start("a watch: start watching", TYPED)
    if not _ask(scene):
        raise NotApplicableError("the client does not watch")
    scene.reply("End", "Ping")
    if scene.hear() is None or not isinstance(scene.requests()[-1], Pong):
        scene.fail("the line 'Pong', in answer to Ping", scene.wire.ended or "nothing")


@EXTENDED.check("A-7")
def seat_taken(client: Client) -> None:
    """A watcher whose seat is taken closes, and may come again later."""
    scene = client.start("a watch while another administrator watches: start watching", TYPED)
    if not _ask(scene):
        raise NotApplicableError("the client does not watch")
    scene.reply("Refused: another administrator is watching")
    scene.expect_gone("the refusal")


def _not_for_watchers(scene: Scene) -> None:
    if any(isinstance(request, Watch) for request in scene.requests()):
        raise NotApplicableError("the client watches, and has no reason to end")


def _end_of_list(scene: Scene, *, watches: bool) -> None:
    if watches:
        return
    scene.wire.half_close()
    scene.expect_gone("the end of the list")


def _expect_shown(scene: Scene, players: tuple[str, ...]) -> None:
    program = scene.program
    if program is None:
        raise NotApplicableError("what the client shows can only be seen if the kit starts it")
    deadline = time.monotonic() + scene.wire.pace.patience_s
    missing = _missing(program, players)
    while missing and time.monotonic() < deadline:
        program.wait(HOLD_S)
        missing = _missing(program, players)
    if missing:
        wanted = f"the address and the port of each player to be shown: {', '.join(missing)}"
        scene.fail(wanted, "they were not printed")
    scene.expect_no_crash()


def _missing(program: Program, players: tuple[str, ...]) -> list[str]:
    output = program.output().decode("utf-8", "replace")
    return [player for player in players if not all(part in output for part in player.split())]


CHECKS: Final = (*CLASSIC, *ROBUST, *EXTENDED)
