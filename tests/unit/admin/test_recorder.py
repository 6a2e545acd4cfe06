"""Recording beside the event loop: the disk may hang, be full or broken, and nothing waits for it."""

from __future__ import annotations

import asyncio
import resource
import sqlite3
import threading
from typing import TYPE_CHECKING, Any

import pytest
import structlog
from structlog.testing import capture_logs

from services.admin.clock import Clock
from services.admin.history import History
from services.admin.model.board import Away, Board
from services.admin.recorder import MOST_WAITING, Recorder
from services.protocol.messages import Address, End, Joined, Won

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable
    from pathlib import Path

ANN = Address("10.0.0.1", 5001)


def run(path: str, work: Callable[[Board, Recorder], Awaitable[None]]) -> list[dict[str, Any]]:
    """Run `work` beside a recorder, close it and return what was logged."""

    async def record() -> None:
        board = Board(0.0)
        board.apply(End(), 0.0)
        recorder = Recorder(path, board, Clock(), structlog.get_logger())
        async with asyncio.timeout(20):
            await work(board, recorder)
            await recorder.close()
        await asyncio.sleep(0)

    with capture_logs() as logged:
        asyncio.run(record())
    return [dict(entry) for entry in logged]


def play(board: Board, recorder: Recorder, games: int = 1) -> None:
    """Let games be played and recorded."""
    for _ in range(games):
        board.apply(Joined(ANN, "ann"), 0.0)
        ended = board.apply(Won(ANN, 5), 1.0)
        assert ended is not None
        recorder.record(ended)


def test_games_are_on_the_disk_at_the_end(tmp_path: Path) -> None:
    """What was handed over just before the end is written, and so is when games were recorded."""
    path = str(tmp_path / "games.sqlite")

    async def work(board: Board, recorder: Recorder) -> None:
        play(board, recorder, 3)

    assert run(path, work) == []
    with History(path) as history:
        assert (
            history._database.execute("SELECT name, guesses, outcome FROM game").fetchall()
            == [("ann", 5, "won")] * 3
        )
        assert history._database.execute("SELECT count(*) FROM watched").fetchone() == (1,)


def test_the_end_needs_no_other_thread(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Where memory or processes have run out, none could be started; the last games are written."""
    path = str(tmp_path / "games.sqlite")

    def start(_: threading.Thread) -> None:
        raise RuntimeError("can't start new thread")

    async def work(board: Board, recorder: Recorder) -> None:
        play(board, recorder)
        monkeypatch.setattr(threading.Thread, "start", start)

    assert run(path, work) == []
    with History(path) as history:
        assert history.scores(1, 30, 0.0)["recorded"]["games"] == 1


def test_scores_are_answered_meanwhile() -> None:
    """Scores are of the range in play, and however many ask at once, one look answers them all."""
    found = []

    async def work(board: Board, recorder: Recorder) -> None:
        play(board, recorder)
        found.extend(await asyncio.gather(*(recorder.scores() for _ in range(50))))

    assert run(":memory:", work) == []
    assert {id(scores) for scores in found} == {id(found[0])}
    assert found[0]["ever"] == [{"name": "ann", "games": 1, "best": 5, "mean": 5.0}]


@pytest.mark.parametrize("kind", ["missing folder", "a folder", "no database", "newer"])
def test_a_file_that_cannot_be_opened_costs_the_history_alone(tmp_path: Path, kind: str) -> None:
    """It is logged once, the file stays as it was, and scores are kept in memory."""
    path = tmp_path / "games.sqlite"
    if kind == "missing folder":
        path = path / "games.sqlite"
    elif kind == "a folder":
        path.mkdir()
    elif kind == "no database":
        path.write_text("not a database, but long enough to look into\n" * 100)
    else:
        with sqlite3.connect(path) as database:
            database.execute("PRAGMA user_version = 99")
        database.close()
    before = path.read_bytes() if path.is_file() else b""

    async def work(board: Board, recorder: Recorder) -> None:
        play(board, recorder)
        assert (await recorder.scores())["recorded"]["games"] == 1

    assert [(entry["event"], entry["log_level"]) for entry in run(str(path), work)] == [
        ("history_failed", "error")
    ]
    assert (path.read_bytes() if path.is_file() else b"") == before


def test_a_disk_that_fails_and_recovers(tmp_path: Path) -> None:
    """While nothing can be written, scores are answered; afterwards the number of lost games is told."""
    path = str(tmp_path / "games.sqlite")
    History(path).close()

    async def work(board: Board, recorder: Recorder) -> None:
        play(board, recorder)
        await recorder.scores()
        # As a full disk: no file of this process may grow.
        limits = resource.getrlimit(resource.RLIMIT_FSIZE)
        resource.setrlimit(resource.RLIMIT_FSIZE, (0, limits[1]))
        try:
            play(board, recorder, 4)
            await recorder.scores()
            assert (await recorder.scores())["recorded"]["games"] == 1
        finally:
            resource.setrlimit(resource.RLIMIT_FSIZE, limits)
        play(board, recorder)
        await recorder.scores()

    logged = run(path, work)

    assert [entry["event"] for entry in logged] == ["history_failed", "history_recovered"]
    assert logged[1]["games"] == 4
    with History(path) as history:
        assert history.scores(1, 30, 0.0)["recorded"]["games"] == 2


def test_a_disk_that_hangs_holds_nothing_up(monkeypatch: pytest.MonkeyPatch) -> None:
    """Games that wait for a disk are bounded, taking one never waits, and neither does the end for long."""
    hanging = threading.Event()
    monkeypatch.setattr(History, "add", lambda *_: hanging.wait(30))
    monkeypatch.setattr("services.admin.recorder.END_S", 0.1)

    async def work(board: Board, recorder: Recorder) -> None:
        play(board, recorder, MOST_WAITING + 10)
        board.apply(Away("gone", 1.0), 0.0)
        assert recorder._games.qsize() <= MOST_WAITING

    run(":memory:", work)
    hanging.set()
