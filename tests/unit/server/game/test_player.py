"""A player's conversation, as transcripts: lines in, reply lines out."""

from __future__ import annotations

import re
from itertools import count
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from hypothesis import given
from hypothesis import strategies as st

from services.protocol import refusals
from services.protocol.messages import Address, Guessed, Joined, Left, Verdict, Won
from services.protocol.rules import CLASSIC, Rules
from services.server.game.log_events import LogEvent
from services.server.game.player import PlayerState
from tests.support.transcript import PLAYER, FakeServer, as_player, known_game

if TYPE_CHECKING:
    from tests.support.transcript import Transcript

PROTOCOL = Path(__file__).parents[4] / "docs" / "protocol.md"
PROMPT = "Pick a number between 1-30"


def test_the_example_of_the_document() -> None:
    """The example at the end of the document is what the server answers, line by line (P-1 to P-8)."""
    example = PROTOCOL.read_text().partition("An example")[2]
    exchanges = re.findall(r"^C: (.*?) +S: (.*)$", example, re.MULTILINE)
    transcript = as_player(game=known_game(secret=21))

    assert len(exchanges) == 6
    for said, reply in exchanges:
        assert transcript.send(said) == [reply]
    assert transcript.closed == "won"


def test_a_pipelined_game() -> None:
    """Lines that arrive at once are answered in their order, up to Correct and no further (F-3, P-8)."""
    transcript = as_player(game=known_game(secret=7))

    replies = transcript.send("Hello", "Game", "1", "nonsense", "9", "7", "8", "Hello")

    assert replies == ["Greetings", "Ready", "Far", PROMPT, "Close", "Correct"]
    assert transcript.closed == "won"


def test_nothing_is_said_unasked() -> None:
    """A connection that says nothing hears nothing, and goes without a reply (F-5, P-10)."""
    transcript = as_player()

    assert transcript.half_close() == []
    assert transcript.output == b""
    assert transcript.closed == "peer closed"
    assert transcript.log == []


@pytest.mark.parametrize(
    "line", ["", " ", "Game", "5", "Guess: 5", "Who", "Watch", "Pong", "Admin-Hello", "x"]
)
def test_hello_comes_first(line: str) -> None:
    """Whatever else is said first, the empty line included, is refused, then the close (P-1, P-6, S-2)."""
    transcript = as_player()

    [reply] = transcript.send(line, "Hello")
    assert reply.startswith("Refused: say Hello first")
    assert reply == f"Refused: {transcript.closed}"


@pytest.mark.parametrize("line", ["", "Hello", "ten", "+5", "Who", "Admin-Hello"])
def test_game_comes_second(line: str) -> None:
    """What is neither Game nor a guess after Greetings is refused (P-2, P-6, S-2)."""
    transcript = as_player("Hello")

    [reply] = transcript.send(line, "Game")
    assert reply.startswith("Refused: say Game first")
    assert reply == f"Refused: {transcript.closed}"
    assert transcript.server.published == []


def test_a_refused_handshake_is_recorded_with_its_input() -> None:
    """The log tells the reason and the line, escaped and cut (P-6)."""
    transcript = as_player()

    transcript.feed(b"\x1b[2J'\xff\\" + b"y" * 100 + b"\r\n")

    [(reason, shown)] = transcript.logged(LogEvent.HANDSHAKE_REFUSED)
    assert str(reason).startswith("say Hello first (seen: octets that are no printable ASCII")
    assert shown == r"\x1b[2J'\xff\\" + "y" * 57


def test_a_name_is_welcomed_between_greetings_and_the_game() -> None:
    """Names are optional, the last one counts, and either dialect goes on as without one (N-1)."""
    transcript = as_player("Hello")

    assert transcript.send("Name: ann", "name: Ben-2", "Game") == ["Welcome ann", "Welcome Ben-2", "Ready"]
    assert transcript.send("Name: eve") == [PROMPT]
    assert as_player("Hello", "Name: ann").send("21") == ["Correct"]
    assert as_player().send("Name: ann") == ["Refused: say Hello first"]


@pytest.mark.parametrize("name", ["", "x" * 21, "two words", "\x1b[2J"])
def test_what_may_not_be_a_name_is_refused(name: str) -> None:
    """The reason says what a name may be, and the connection is closed (N-2, P-6)."""
    transcript = as_player("Hello")

    assert transcript.send(f"Name: {name}", "Game") == ["Refused: a name is 1 to 20 letters, digits, - or _"]
    assert transcript.closed


@pytest.mark.parametrize(
    ("guess", "reply"),
    [("7", "Far"), ("Guess: 7", "Far"), ("Guess: 99", PROMPT), ("My Guess is: ten", PROMPT), ("0", PROMPT)],
)
def test_a_guess_after_greetings_begins_the_game(guess: str, reply: str) -> None:
    """The older dialect plays without Game, and its first guess is answered as any other (P-7)."""
    transcript = as_player("Hello")

    assert transcript.send(guess) == [reply]
    assert transcript.server.playing == [PLAYER]
    assert transcript.send("21") == ["Correct"]
    assert transcript.logged(LogEvent.HANDSHAKE_COMPLETED) == [("short",)]


@pytest.mark.parametrize(
    "line",
    ["", " ", "0", "31", "12345678901234567890", "+5", "-5", "0x10", "٣", "1e3",
     "My Guess is:", "My Guess: 5", "Guess is: 5", "Hello", "Game", "Who", "Watch", "Pong", "Admin-Hello",
     "Greetings", "quit"],
)  # fmt: skip
def test_what_is_no_guess_in_range_is_prompted(line: str) -> None:
    """Whatever is no guess in range is answered by the prompt, and the game goes on (P-3, P-5)."""
    transcript = as_player("Hello", "Game")

    assert transcript.send(line) == [PROMPT]
    assert transcript.closed is None
    assert transcript.server.published == [Joined(PLAYER)]
    assert transcript.send("21") == ["Correct"]


def test_range_and_close_distance_are_those_in_force() -> None:
    """Prompt and verdicts follow the server's own range and close distance (P-4, P-5)."""
    transcript = as_player("Hello", "Game", game=known_game(secret=100, rules=Rules(50, 500, 10)))

    assert transcript.send("49", "501", "50", "90", "89", "110", "111", "500", "100") == [
        *["Pick a number between 50-500"] * 2,
        *["Far", "Close", "Far", "Close", "Far", "Far", "Correct"],
    ]


def test_every_step_of_a_game_is_recorded_and_published() -> None:
    """The log has each outcome and guess with its attempt; the watcher hears the same, in order (A-4)."""
    transcript = as_player("Hello", "Game", "15", "x", "20", "21")

    assert transcript.log == [
        (LogEvent.HANDSHAKE_ADVANCED, ("Hello", "Greetings")),
        (LogEvent.HANDSHAKE_ADVANCED, ("Game", "Ready")),
        (LogEvent.HANDSHAKE_COMPLETED, ("classic",)),
        (LogEvent.GUESS_JUDGED, (15, "Far", 1)),
        (LogEvent.GUESS_REJECTED, ("x",)),
        (LogEvent.GUESS_JUDGED, (20, "Close", 2)),
        (LogEvent.GUESS_JUDGED, (21, "Correct", 3)),
        (LogEvent.GAME_WON, (3,)),
    ]
    assert transcript.server.published == [
        Joined(PLAYER),
        Guessed(PLAYER, 15, Verdict.FAR),
        Guessed(PLAYER, 20, Verdict.CLOSE),
        Guessed(PLAYER, 21, Verdict.CORRECT),
        Won(PLAYER, 3),
    ]
    assert transcript.guesses == 3


def test_a_player_who_leaves_is_no_longer_listed() -> None:
    """Who ends the stream during the game has left, without a reply (A-4)."""
    transcript = as_player("Hello", "Game", "15")

    assert transcript.half_close() == []
    assert transcript.server.published[-1] == Left(PLAYER)
    assert transcript.server.playing == []


def test_a_line_without_its_end_is_not_executed() -> None:
    """What stands before the end of the stream without a terminator is refused, not judged (F-6)."""
    transcript = as_player("Hello", "Game")

    transcript.feed(b"21")

    assert transcript.half_close() == ["Refused: line not ended by CRLF"]
    assert transcript.server.published == [Joined(PLAYER), Left(PLAYER)]


def test_replies_come_before_the_end_of_the_stream_is_answered() -> None:
    """Who half-closes after the last line has every reply already (F-6, F-7)."""
    transcript = as_player()

    assert transcript.send("Hello", "Game", "15") == ["Greetings", "Ready", "Far"]
    assert transcript.half_close() == []


def test_lines_before_an_overlong_one_are_answered_first() -> None:
    """The overlong line is refused after all that came before it, and its beginning is log (F-2)."""
    transcript = as_player()

    replies = transcript.feed(b"Hello\r\n" + b"y" * 600 + b"\r\nGame\r\n")

    assert replies == ["Greetings", "Refused: line longer than 512 octets"]
    assert transcript.logged(LogEvent.HANDSHAKE_REFUSED) == [("line longer than 512 octets", "y" * 64)]


def test_an_overlong_line_ends_a_game() -> None:
    """While playing, an overlong line is no guess to be prompted for, but the end (F-2, P-6, A-4)."""
    transcript = as_player("Hello", "Game")

    assert transcript.feed(b"1" * 512) == ["Refused: line longer than 512 octets"]
    assert transcript.server.published[-1] == Left(PLAYER)


@pytest.mark.parametrize(
    ("said", "reason"),
    [
        (b"Hello\r\n", "handshake not completed within 10 s"),
        (b"Hello", "line not ended by CRLF"),
        (b"Hello\r\nGame", "line not ended by CRLF"),
    ],
)
def test_a_slow_handshake_is_refused(said: bytes, reason: str) -> None:
    """The refusal at the handshake timeout tells beginners of the line they did not end (P-10)."""
    transcript = as_player()
    transcript.feed(said)

    assert transcript.perform(transcript.state.too_slow(10.0, transcript.unterminated)) == [
        f"Refused: {reason}"
    ]
    assert transcript.closed == reason


def test_a_silent_connection_is_dropped_without_a_word() -> None:
    """A client that never sent anything is sent nothing at the handshake timeout (P-10)."""
    transcript = as_player()

    assert transcript.perform(transcript.state.leave("silent")) == []
    assert transcript.closed == "silent"


def test_an_idle_player_is_refused() -> None:
    """The idle timeout ends a game with a refusal that names it (P-11, A-4)."""
    transcript = as_player("Hello", "Game")
    assert isinstance(transcript.state, PlayerState)

    assert transcript.perform(transcript.state.refuse(refusals.idle(300.0))) == ["Refused: idle for 300 s"]
    assert transcript.server.published == [Joined(PLAYER), Left(PLAYER)]


def test_the_server_refuses_on_its_own_account() -> None:
    """A full or a stopping server says so before it closes, whatever the moment (P-6, P-12)."""
    stranger, player = as_player(), as_player("Hello", "Game")

    assert stranger.perform(stranger.state.refuse("server full")) == ["Refused: server full"]
    assert player.perform(player.state.refuse("server is stopping")) == ["Refused: server is stopping"]
    assert player.server.playing == []


def test_twenty_invalid_guesses_in_a_row_are_too_many() -> None:
    """Nineteen lines in a row that are no guess are prompted for, the twentieth is refused (P-13)."""
    transcript = as_player("Hello", "Game")

    assert transcript.send(*["x"] * 20, "21") == [PROMPT] * 19 + ["Refused: too many invalid guesses"]
    assert transcript.closed == "too many invalid guesses"
    assert transcript.server.published == [Joined(PLAYER), Left(PLAYER)]


def test_a_valid_guess_begins_the_count_anew() -> None:
    """Only lines in a row count: a valid guess in between forgives those before it (P-13)."""
    transcript = as_player("Hello", "Game")

    replies = transcript.send(*[*["0"] * 19, "15"] * 3)

    assert replies == [*[PROMPT] * 19, "Far"] * 3


def test_each_game_draws_its_own_secret_once() -> None:
    """The secret is drawn when a game begins, not before, and once for each game (P-9)."""
    secrets = count(5)
    game = known_game()._replace(draw_secret=lambda: next(secrets))

    as_player("Hello", game=game).send("Nonsense")
    first, second = (as_player("Hello", "Game", "1", game=game) for _ in range(2))

    assert first.send("5") == ["Correct"]
    assert second.send("5", "6") == ["Close", "Correct"]


@given(st.lists(st.integers(1, 30), max_size=10), st.integers(1, 30), st.integers(1, 30))
def test_nothing_but_the_verdicts_depends_on_the_secret(guesses: list[int], one: int, other: int) -> None:
    """While the verdicts are the same, replies, events and log are so for any two secrets (P-9)."""
    same = [
        number for number in guesses
        if CLASSIC.judge(one, number) is CLASSIC.judge(other, number) is not Verdict.CORRECT
    ]  # fmt: skip
    lines = ["Hello", "Game", *map(str, same), "x"]

    transcripts = [as_player(*lines, game=known_game(secret)) for secret in (one, other)]

    assert transcripts[0].output == transcripts[1].output
    assert transcripts[0].log == transcripts[1].log
    assert transcripts[0].server.published == transcripts[1].server.published


def shared(*said: str, server: FakeServer) -> Transcript:
    """Return a player in a shared round, in which some lines were said already."""
    game = known_game(shared_rounds=True)
    return as_player(
        *said, game=game, server=server, address=Address("192.0.2.7", 60000 + len(server.published))
    )


def test_the_first_correct_guess_wins_the_shared_round() -> None:
    """All guess at one number; who finds it wins, whoever guesses next is too late (R-1, R-2, R-3)."""
    server = FakeServer()
    first, second = shared("Hello", "Game", server=server), shared("Hello", "Game", server=server)

    assert first.send("My Guess is: 20", "21") == ["Close", "Correct"]
    assert first.closed == "won"
    assert second.send("21", "21", "7") == ["Too late 21", "Far", "Correct"]
    assert second.logged(LogEvent.GUESS_TOO_LATE) == [(21, 1)]
    assert second.logged(LogEvent.GAME_WON) == [(2,)]


def test_who_is_too_late_is_told_what_was_found_last_and_by_whom() -> None:
    """The number found last follows Too late, and the name of who found it, if there is one (N-4)."""
    server = FakeServer()
    late = shared("Hello", "Game", server=server)
    shared("Hello", "Name: Ada", "Game", "21", server=server)

    assert late.send("5") == ["Too late 21 Ada"]
    shared("Hello", "Game", "7", server=server)
    assert late.send("5") == ["Too late 7"]


def test_the_watcher_hears_of_each_new_round() -> None:
    """After the guess that won come Won and Round (R-4)."""
    server = FakeServer()
    transcript = shared("Hello", "21", server=server)

    assert transcript.closed == "won"
    assert [type(event).__name__ for event in server.published] == ["Joined", "Guessed", "Won", "Round"]


@pytest.mark.parametrize("line", ["Game", "5"])
def test_a_shared_game_that_cannot_be_reached_is_refused(line: str) -> None:
    """No player waits for what others hold: each is told, before the game and within it (R-5)."""
    server = FakeServer(reachable=False)
    refused = ["Refused: the shared game cannot be reached now, try again"]

    assert shared("Hello", server=server).send(line) == refused
    server.reachable = True
    transcript = shared("Hello", "Game", server=server)
    server.reachable = False
    assert transcript.send("5") == refused
    assert server.playing == []


def test_a_game_that_cannot_begin_is_not_logged_as_begun() -> None:
    """Where the shared round cannot be asked for, the log has the refusal, and no Ready before it (R-5)."""
    transcript = shared("Hello", "Game", server=FakeServer(reachable=False))

    assert [event for event, _ in transcript.log] == [
        LogEvent.HANDSHAKE_ADVANCED,
        LogEvent.HANDSHAKE_REFUSED,
    ]
    assert transcript.logged(LogEvent.HANDSHAKE_ADVANCED) == [("Hello", "Greetings")]
