"""Servers that want to be spoken to in another way: told, found out, or complained of."""

from __future__ import annotations

import contextlib
from dataclasses import dataclass
from typing import TYPE_CHECKING

import pytest

from services.player.bot import Dialect
from services.protocol.messages import Verdict
from tests.support.fake_server import FakeServer, begin
from tests.support.player_process import bots, piped
from tests.support.scripted_server import ScriptedServer

if TYPE_CHECKING:
    from collections.abc import Callable

    from tests.support.scripted_server import Peer

SENTENCES = {
    Verdict.FAR: "You are way off.",
    Verdict.CLOSE: "You are close!",
    Verdict.CORRECT: "You guessed correctly!",
}
EVERY_NUMBER = "".join(f"{number}\n" for number in range(1, 31))


@pytest.mark.parametrize("dialect", Dialect)
@pytest.mark.parametrize("given", ["itself", "auto"])
def test_every_dialect_is_spoken(dialect: Dialect, given: str) -> None:
    """Bots and a person win on a server that knows but one dialect, told which or finding it out."""
    server_side = FakeServer(dialect=dialect, words=SENTENCES, confused="Pick a number between 1-30")
    flag = dialect.value if given == "itself" else given
    with ScriptedServer(server_side) as server:
        with bots(server.port, "--bot", "smart", "--games", "2", "--dialect", flag) as pool:
            assert pool.finish() == 0
        played = piped(server.port, EVERY_NUMBER, "--dialect", flag)

    assert len(pool.named("game_won")) == 2
    assert played.returncode == 0
    assert "5 is far. 5 guesses so far." in played.stdout
    assert [found["dialect"] for found in pool.named("dialect_found")] == [dialect.value] * (flag == "auto")


def test_a_server_that_hangs_up_is_found_out_too() -> None:
    """A server that closes at what it does not understand is tried in the next dialect."""
    server_side = FakeServer(dialect=Dialect.BARE_SHORT, confused="")
    with (
        ScriptedServer(server_side) as server,
        bots(server.port, "--bot", "smart", "--dialect", "auto") as pool,
    ):
        assert pool.finish() == 0

    assert [found["dialect"] for found in pool.named("dialect_found")] == ["bare-short"]
    assert len(pool.named("game_won")) == 1


@dataclass
class Mortal:
    """A server that the first wrong step kills; somebody starts it again after some more connections."""

    game: FakeServer
    dies_of: str
    """`leaving` a game that is not won, or `words` of another dialect."""
    down: int = 0
    """So many more connections break at once."""

    def __call__(self, peer: Peer) -> None:
        """Play one game, if alive."""
        if self.down:
            self.down -= 1
            peer.reset()
            return
        self.game(peer)
        dialect = self.game.dialect or Dialect.CLASSIC
        if self.game.received[-1] == dialect.spell(self.game.secret):
            return
        understood = self.game.received[-1] in {"Hello", "Game"[: 4 * dialect.has_game]}
        self.down = 2 if self.dies_of == "leaving" or not understood else 0


def test_who_dies_of_a_player_that_leaves_lives() -> None:
    """With auto a classic server sees whole games alone, and one connection for each."""
    server_side = Mortal(FakeServer(), "leaving")
    with ScriptedServer(server_side) as server:
        with bots(server.port, "--bot", "smart", "--games", "2", "--dialect", "auto") as pool:
            assert pool.finish() == 0
        played = piped(server.port, EVERY_NUMBER, "--dialect", "auto")

    assert [event["session"] for event in pool.named("connection_opened")] == ["1.1", "1.2"]
    assert len(pool.named("game_won")) == 2
    assert server_side.game.received.count("Hello") == 3
    assert (played.returncode, server_side.down) == (0, 0)


def test_who_dies_of_a_wrong_word_is_played_when_it_is_back() -> None:
    """A server that a dialect has killed is not killed by it again."""
    server_side = Mortal(FakeServer(dialect=Dialect.SHORT, confused=""), "words")
    with (
        ScriptedServer(server_side) as server,
        bots(server.port, "--bot", "smart", "--games", "2", "--dialect", "auto") as pool,
    ):
        assert pool.finish() == 0

    assert [event["dialect"] for event in pool.named("dialect_refuted")] == ["classic"]
    assert len(pool.named("game_won")) == 2
    assert server_side.game.received.count("Game") == 1


def test_who_falls_silent_is_tried_in_the_next_dialect() -> None:
    """A server that says nothing to a wrong word is not waited for as long as one that is slow."""
    server_side = FakeServer(dialect=Dialect.SHORT, confused=None)
    with ScriptedServer(server_side) as server:
        with bots(server.port, "--bot", "smart", "--dialect", "auto") as pool:
            assert pool.finish() == 0
        played = piped(server.port, EVERY_NUMBER, "--dialect", "auto")

    assert [event["reason"] for event in pool.named("dialect_refuted")] == ["no reply within 3 s"]
    assert (played.returncode, server_side.guesses()[-17:]) == (0, list(range(1, 18)))


def test_one_bot_finds_out_for_all() -> None:
    """Other bots wait until one has found the dialect: they lose no game to a wrong one."""
    server_side = FakeServer(dialect=Dialect.SHORT)
    with (
        ScriptedServer(server_side) as server,
        bots(server.port, "--bot", "smart", "--players", "3", "--dialect", "auto") as pool,
    ):
        assert pool.finish() == 0

    assert server_side.received.count("Game") == 1
    assert len(pool.named("dialect_refuted")) == len(pool.named("dialect_found")) == 1
    assert len(pool.named("game_won")) == 3


def test_misses_without_a_distance_are_understood() -> None:
    """A server that says no more than right or wrong has a dialect, too."""
    words = {Verdict.FAR: "Wrong! Too low", Verdict.CLOSE: "Wrong! Too high", Verdict.CORRECT: "You win!"}
    with (
        ScriptedServer(FakeServer(secret=3, dialect=Dialect.CLASSIC, words=words)) as server,
        bots(server.port, "--bot", "sweep", "--dialect", "auto") as pool,
    ):
        assert pool.finish() == 0

    assert [found["dialect"] for found in pool.named("dialect_found")] == ["classic"]
    assert len(pool.named("game_won")) == 1


@pytest.mark.parametrize("secret", [1, 17])
def test_a_server_that_reads_other_numbers(secret: int) -> None:
    """Verdicts alone do not make a dialect: the server has to read the number, which it may take for 0."""

    def reads_only_digits(peer: Peer) -> None:
        begun = False
        while line := peer.receive():
            match line:
                case "Hello":
                    peer.send("Greetings")
                case "Game":
                    begun = True
                    peer.send("Ready")
                case _ if not begun:
                    peer.send("What?")
                case _:
                    number = int(line) if line.isdecimal() else 0
                    distance = abs(number - secret)
                    peer.send("Correct" if distance == 0 else "Close" if distance <= 2 else "Far")

    with (
        ScriptedServer(reads_only_digits) as server,
        bots(server.port, "--bot", "smart", "--dialect", "auto") as pool,
    ):
        assert pool.finish() == 0

    assert [found["dialect"] for found in pool.named("dialect_found")] == ["bare"]
    assert len(pool.named("game_won")) == 1


def answers_once(peer: Peer) -> None:
    """Say something to the first guess, and close."""
    peer.receive()
    peer.send("Greetings")
    peer.receive()
    peer.send("What?")
    peer.close()


@pytest.mark.parametrize(
    ("script", "games"),
    [
        (answers_once, 1),
        (FakeServer(dialect=Dialect.BARE, confused="Pick a number between 1-30"), 1),
        (FakeServer(dialect=Dialect.BARE, confused=""), 3),
    ],
    ids=["words", "prompt", "end"],
)
def test_the_wrong_dialect_ends_with_advice(script: Callable[[Peer], None], games: int) -> None:
    """A game without a verdict says what to try, and the bot that was to play one does not try for ever."""
    with ScriptedServer(script) as server, bots(server.port, "--bot", "sweep", "--dialect", "short") as pool:
        assert pool.finish() == 0

    lost = pool.named("game_lost")
    assert len(lost) == games
    assert "try --dialect classic, bare, bare-short, or auto" in lost[-1]["reason"]


def test_a_person_is_advised() -> None:
    """Whoever leaves, or is left, without a verdict is told what to try."""

    def says_nothing_that_helps(peer: Peer) -> None:
        begin(peer)
        with contextlib.suppress(OSError):
            peer.receive()
            peer.send("Hm")
            if peer.receive():
                peer.close()

    advice = "o verdict was understood: try --dialect short, bare, bare-short, or auto, which finds it out"
    with ScriptedServer(says_nothing_that_helps) as server:
        left = piped(server.port, "5\n")
        lost = piped(server.port, "5\n6\n7\n")

    assert (left.returncode, left.stderr) == (0, "")
    assert left.stdout.splitlines()[-1] == f"N{advice}."
    assert (lost.returncode, lost.stderr) == (
        1,
        f"guessing-player: the server closed the connection; n{advice}\n",
    )


def test_no_dialect_fits() -> None:
    """Where nothing is understood in any dialect, bots and person say so and end with status 1."""
    with ScriptedServer(FakeServer(words=dict.fromkeys(Verdict, "Hm"))) as server:
        with bots(server.port, "--bot", "smart", "--games", "0", "--dialect", "auto") as pool:
            assert pool.finish() == 1
        played = piped(server.port, "5\n", "--dialect", "auto")

    complaint = f"127.0.0.1:{server.port} can be played in no dialect: classic, short, bare, bare-short"
    assert pool.named("dialect_unknown")[0]["reason"] == complaint
    assert pool.named("bots_stopped")[0]["reason"] == "no dialect fits"
    assert (played.returncode, played.stderr) == (1, f"guessing-player: {complaint}\n")
