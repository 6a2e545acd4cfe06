"""Records finished games in a thread: a slow, full or broken disk costs the history, never the page."""

from __future__ import annotations

import asyncio
import contextlib
import queue
import sqlite3
import threading
from concurrent.futures import Future
from typing import TYPE_CHECKING, Any, Final

from services.admin.history import IN_MEMORY, History, NewerSchemaError

if TYPE_CHECKING:
    from collections.abc import Callable

    from structlog.typing import FilteringBoundLogger

    from services.admin.clock import Clock
    from services.admin.model.board import Board, Game

MOST_WAITING: Final = 10_000
"""Games that wait for the disk; more are lost, and counted."""

GATHER_S: Final = 0.5
"""Games are written, and questions answered, so often: one transaction and one look, however many."""

STILL_S: Final = 5.0
"""So often is noted that games are being recorded; a kill makes a gap no longer than this."""

END_S: Final = 2.0
"""How long the end of the program waits for the last games to be written."""


class Recorder:
    """Hands finished games to a thread that writes them, and questions to the same thread."""

    def __init__(self, path: str, board: Board, clock: Clock, log: FilteringBoundLogger) -> None:
        """Begin to record; whatever is wrong with the file is logged by the loop that runs now."""
        self._path = path
        self._board = board
        self._clock = clock
        self._log = log
        self._loop = asyncio.get_running_loop()
        self._games: queue.Queue[tuple[Game, float]] = queue.Queue(MOST_WAITING)
        self._questions: queue.SimpleQueue[Future[dict[str, Any]]] = queue.SimpleQueue()
        self._closing = threading.Event()
        self._closed = asyncio.Event()
        self._lost_games = 0
        self._is_failing = False
        self._recording_since: float | None = None
        self._noted = 0.0
        # A daemon: a disk that hangs must not hold up the end of the program.
        threading.Thread(target=self._run, name="history", daemon=True).start()

    def record(self, game: Game) -> None:
        """Take a game that has just ended."""
        try:
            self._games.put_nowait((game, self._wall()))
        except queue.Full:
            self._lost_games += 1

    async def scores(self) -> dict[str, Any]:
        """Return the scores.

        Raises:
            sqlite3.Error: The file cannot be read.
        """
        answer: Future[dict[str, Any]] = Future()
        self._questions.put(answer)
        return await asyncio.wrap_future(answer)

    async def close(self) -> None:
        """Write what is left, if that does not take long."""
        self._closing.set()
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(END_S):
                await self._closed.wait()

    # --- the thread

    def _run(self) -> None:
        try:
            with self._open() as history:
                while not self._closing.wait(GATHER_S):
                    self._write(history)
                    self._answer(history)
                self._write(history)
        finally:
            self._call_loop(self._closed.set)

    def _open(self) -> History:
        try:
            return History(self._path)
        except (sqlite3.Error, NewerSchemaError) as error:
            self._tell("history_failed", reason=str(error))
            return History(IN_MEMORY)

    def _write(self, history: History) -> None:
        now = self._wall()
        games = [self._games.get_nowait() for _ in range(self._games.qsize())]
        watched = []
        if self._board.away is not None:
            self._recording_since = None
        else:
            if self._recording_since is None:
                self._recording_since, self._noted = now, 0.0
            if games or abs(now - self._noted) >= STILL_S:
                watched.append((self._recording_since, now))
        if not games and not watched:
            return
        try:
            history.add(games, watched)
        except sqlite3.Error as error:
            self._lost_games += len(games)
            self._recording_since = None
            if not self._is_failing:
                self._is_failing = True
                self._tell("history_failed", reason=str(error))
            return
        self._noted = now
        if self._is_failing or self._lost_games:
            self._tell("history_recovered", games=self._lost_games)
            self._is_failing, self._lost_games = False, 0

    def _answer(self, history: History) -> None:
        asked = [self._questions.get_nowait() for _ in range(self._questions.qsize())]
        answers = [answer for answer in asked if answer.set_running_or_notify_cancel()]
        if not answers:
            return
        try:
            scores = history.scores(self._board.low, self._board.high, self._wall())
        except sqlite3.Error as error:
            for answer in answers:
                answer.set_exception(error)
        else:
            for answer in answers:
                answer.set_result(scores)

    def _wall(self) -> float:
        return self._clock.now() + self._clock.ahead_s

    def _tell(self, event: str, **fields: object) -> None:
        # Only the loop's own thread writes the log.
        level = self._log.warning if event == "history_recovered" else self._log.error
        self._call_loop(lambda: level(event, **fields))

    def _call_loop(self, call: Callable[[], object]) -> None:
        with contextlib.suppress(RuntimeError):  # at the very end there may be no loop any more
            self._loop.call_soon_threadsafe(call)
