"""What a player's client must do, judged by a scripted server."""

from collections.abc import Callable
from typing import Final

from services.conformance.checks import Checklist
from services.conformance.connection import NotApplicableError, NotJudgedError, shown
from services.conformance.results import Level
from services.conformance.scripted_server import (
    AFTER_CORRECT,
    AFTER_END,
    AFTER_REFUSAL,
    HINT_HELLO,
    HINT_LINE_END,
    Session,
)
from services.conformance.scripted_server import JudgedClient as Client
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

HINT_FIRST_WORD: Final = (
    "compare the first word of a reply alone, in lower case: 'correct, you have won' is Correct"
)

Say = Callable[[Session, str], None]


def _plainly(session: Session, text: str) -> None:
    session.reply(text)


def _begin(session: Session, say: Say = _plainly) -> str | None:
    """Go through the handshake; return the first guess, or None if none came."""
    if session.read_message() is None:
        return None
    say(session, "Greetings")
    line = session.read_message()
    if line is not None and isinstance(session.requests()[-1], Game):
        say(session, "Ready")
        line = session.read_message()
    return line


def _play(session: Session, line: str | None, say: Say = _plainly) -> bool:
    """Judge guesses until one is the secret; tell whether that came."""
    for _ in range(MOST_GUESSES):
        if line is None:
            return False
        match session.requests()[-1]:
            case Guess(int(number)) if LOW <= number <= HIGH:
                distance = abs(number - SECRET)
                say(session, "Correct" if distance == 0 else "Close" if distance <= 2 else "Far")
                if distance == 0:
                    return True
            case _:
                say(session, f"Pick a number between {LOW}-{HIGH}")
        line = session.read_message()
    return False


def _game(client: Client) -> Session:
    """Play a whole game, and do not close after it."""
    session = client.start("a game: play until you have won", TYPED)
    if _play(session, _begin(session)) and session.gone(client.timing.timeout_s):
        session.ended_at = "Correct"
        session.crashed = session.crash()
    # Only here: what a client makes of other scenes is no dialect.
    if len(session.messages) > 1 and not isinstance(session.requests()[1], Game):
        client.name_dialect("short: begins the game without Game")
    guesses = [
        message
        for message, read in zip(session.messages, session.requests(), strict=True)
        if isinstance(read, Guess)
    ]
    if guesses and not guesses[0].lower().startswith(b"my guess is:"):
        client.name_dialect(f"a guess is spelled '{shown(guesses[0].strip())}'")
    return session


def _nonsense(client: Client) -> Session:
    session = client.start("a game: type abc, 0, 31 and -1 first, then play until you have won", NONSENSE)
    if _play(session, _begin(session)):
        session.ended_at = "Correct"
    return session


@CLASSIC.check(
    "C-1",
    hint=HINT_HELLO,
)
def hello_first(client: Client) -> None:
    """The client says Hello first."""
    session = client.once(_game)
    requests = session.requests()
    if not requests:
        session.fail("the line 'Hello'", "nothing")
    if not isinstance(requests[0], Hello):
        session.fail("the line 'Hello'", session.said(0), message=0)


@CLASSIC.check(
    "C-1",
    hint="read the whole line Greetings first, then send 'Game\\r\\n'",
)
def game_second(client: Client) -> None:
    """After Greetings the client says Game."""
    session = client.once(_game)
    requests = session.requests()
    if not requests:
        raise NotJudgedError("the client said nothing: see hello-first")
    if len(requests) < 2:
        session.fail("the line 'Game', after Greetings", "nothing")
    if not isinstance(requests[1], Game):
        session.fail("the line 'Game', after Greetings", session.said(1), message=1)


@CLASSIC.check(
    "F-1",
    hint=HINT_LINE_END,
)
def lines_ended(client: Client) -> None:
    """Each message of the client ends with CRLF or LF."""
    session = client.once(_game)
    if not session.messages:
        raise NotJudgedError("the client said nothing: see hello-first")
    session.expect_lines_ended()
    if not all(message.endswith(b"\r\n") for message in session.messages):
        client.name_dialect("ends its lines with LF alone")


@CLASSIC.check(
    "P-3",
    hint="send 'My Guess is: ' and the number, with nothing around it",
)
def guess_spelled(client: Client) -> None:
    """A guess is spelled My Guess is: N (or Guess: N, or N)."""
    session = client.once(_game)
    guesses = session.guesses()
    if not guesses:
        raise NotJudgedError("no guess came: see game-second")
    number, guess = guesses[0]
    if not isinstance(guess, Guess) or guess.number is None:
        session.fail("a line 'My Guess is: N'", session.said(number), message=number)


@CLASSIC.check(
    "C-1",
    hint="read one reply for each line that you have sent, before you send the next one",
)
def waits(client: Client) -> None:
    """The client waits for each reply before it says the next thing."""
    session = client.once(_game)
    if not session.messages:
        raise NotJudgedError("the client said nothing: see hello-first")
    session.expect_turns()


@CLASSIC.check(
    "C-2",
    hint="leave the loop at Correct, and close the socket: do not wait for the server",
)
def stops_when_won(client: Client) -> None:
    """The client takes Correct as the end, and closes by itself."""
    session = client.once(_game)
    if not any(isinstance(guess, Guess) and guess.number == SECRET for _, guess in session.guesses()):
        raise NotJudgedError(f"the secret, {SECRET}, was not guessed")
    if session.after_end:
        session.fail("nothing more after Correct", f"'{shown(session.after_end)}'")
    if not session.ended_at:
        session.fail("the connection to be closed by the client, after Correct", "it was left open")
    if session.crashed:
        session.fail("the program to end in an orderly way after Correct", session.crashed)


@CLASSIC.check(
    "P-5",
    hint="a line that begins with Pick is no verdict and no end: ask for a number again",
)
def goes_on_after_prompt(client: Client) -> None:
    """After Pick a number between LOW-HIGH the client guesses again."""
    session = client.start("a game in which the first guess is not accepted: guess again", TYPED)
    if _begin(session) is None:
        raise NotJudgedError("no guess came: see game-second")
    session.reply(f"Pick a number between {LOW}-{HIGH}")
    if session.read_message() is None:
        session.fail("another guess after the prompt", session.connection.ended or "nothing")


@ROBUST.check(
    "C-3",
    hint="check what was typed before you send it: digits only, and within the range",
)
def valid_numbers(client: Client) -> None:
    """The client never sends a number out of range, whatever its user types."""
    session = client.once(_nonsense)
    guesses = session.guesses()
    if not guesses:
        session.expect_no_crash()
        raise NotJudgedError("no guess came")
    for number, guess in guesses:
        if not isinstance(guess, Guess) or guess.number is None or not LOW <= guess.number <= HIGH:
            session.fail(
                f"numbers from {LOW} to {HIGH} only",
                session.said(number),
                f"check what was typed first, and say 'Pick a number between {LOW}-{HIGH}' yourself",
                number,
            )
    # Who got as far as Correct did not fall over what was typed.
    if not session.ended_at:
        session.expect_no_crash()


@ROBUST.check(
    "F-2",
    hint="send the number alone, and refuse input that is longer than a number can be",
)
def short_lines(client: Client) -> None:
    """No line of the client is longer than 512 octets."""
    for session in (client.once(_game), client.once(_nonsense)):
        for number, message in enumerate(session.messages):
            if len(message) > MAX_LINE_OCTETS:
                session.fail(f"{MAX_LINE_OCTETS} octets at most", f"{len(message)} octets", message=number)


@ROBUST.check(
    "F-3",
    hint="recv returns whatever has arrived, half a line too: gather it until there is a \\n",
)
def reply_in_pieces(client: Client) -> None:
    """Replies that come in two segments are understood."""
    ends = client.ends(_game)
    session = client.start("a game whose replies come in pieces: play until you have won", TYPED)

    def in_pieces(session: Session, text: str) -> None:
        session.reply_in_pieces(text, len(text) // 2)

    if not _play(session, _begin(session, in_pieces), in_pieces):
        session.fail(
            "the game to go on when a reply comes in two segments",
            session.connection.ended or "nothing more",
            "read until the end of the line: one recv need not bring the whole reply",
        )
    if ends:
        session.expect_gone("Correct", AFTER_CORRECT)


@ROBUST.check(
    "F-3",
    "C-4",
    hint="recv may return two lines at once: keep what comes after the first \\n for the next reply, and end "
    "at Refused",
)
def replies_in_one(client: Client) -> None:
    """A verdict and a refusal in one segment are both read, and the refusal ends the client."""
    session = client.start("a game that the server ends: guess once", TYPED)
    if _begin(session) is None:
        raise NotJudgedError("no guess came: see game-second")
    session.reply("Far", "Refused: server stops")
    session.expect_gone("a verdict with a refusal behind it", AFTER_REFUSAL)


@ROBUST.check(
    "C-4",
    hint="look at each reply, the first one too: at Refused show the reason, and close",
)
def refusal(client: Client) -> None:
    """A refusal in place of Greetings ends the client."""
    session = client.start("a refusal: just start the client", TYPED)
    if session.read_message() is None:
        raise NotJudgedError("the client said nothing: see hello-first")
    session.reply("Refused: server full")
    session.expect_gone("a refusal", AFTER_REFUSAL)
    if session.after_end and not session.early:
        session.fail("nothing more after a refusal", f"'{shown(session.after_end)}'")


@ROBUST.check(
    "C-4",
    hint="an empty result of recv is the end of the stream: leave the loop, do not read again",
)
def vanished(client: Client) -> None:
    """The end of the stream ends the client."""
    session = client.start("a server that goes away: guess once", TYPED)
    if _begin(session) is None:
        raise NotJudgedError("no guess came: see game-second")
    session.connection.half_close()
    session.expect_gone("the end of the stream", AFTER_END)


@ROBUST.check(
    "C-4",
    hint="catch the error of recv and send when a connection breaks off (ConnectionResetError), and end",
)
def reset(client: Client) -> None:
    """A connection that breaks off ends the client, or makes it connect again."""
    session = client.start("a connection that breaks off: guess once", TYPED)
    if _begin(session) is None:
        raise NotJudgedError("no guess came: see game-second")
    session.connection.reset()
    if session.program is not None and not client.comes_back(session.program):
        session.fail("the client to end, or to connect again, after a reset", "neither")
    session.expect_no_crash()


@EXTENDED.check("C-2", hint=HINT_FIRST_WORD)
def reads_first_word(client: Client) -> None:
    """Replies count by their first word, in any case."""
    ends = client.ends(_game)
    session = client.start("a game with a talkative server: play until you have won", TYPED)
    words = {
        "Greetings": "GREETINGS stranger",
        "Ready": "ready when you are",
        "Far": "FAR away, try again",
        "Close": "close to it!",
        "Correct": "correct, you have won",
    }

    def talkatively(session: Session, text: str) -> None:
        session.reply(words.get(text, text))

    if not _play(session, _begin(session, talkatively), talkatively):
        session.fail(
            "the game to go on when a reply has more than its first word",
            session.connection.ended or "nothing more",
        )
    if ends:
        session.expect_gone("Correct", AFTER_CORRECT)


@EXTENDED.check(
    "N-4",
    "R-3",
    hint="Too late is a reply to a guess like Far: another player was faster, so guess the new number",
)
def too_late(client: Client) -> None:
    """A client whose round is over guesses on, whatever follows Too late."""
    session = client.start("a shared round that somebody else wins: play until you have won", TYPED)
    if _begin(session) is None:
        raise NotJudgedError("no guess came: see game-second")
    session.reply("Too late 12 ann")
    if not _play(session, session.read_message()):
        session.fail("the game to go on after 'Too late 12 ann'", session.connection.ended or "nothing more")


@EXTENDED.check("F-1", hint="take a line to end at \\n, and strip a \\r before it if there is one")
def lone_lf(client: Client) -> None:
    """Replies that end with LF alone are understood."""
    ends = client.ends(_game)
    session = client.start("a game whose replies end with LF: play until you have won", TYPED)

    def with_lf(session: Session, text: str) -> None:
        session.reply(text, end="\n")

    if not _play(session, _begin(session, with_lf), with_lf):
        session.fail(
            "the game to go on when a reply ends with LF alone", session.connection.ended or "nothing more"
        )
    if ends:
        session.expect_gone("Correct", AFTER_CORRECT)


@EXTENDED.check(
    "T-4", hint="when the TLS handshake fails, say so and end; do not connect again without encryption"
)
def never_falls_back(client: Client) -> None:
    """A client that begins with TLS says nothing in plain text to a server that does not speak it."""
    session = client.start("a server that speaks no TLS: just start the client", TYPED)
    if session.read_message() is None:
        raise NotJudgedError("the client said nothing: see hello-first")
    if not session.messages[0].startswith(TLS_HANDSHAKE):
        raise NotApplicableError("the client speaks plain text")
    session.reply("Refused: no TLS here")
    session.gone(client.timing.timeout_s)
    for said in (session.after_end, client.said_when_back()):
        if b"hello" in said.lower():
            session.fail("no plain text from a client that has begun with TLS", f"'{shown(said)}'")
    session.expect_gone("an answer in plain text", AFTER_REFUSAL)


CHECKS: Final = (*CLASSIC, *ROBUST, *EXTENDED)
