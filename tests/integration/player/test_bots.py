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
from services.player.crew import Crew, Orders
from services.protocol.messages import Verdict
from services.protocol.rules import Rules
from services.runtime.connecting import Target
from services.runtime.environ import SecondsRange
from services.strategies.choice import Strategy
from tests.support.family import Table, begin, close, refuse, vanish
from tests.support.player_process import arguments, bots, environ
from tests.support.scripted_server import ScriptedServer

if TYPE_CHECKING:
    from services.player.tally import Tally
    from tests.support.scripted_server import Peer

TIMEOUT_S = 30.0


@pytest.mark.parametrize("strategy", ["random", "sweep", "smart", "mixed"])
def test_every_strategy_wins(strategy: str) -> None:
    """Each bot plays the games that it was told to, wins them, and says so in its log."""
    table = Table(secret=17)
    with (
        ScriptedServer(table) as server,
        bots(server.port, "--bot", strategy, "--games", "4", "--players", "3") as crew,
    ):
        assert crew.finish() == 0

    assert len(crew.named("game_won")) == 12
    assert table.heard.count("Hello") == table.heard.count("Game") == 12
    stopped = crew.named("bots_stopped")[0]
    assert (stopped["games"], stopped["reason"]) == (12, "all games played")
    assert sum(won["guesses"] for won in crew.named("game_won")) == len(table.guesses())


def test_sweep_and_smart_guess_what_they_should() -> None:
    """A sweeping bot goes up; the smart one needs the guesses that were computed for this secret."""
    table = Table(secret=10)
    with ScriptedServer(table) as server, bots(server.port, "--bot", "sweep") as sweeping:
        sweeping.finish()
    assert table.guesses() == list(range(1, 11))

    table = Table(secret=10)
    with ScriptedServer(table) as server, bots(server.port, "--bot", "smart") as smart:
        smart.finish()
    assert len(table.guesses()) == 5


def test_short_dialect() -> None:
    """With the older dialect there is no Game, and guesses are short (clause P-7)."""
    table = Table(secret=3)
    with ScriptedServer(table) as server, bots(server.port, "--bot", "sweep", "--dialect", "short") as crew:
        assert crew.finish() == 0

    assert table.heard == ["Hello", "Guess: 1", "Guess: 2", "Guess: 3"]


@pytest.mark.parametrize(
    "table",
    [
        Table(end="\n"),
        Table(piecewise=True),
        Table(closes=False),
        Table(greetings="GREETINGS, stranger", ready="ready when you are"),
        Table(words={Verdict.FAR: "far away", Verdict.CLOSE: "CLOSE!", Verdict.CORRECT: "Correct, you won"}),
        Table(before="You have guessed.", after="Guess again!"),
    ],
    ids=["LF", "piecewise", "does not close", "talkative", "own words", "several lines"],
)
def test_other_servers_of_the_family(table: Table) -> None:
    """The bot gets on with looser spellings, split replies and a server that stays (clauses C-2, F-3)."""
    with ScriptedServer(table) as server, bots(server.port, "--bot", "smart", "--games", "2") as crew:
        assert crew.finish() == 0

    assert len(crew.named("game_won")) == 2
    assert len(set(table.guesses())) <= len(table.guesses()) / 2


def test_replies_in_unknown_words() -> None:
    """Unknown replies tell nothing, and the bot still never tries a number twice in a game."""
    table = Table(
        secret=4,
        greetings="Welcome",
        words={Verdict.FAR: "Too high", Verdict.CLOSE: "Too low", Verdict.CORRECT: "Correct"},
    )
    with ScriptedServer(table) as server, bots(server.port, "--bot", "sweep") as crew:
        assert crew.finish() == 0

    assert table.guesses() == [1, 2, 3, 4]


@pytest.mark.parametrize("strategy", ["random", "sweep", "smart"])
@pytest.mark.parametrize("rules", [Rules(1, 10), Rules(20, 50), Rules(1, 40), Rules(1, 30, 5)])
def test_other_rules(strategy: str, rules: Rules) -> None:
    """The range is learnt from the prompt (clause P-5), the close distance from the verdicts."""
    table = Table(secret=rules.high, rules=rules)
    with ScriptedServer(table) as server, bots(server.port, "--bot", strategy, "--games", "2") as crew:
        assert crew.finish() == 0

    assert len(crew.named("game_won")) == 2


def test_what_was_learnt_of_the_range_serves_the_next_game() -> None:
    """In the second game nothing out of range is tried any more (clause C-3)."""
    table = Table(secret=7, rules=Rules(5, 9))
    with ScriptedServer(table) as server, bots(server.port, "--bot", "sweep", "--games", "2") as crew:
        assert crew.finish() == 0

    assert table.guesses() == [1, 5, 6, 7, 5, 6, 7]


def test_too_late() -> None:
    """In a shared round that another has won the bot begins anew (clause R-3)."""

    def play(peer: Peer) -> None:
        begin(peer)
        for reply in ("Far", "Too late", "Far", "Correct"):
            numbers.append(int(peer.hear().removeprefix("My Guess is: ")))
            peer.say(reply)
        peer.wait_for_end()

    numbers: list[int] = []
    with ScriptedServer(play) as server, bots(server.port, "--bot", "sweep") as crew:
        assert crew.finish() == 0

    assert numbers == [1, 2, 1, 2]
    assert crew.named("round_lost")[0]["guesses"] == 1
    assert crew.named("game_won")[0]["guesses"] == 2


def test_comes_back_after_refusals_and_losses() -> None:
    """Refused, broken off, cut short: each time the bot waits, comes back and plays on (clause C-4)."""
    with (
        ScriptedServer(refuse, vanish, close, Table()) as server,
        bots(server.port, "--bot", "smart") as crew,
    ):
        assert crew.finish() == 0

    assert [event["reason"] for event in crew.named("game_refused")] == ["server full"]
    reasons = [event["reason"] for event in crew.named("game_lost")]
    assert len(reasons) == 2
    assert all(reason.startswith(("the server closed", "the connection broke")) for reason in reasons)
    assert all(event["retry_in_s"] > 0 for event in crew.named("game_lost"))
    assert len(crew.named("game_won")) == 1


def test_waits_for_a_server_that_is_away() -> None:
    """Bots that find nobody listening try again until somebody is."""
    with ScriptedServer(Table()) as gone:
        port = gone.port
    with bots(port, "--bot", "smart") as crew:
        failed = crew.wait_for("connection_failed", 2)
        assert failed["reason"] == f"cannot reach 127.0.0.1:{port}: Connection refused"
        with ScriptedServer(Table(), port=port):
            assert crew.finish() == 0

    assert len(crew.named("game_won")) == 1


def test_a_server_without_sense_is_given_up() -> None:
    """A server that calls every number far loses the bot, which has then tried each number once."""
    table = Table(words=dict.fromkeys(Verdict, "Far"), rules=Rules(1, 30, 0), secret=31)
    with (
        ScriptedServer(table) as server,
        bots(server.port, "--bot", "smart") as crew,
    ):
        assert crew.finish() == 0

    assert sorted(table.guesses()) == [*range(1, 31), 60]
    assert crew.named("game_lost")[0]["reason"] == "nothing is left to try"


def test_an_endless_line_ends_the_game() -> None:
    """A server that never ends its line is left, without storing it (clause F-2)."""

    def flood(peer: Peer) -> None:
        peer.hear()
        peer.say("x" * 2000, end="")
        peer.wait_for_end()

    with ScriptedServer(flood, Table()) as server, bots(server.port, "--bot", "smart") as crew:
        assert crew.finish() == 0

    assert crew.named("game_lost")[0]["reason"] == "the server sent a line longer than 512 octets"


def test_a_refusal_cannot_forge_the_log() -> None:
    """Control characters of the server do not reach the log."""

    def refuse_badly(peer: Peer) -> None:
        peer.hear()
        peer.say("Refused: \x1b[2J\x07\x7f really")
        peer.close()

    with ScriptedServer(refuse_badly, Table()) as server, bots(server.port, "--bot", "smart") as crew:
        assert crew.finish() == 0

    assert crew.named("game_refused")[0]["reason"] == r"\x1b[2J\x07\x7f really"


@pytest.mark.parametrize(("number", "status"), [(signal.SIGTERM, 0), (signal.SIGINT, 130)])
def test_a_signal_ends_everything_politely(number: signal.Signals, status: int) -> None:
    """Bots told to stop in the middle of their games close them in order, and sum up."""
    ends: list[str] = []
    begun = threading.Semaphore(0)

    def play(peer: Peer) -> None:
        begin(peer)
        begun.release()
        while peer.hear():
            peer.say("Far")
        ends.append("in order")

    with (
        ScriptedServer(play) as server,
        bots(server.port, "--bot", "sweep", "--players", "5", "--think", "5") as crew,
    ):
        assert all(begun.acquire(timeout=TIMEOUT_S) for _ in range(5))
        crew.process.send_signal(number)
        assert crew.finish() == status

    assert ends == ["in order"] * 5
    assert crew.named("bots_stopped")[0]["reason"] == number.name


def test_a_signal_ends_bots_that_wait_for_the_server() -> None:
    """Bots that only wait for their next attempt stop at once."""
    with ScriptedServer(Table()) as gone:
        port = gone.port
    with bots(port, "--bot", "smart", "--players", "3") as crew:
        crew.wait_for("connection_failed", 3)
        crew.process.send_signal(signal.SIGTERM)
        assert crew.finish() == 0


def test_a_silent_server_is_left(monkeypatch: pytest.MonkeyPatch) -> None:
    """A server that owes a reply for too long loses the bot, which tries again."""
    monkeypatch.setattr("services.player.playing.REPLY_TIMEOUT_S", 0.1)
    orders = Orders(
        target=Target("127.0.0.1", 0),
        strategy=Strategy.SMART,
        dialect=Dialect.CLASSIC,
        players=1,
        games=1,
        think=SecondsRange(0, 0),
    )

    async def play(port: int) -> Tally:
        crew = Crew(replace(orders, target=Target("127.0.0.1", port)))
        await crew.play()
        return crew.tally

    with (
        structlog.testing.capture_logs() as log,
        ScriptedServer(lambda peer: peer.wait_for_end(), Table()) as server,
    ):
        tally = asyncio.run(play(server.port))

    assert (tally.lost, tally.total.games) == (1, 1)
    assert [event["reason"] for event in log if event["event"] == "game_lost"] == ["no reply within 0.1 s"]


@pytest.mark.parametrize("end", ["done", "Ctrl-C"])
def test_progress_and_summary_on_a_terminal(end: str) -> None:
    """On a terminal a line shows the progress and a table sums up, whether or not all games were played."""
    games = ["--games", "5"] if end == "done" else ["--games", "0", "--think", "0.05"]
    with ScriptedServer(Table()) as server:
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
