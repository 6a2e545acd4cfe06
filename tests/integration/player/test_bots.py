"""Bots as a process of their own, against servers of the family over loopback."""

from __future__ import annotations

import asyncio
import signal
import sys
import threading
from dataclasses import replace
from io import StringIO
from typing import TYPE_CHECKING

import pexpect
import pytest
import structlog

from services.player.bot import Dialect
from services.player.bot_pool import BotConfig, BotPool
from services.protocol.messages import Verdict
from services.protocol.rules import Rules
from services.runtime.connecting import Target
from services.runtime.environ import SecondsRange
from services.strategies.choice import Strategy
from tests.support.fake_server import FakeServer, begin, close, refuse, vanish
from tests.support.player_process import arguments, bots, environ
from tests.support.scripted_server import ScriptedServer
from tests.support.signals import storm

if TYPE_CHECKING:
    from services.player.stats import Stats
    from tests.support.scripted_server import Peer

TIMEOUT_S = 30.0


@pytest.mark.parametrize("strategy", ["random", "sweep", "smart", "mixed"])
def test_every_strategy_wins(strategy: str) -> None:
    """Each bot plays the games that it was told to, wins them, and says so in its log."""
    server_side = FakeServer(secret=17)
    with (
        ScriptedServer(server_side) as server,
        bots(server.port, "--bot", strategy, "--games", "4", "--players", "3") as pool,
    ):
        assert pool.finish() == 0

    assert len(pool.named("game_won")) == 12
    assert server_side.received.count("Hello") == server_side.received.count("Game") == 12
    stopped = pool.named("bots_stopped")[0]
    assert (stopped["games"], stopped["reason"]) == (12, "all games played")
    assert sum(won["guesses"] for won in pool.named("game_won")) == len(server_side.guesses())


def test_sweep_and_smart_guess_what_they_should() -> None:
    """A sweeping bot goes up; the smart one needs the guesses that were computed for this secret."""
    server_side = FakeServer(secret=10)
    with ScriptedServer(server_side) as server, bots(server.port, "--bot", "sweep") as sweeping:
        sweeping.finish()
    assert server_side.guesses() == list(range(1, 11))

    server_side = FakeServer(secret=10)
    with ScriptedServer(server_side) as server, bots(server.port, "--bot", "smart") as smart:
        smart.finish()
    assert len(server_side.guesses()) == 5


def test_short_dialect() -> None:
    """With the older dialect there is no Game, and guesses are short (clause P-7)."""
    server_side = FakeServer(secret=3)
    with (
        ScriptedServer(server_side) as server,
        bots(server.port, "--bot", "sweep", "--dialect", "short") as pool,
    ):
        assert pool.finish() == 0

    assert server_side.received == ["Hello", "Guess: 1", "Guess: 2", "Guess: 3"]


@pytest.mark.parametrize(
    "server_side",
    [
        FakeServer(end="\n"),
        FakeServer(piecewise=True),
        FakeServer(end=""),
        FakeServer(closes=False),
        FakeServer(greetings="GREETINGS, stranger", ready="ready when you are"),
        FakeServer(
            words={Verdict.FAR: "far away", Verdict.CLOSE: "CLOSE!", Verdict.CORRECT: "Correct, you won"}
        ),
        FakeServer(before="You have guessed.", after="Guess again!"),
    ],
    ids=["LF", "piecewise", "no end", "does not close", "talkative", "own words", "several lines"],
)
def test_other_servers_of_the_family(server_side: FakeServer) -> None:
    """The bot gets on with looser spellings, split replies and a server that stays (clauses C-2, F-3)."""
    with ScriptedServer(server_side) as server, bots(server.port, "--bot", "smart", "--games", "2") as pool:
        assert pool.finish() == 0

    assert len(pool.named("game_won")) == 2
    assert len(set(server_side.guesses())) <= len(server_side.guesses()) / 2


def test_replies_in_unknown_words() -> None:
    """Unknown replies tell nothing, and the bot still never tries a number twice in a game."""
    server_side = FakeServer(
        secret=4,
        greetings="Welcome",
        words={Verdict.FAR: "Too high", Verdict.CLOSE: "Too low", Verdict.CORRECT: "Correct"},
    )
    with ScriptedServer(server_side) as server, bots(server.port, "--bot", "sweep") as pool:
        assert pool.finish() == 0

    assert server_side.guesses() == [1, 2, 3, 4]


@pytest.mark.parametrize("strategy", ["random", "sweep", "smart"])
@pytest.mark.parametrize("rules", [Rules(1, 10), Rules(20, 50), Rules(1, 40), Rules(1, 30, 5)])
def test_other_rules(strategy: str, rules: Rules) -> None:
    """The range is learnt from the prompt (clause P-5), the close distance from the verdicts."""
    server_side = FakeServer(secret=rules.high, rules=rules)
    with ScriptedServer(server_side) as server, bots(server.port, "--bot", strategy, "--games", "2") as pool:
        assert pool.finish() == 0

    assert len(pool.named("game_won")) == 2


def test_what_was_learnt_of_the_range_serves_the_next_game() -> None:
    """In the second game nothing out of range is tried any more (clause C-3)."""
    server_side = FakeServer(secret=7, rules=Rules(5, 9))
    with ScriptedServer(server_side) as server, bots(server.port, "--bot", "sweep", "--games", "2") as pool:
        assert pool.finish() == 0

    assert server_side.guesses() == [1, 5, 6, 7, 5, 6, 7]


@pytest.mark.parametrize("answer", [None, "Refused: say Game first", "What?"])
def test_a_server_that_knows_no_names_is_played_without(answer: str | None) -> None:
    """Bots that are hung up on or refused for their name give none from then on, and lose no game by it."""
    server_side = FakeServer(names=answer, dialect=Dialect.CLASSIC, confused="")
    with (
        ScriptedServer(server_side) as server,
        bots(server.port, "--bot", "smart", "--games", "2", "--name", "anna") as pool,
    ):
        assert pool.finish() == 0

    assert len(pool.named("game_won")) == 2
    assert pool.named("game_lost") == pool.named("game_refused") == []
    assert len(pool.named("names_unknown")) == (answer != "What?")


def test_too_late() -> None:
    """In a shared round that another has won the bot starts again (clause R-3)."""

    def play(peer: Peer) -> None:
        begin(peer)
        for reply in ("Far", "Too late", "Far", "Correct"):
            numbers.append(int(peer.receive().removeprefix("My Guess is: ")))
            peer.send(reply)
        peer.wait_for_end()

    numbers: list[int] = []
    with ScriptedServer(play) as server, bots(server.port, "--bot", "sweep") as pool:
        assert pool.finish() == 0

    assert numbers == [1, 2, 1, 2]
    assert pool.named("round_lost")[0]["guesses"] == 1
    assert pool.named("game_won")[0]["guesses"] == 2


def test_comes_back_after_refusals_and_losses() -> None:
    """Refused, broken off, cut short: each time the bot waits, comes back and plays on (clause C-4)."""
    with (
        ScriptedServer(refuse, vanish, close, FakeServer()) as server,
        bots(server.port, "--bot", "smart") as pool,
    ):
        assert pool.finish() == 0

    assert [event["reason"] for event in pool.named("game_refused")] == ["server full"]
    reasons = [event["reason"] for event in pool.named("game_lost")]
    assert len(reasons) == 2
    assert all(reason.startswith(("the server closed", "the connection broke")) for reason in reasons)
    assert all(event["retry_in_s"] > 0 for event in pool.named("game_lost"))
    assert len(pool.named("game_won")) == 1


def test_waits_for_a_server_that_is_away() -> None:
    """Bots that find no server listening try again until one is."""
    with ScriptedServer(FakeServer()) as gone:
        port = gone.port
    with bots(port, "--bot", "smart") as pool:
        failed = pool.wait_for("connection_failed", 2)
        assert failed["reason"] == f"cannot reach 127.0.0.1:{port}: Connection refused"
        with ScriptedServer(FakeServer(), port=port):
            assert pool.finish() == 0

    assert len(pool.named("game_won")) == 1


def test_a_server_without_sense_is_given_up() -> None:
    """A server that calls every number far loses the bot, which has then tried each number once."""
    server_side = FakeServer(words=dict.fromkeys(Verdict, "Far"), rules=Rules(1, 30, 0), secret=31)
    with (
        ScriptedServer(server_side) as server,
        bots(server.port, "--bot", "smart") as pool,
    ):
        assert pool.finish() == 0

    assert sorted(server_side.guesses()) == [*range(1, 31), 60]
    assert pool.named("game_lost")[0]["reason"] == "nothing is left to try"


def test_an_endless_line_ends_the_game() -> None:
    """A server that never ends its line is left, without storing it (clause F-2, G-10)."""

    def flood(peer: Peer) -> None:
        peer.receive()
        peer.send("x" * 2000, end="")
        peer.wait_for_end()

    with ScriptedServer(flood, FakeServer()) as server, bots(server.port, "--bot", "smart") as pool:
        assert pool.finish() == 0

    assert pool.named("game_lost")[0]["reason"] == "the server sent a line longer than 512 octets"


def test_a_refusal_cannot_forge_the_log() -> None:
    """Control characters of the server do not reach the log."""

    def refuse_badly(peer: Peer) -> None:
        peer.receive()
        peer.send("Refused: \x1b[2J\x07\x7f really")
        peer.close()

    with ScriptedServer(refuse_badly, FakeServer()) as server, bots(server.port, "--bot", "smart") as pool:
        assert pool.finish() == 0

    assert pool.named("game_refused")[0]["reason"] == r"\x1b[2J\x07\x7f really"


@pytest.mark.parametrize(("number", "status"), [(signal.SIGTERM, 0), (signal.SIGINT, 130)])
def test_a_signal_ends_everything_politely(number: signal.Signals, status: int) -> None:
    """Bots told to stop in the middle of their games close them in order, and sum up."""
    ends: list[str] = []
    begun = threading.Semaphore(0)

    def play(peer: Peer) -> None:
        begin(peer)
        begun.release()
        while peer.receive():
            peer.send("Far")
        ends.append("in order")

    with (
        ScriptedServer(play) as server,
        bots(server.port, "--bot", "sweep", "--players", "5", "--think", "5") as pool,
    ):
        assert all(begun.acquire(timeout=TIMEOUT_S) for _ in range(5))
        pool.process.send_signal(number)
        assert pool.finish() == status

    assert ends == ["in order"] * 5
    assert pool.named("bots_stopped")[0]["reason"] == number.name


@pytest.mark.parametrize(("number", "status"), [(signal.SIGTERM, 0), (signal.SIGINT, 130)])
def test_impatience_changes_no_status(number: signal.Signals, status: int) -> None:
    """However often a signal comes, bots end with the status that goes with the first."""
    with (
        ScriptedServer(lambda peer: peer.wait_for_end()) as server,
        bots(server.port, "--bot", "smart") as pool,
    ):
        pool.wait_for("bots_started", 1)
        assert storm(pool.process, number) == status


def test_a_signal_ends_bots_that_wait_for_the_server() -> None:
    """Bots that only wait for their next attempt stop at once."""
    with ScriptedServer(FakeServer()) as gone:
        port = gone.port
    with bots(port, "--bot", "smart", "--players", "3") as pool:
        pool.wait_for("connection_failed", 3)
        pool.process.send_signal(signal.SIGTERM)
        assert pool.finish() == 0


def test_a_silent_server_is_left(monkeypatch: pytest.MonkeyPatch) -> None:
    """A server that does not reply in time loses the bot, which tries again."""
    monkeypatch.setattr("services.player.game_connection.REPLY_TIMEOUT_S", 0.1)
    config = BotConfig(
        target=Target("127.0.0.1", 0),
        strategy=Strategy.SMART,
        dialect=Dialect.CLASSIC,
        players=1,
        games=1,
        think=SecondsRange(0, 0),
    )

    async def play(port: int) -> Stats:
        pool = BotPool(replace(config, target=Target("127.0.0.1", port)))
        await pool.play()
        return pool.stats

    with (
        structlog.testing.capture_logs() as log,
        ScriptedServer(lambda peer: peer.wait_for_end(), FakeServer()) as server,
    ):
        stats = asyncio.run(play(server.port))

    assert (stats.lost, stats.total.games) == (1, 1)
    assert [event["reason"] for event in log if event["event"] == "game_lost"] == ["no reply within 0.1 s"]


@pytest.mark.parametrize("end", ["done", "Ctrl-C"])
def test_progress_and_summary_on_a_terminal(end: str) -> None:
    """On a terminal a line shows the progress and a table sums up, whether or not all games were played."""
    games = ["--games", "5"] if end == "done" else ["--games", "0", "--think", "0.05"]
    with ScriptedServer(FakeServer()) as server:
        program = pexpect.spawn(
            sys.executable,
            arguments(server.port, "--bot", "mixed", "--players", "2", *games),
            dimensions=(24, 100),
            encoding="utf-8",
            timeout=TIMEOUT_S,
            env=environ(),
        )
        program.logfile_read = StringIO()
        program.expect("[0-9] playing")
        if end == "Ctrl-C":
            program.expect("[1-9] won")
            program.sendintr()
        for column in ("strategy", "games", "guesses a game", "expected", "fewest", "most"):
            program.expect_exact(column)
        program.expect("games/s, 0 lost, 0 refused")
        program.expect(pexpect.EOF)
        program.close()

    assert program.exitstatus == (0 if end == "done" else 130)
    shown = program.logfile_read.getvalue()
    assert "connection_opened" not in shown
    assert shown.rindex("\x1b[?25h") > shown.rindex("\x1b[?25l")
