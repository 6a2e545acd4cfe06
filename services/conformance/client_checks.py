"""What a player's client must do, judged by a scripted server."""

from collections.abc import Callable
from typing import Final

from services.conformance.checks import Checklist
from services.conformance.results import Level
from services.conformance.stage import JudgedClient as Client
from services.conformance.stage import NotReachedError, Scene
from services.conformance.wire import NotApplicableError, shown
from services.protocol.framing import MAX_LINE_OCTETS
from services.protocol.messages import Game, Guess, Hello

LOW: Final = 1
HIGH: Final = 30
SECRET: Final = 17
TYPED: Final = ("3", "28", "16", "17", *map(str, range(LOW, HIGH + 1)))
NONSENSE: Final = ("abc", "0", "31", "-1", "1e1", "", "99999999999999999999", "My Guess is: 40", *TYPED)
MOST_GUESSES: Final = 100
TLS_HANDSHAKE: Final = b"\x16"
"""The first octet of a client that speaks TLS (clause T-1)."""

CLASSIC: Final[Checklist[Client]] = Checklist(Level.CLASSIC)
ROBUST: Final[Checklist[Client]] = Checklist(Level.ROBUST)
EXTENDED: Final[Checklist[Client]] = Checklist(Level.EXTENDED)

Say = Callable[[Scene, str], None]


def _plainly(scene: Scene, text: str) -> None:
    scene.reply(text)


def _begin(client: Client, scene: Scene, say: Say = _plainly) -> str | None:
    """Go through the handshake; return the first guess, or None if none came."""
    if scene.hear() is None:
        return None
    say(scene, "Greetings")
    line = scene.hear()
    if line is not None and isinstance(scene.requests()[-1], Game):
        say(scene, "Ready")
        line = scene.hear()
    elif line is not None:
        client.name_dialect("short: begins the game without Game")
    return line


def _play(scene: Scene, line: str | None, say: Say = _plainly) -> bool:
    """Judge guesses until one is the secret; tell whether that came."""
    for _ in range(MOST_GUESSES):
        if line is None:
            return False
        match scene.requests()[-1]:
            case Guess(int(number)) if LOW <= number <= HIGH:
                distance = abs(number - SECRET)
                say(scene, "Correct" if distance == 0 else "Close" if distance <= 2 else "Far")
                if distance == 0:
                    return True
            case _:
                say(scene, f"Pick a number between {LOW}-{HIGH}")
        line = scene.hear()
    return False


def _game(client: Client) -> Scene:
    """Play a whole game, and do not close after it."""
    scene = client.start("a game: play until you have won", TYPED)
    if _play(scene, _begin(client, scene)) and scene.gone(client.pace.patience_s):
        scene.ended_at = "Correct"
    guesses = [
        message
        for message, read in zip(scene.messages, scene.requests(), strict=True)
        if isinstance(read, Guess)
    ]
    if guesses and not guesses[0].lower().startswith(b"my guess is:"):
        client.name_dialect(f"a guess is spelled '{shown(guesses[0].strip())}'")
    return scene


def _nonsense(client: Client) -> Scene:
    scene = client.start("a game: type abc, 0, 31 and -1 first, then play until you have won", NONSENSE)
    _play(scene, _begin(client, scene))
    return scene


@CLASSIC.check("C-1")
def hello_first(client: Client) -> None:
    """The client says Hello first."""
    scene = client.once(_game)
    requests = scene.requests()
    if not requests:
        scene.fail("the line 'Hello'", "nothing")
    if not isinstance(requests[0], Hello):
        scene.fail("the line 'Hello'", f"'{shown(scene.messages[0])}'")


@CLASSIC.check("C-1")
def game_second(client: Client) -> None:
    """After Greetings the client says Game."""
    scene = client.once(_game)
    requests = scene.requests()
    if not requests:
        raise NotReachedError("the client said nothing: see hello-first")
    if len(requests) < 2:
        scene.fail("the line 'Game', after Greetings", "nothing")
    if not isinstance(requests[1], Game):
        scene.fail("the line 'Game', after Greetings", f"'{shown(scene.messages[1])}'")


@CLASSIC.check("F-1")
def lines_ended(client: Client) -> None:
    """Each message of the client ends with CRLF or LF."""
    scene = client.once(_game)
    if not scene.messages:
        raise NotReachedError("the client said nothing: see hello-first")
    for message in scene.messages:
        if not message.endswith(b"\n"):
            scene.fail(
                "each message to end with \\r\\n",
                f"'{shown(message)}', and no line end",
                "send the text and \\r\\n together: a server waits for the end of the line",
            )
    if not all(message.endswith(b"\r\n") for message in scene.messages):
        client.name_dialect("ends its lines with LF alone")


@CLASSIC.check("P-3")
def guess_spelled(client: Client) -> None:
    """A guess is spelled My Guess is: N (or Guess: N, or N)."""
    scene = client.once(_game)
    guesses = scene.guesses()
    if not guesses:
        raise NotReachedError("no guess came: see game-second")
    if not isinstance(guesses[0], Guess) or guesses[0].number is None:
        scene.fail("a line 'My Guess is: N'", f"{guesses[0]}")


@CLASSIC.check("C-1")
def waits(client: Client) -> None:
    """The client waits for each reply before it says the next thing."""
    scene = client.once(_game)
    if not scene.messages:
        raise NotReachedError("the client said nothing: see hello-first")
    if scene.early:
        said, came = scene.early[0]
        scene.fail(
            f"nothing more, until '{shown(said)}' is answered",
            f"'{shown(came)}'",
            "read the reply first, then send the next line",
        )


@CLASSIC.check("C-2")
def stops_when_won(client: Client) -> None:
    """The client takes Correct as the end, and closes by itself."""
    scene = client.once(_game)
    if not any(isinstance(guess, Guess) and guess.number == SECRET for guess in scene.guesses()):
        raise NotReachedError(f"the secret, {SECRET}, was not guessed")
    if scene.after_end:
        scene.fail("nothing more after Correct", f"'{shown(scene.after_end)}'")
    if not scene.ended_at:
        scene.fail("the connection to be closed by the client, after Correct", "it was left open")


@CLASSIC.check("P-5")
def goes_on_after_prompt(client: Client) -> None:
    """After Pick a number between LOW-HIGH the client guesses again."""
    scene = client.start("a game in which the first guess is not accepted: guess again", TYPED)
    if _begin(client, scene) is None:
        raise NotReachedError("no guess came: see game-second")
    scene.reply(f"Pick a number between {LOW}-{HIGH}")
    if scene.hear() is None:
        scene.fail("another guess after the prompt", scene.wire.ended or "nothing")


@ROBUST.check("C-3")
def valid_numbers(client: Client) -> None:
    """The client never sends a number out of range, whatever its user types."""
    scene = client.once(_nonsense)
    guesses = scene.guesses()
    if not guesses:
        scene.expect_no_crash()
        raise NotReachedError("no guess came")
    for guess in guesses:
        if not isinstance(guess, Guess) or guess.number is None or not LOW <= guess.number <= HIGH:
            scene.fail(
                f"numbers from {LOW} to {HIGH} only",
                f"{guess}",
                f"check what was typed first, and say 'Pick a number between {LOW}-{HIGH}' yourself",
            )
    scene.expect_no_crash()


@ROBUST.check("F-2")
def short_lines(client: Client) -> None:
    """No line of the client is longer than 512 octets."""
    for scene in (client.once(_game), client.once(_nonsense)):
        for message in scene.messages:
            if len(message) > MAX_LINE_OCTETS:
                scene.fail(f"{MAX_LINE_OCTETS} octets at most", f"{len(message)} octets")


@ROBUST.check("F-3")
def reply_in_pieces(client: Client) -> None:
    """Replies that come in two segments are understood."""
    scene = client.start("a game whose replies come in pieces: play until you have won", TYPED)

    def in_pieces(scene: Scene, text: str) -> None:
        scene.reply_in_pieces(text, len(text) // 2)

    if not _play(scene, _begin(client, scene, in_pieces), in_pieces):
        scene.fail(
            "the game to go on when a reply comes in two segments",
            scene.wire.ended or "nothing more",
            "read until the end of the line: one recv need not bring the whole reply",
        )
    _expect_end(client, scene)


@ROBUST.check("F-3", "C-4")
def replies_in_one(client: Client) -> None:
    """A verdict and a refusal in one segment are both read."""
    scene = client.start("a game that the server ends: guess once", TYPED)
    if _begin(client, scene) is None:
        raise NotReachedError("no guess came: see game-second")
    scene.reply("Far", "Refused: server stops")
    scene.wire.half_close()
    scene.expect_gone("a verdict with a refusal behind it")


@ROBUST.check("C-4")
def refusal(client: Client) -> None:
    """A refusal in place of Greetings ends the client."""
    scene = client.start("a refusal: just start the client", TYPED)
    if scene.hear() is None:
        raise NotReachedError("the client said nothing: see hello-first")
    scene.reply("Refused: server full")
    scene.expect_gone("a refusal")
    if scene.after_end and not scene.early:
        scene.fail("nothing more after a refusal", f"'{shown(scene.after_end)}'")


@ROBUST.check("C-4")
def vanished(client: Client) -> None:
    """The end of the stream ends the client."""
    scene = client.start("a server that goes away: guess once", TYPED)
    if _begin(client, scene) is None:
        raise NotReachedError("no guess came: see game-second")
    scene.wire.half_close()
    scene.expect_gone("the end of the stream")


@ROBUST.check("C-4")
def reset(client: Client) -> None:
    """A connection that breaks off ends the client, or makes it connect anew."""
    scene = client.start("a connection that breaks off: guess once", TYPED)
    if _begin(client, scene) is None:
        raise NotReachedError("no guess came: see game-second")
    scene.wire.reset()
    if scene.program is not None and scene.program.wait(client.pace.patience_s) is None:
        # Still there: it has to be on its way back.
        client.listener.settimeout(client.pace.patience_s * 2)
        try:
            client.listener.accept()[0].close()
        except TimeoutError:
            scene.fail("the client to end, or to connect anew, after a reset", "neither")
    scene.expect_no_crash()


@EXTENDED.check("C-2")
def reads_first_word(client: Client) -> None:
    """Replies count by their first word, in any case."""
    scene = client.start("a game with a talkative server: play until you have won", TYPED)
    words = {
        "Greetings": "GREETINGS stranger",
        "Ready": "ready when you are",
        "Far": "FAR away, try again",
        "Close": "close to it!",
        "Correct": "correct, you have won",
    }

    def talkatively(scene: Scene, text: str) -> None:
        scene.reply(words.get(text, text))

    if not _play(scene, _begin(client, scene, talkatively), talkatively):
        scene.fail(
            "the game to go on when a reply has more than its first word", scene.wire.ended or "nothing more"
        )
    _expect_end(client, scene)


@EXTENDED.check("N-4", "R-3")
def too_late(client: Client) -> None:
    """A client whose round is over guesses on, whatever follows Too late."""
    scene = client.start("a shared round that somebody else wins: play until you have won", TYPED)
    if _begin(client, scene) is None:
        raise NotReachedError("no guess came: see game-second")
    scene.reply("Too late 12 ann")
    if not _play(scene, scene.hear()):
        scene.fail("the game to go on after 'Too late 12 ann'", scene.wire.ended or "nothing more")


@EXTENDED.check("F-1")
def lone_lf(client: Client) -> None:
    """Replies that end with LF alone are understood."""
    scene = client.start("a game whose replies end with LF: play until you have won", TYPED)

    def with_lf(scene: Scene, text: str) -> None:
        scene.reply(text, end="\n")

    if not _play(scene, _begin(client, scene, with_lf), with_lf):
        scene.fail("the game to go on when a reply ends with LF alone", scene.wire.ended or "nothing more")
    _expect_end(client, scene)


@EXTENDED.check("T-4")
def never_falls_back(client: Client) -> None:
    """A client that begins with TLS says nothing in plain text to a server that does not speak it."""
    scene = client.start("a server that speaks no TLS: just start the client", TYPED)
    if scene.hear() is not None:
        raise NotApplicableError("the client speaks plain text")
    begun = scene.wire.pending()
    if not begun.startswith(TLS_HANDSHAKE):
        raise NotReachedError("the client said nothing: see hello-first")
    scene.reply("Refused: no TLS here")
    scene.expect_gone("an answer in plain text")
    if b"Hello" in scene.after_end:
        scene.fail("no plain text", f"'{shown(scene.after_end)}'")


def _expect_end(client: Client, scene: Scene) -> None:
    # A client that does not end after a plain game either was told so once.
    if client.once(_game).ended_at:
        scene.expect_gone("Correct")


CHECKS: Final = (*CLASSIC, *ROBUST, *EXTENDED)
