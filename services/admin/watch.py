"""The `watch` command: one connection, one board, and whoever draws it. The drawing itself is the view's."""

from __future__ import annotations

import asyncio
import random
import signal
import time
from typing import TYPE_CHECKING, Final

import structlog
from rich.console import Console
from rich.live import Live

from services.admin.client import follow
from services.admin.model.board import Board
from services.admin.observe import log_change
from services.admin.view import board_view
from services.runtime.logging import LogFormat, configure

if TYPE_CHECKING:
    from collections.abc import Callable, Coroutine

    from services.admin.client import Target
    from services.admin.model.board import Change
    from services.admin.settings import Settings

REFRESH_S: Final = 0.25
"""Often enough to look live, seldom enough to cost nothing over a slow line."""

_STATUS: Final = {signal.SIGTERM: 0, signal.SIGINT: 130}


async def watch(target: Target, settings: Settings, *, as_json: bool) -> int:
    """Watch until a signal comes, and return the exit status that goes with it."""
    stopped: asyncio.Future[int] = asyncio.get_running_loop().create_future()
    for number, status in _STATUS.items():
        asyncio.get_running_loop().add_signal_handler(number, _settle, stopped, status)
    board = Board(time.time(), low=settings.low, high=settings.high)
    console = Console()
    # A dumb terminal cannot be drawn on again and again: it gets lines.
    draws = console.is_terminal and not console.is_dumb_terminal and not as_json
    work: list[Coroutine[None, None, None]] = []
    observers: list[Callable[[Change], None]] = []
    if draws:
        work.append(_draw(board, target, console))
    else:
        configure("admin", LogFormat.JSON if as_json else settings.log_format, settings.log_level)
        log = structlog.get_logger()
        observers.append(lambda change: log_change(log, board, change))

    def observe(change: Change) -> None:
        board.apply(change, time.time())
        for observer in observers:
            observer(change)

    async with asyncio.TaskGroup() as tasks:
        running = [tasks.create_task(follow(target, observe, random.random)), *map(tasks.create_task, work)]
        status = await stopped
        for task in running:
            task.cancel()
    return status


def _settle(stopped: asyncio.Future[int], status: int) -> None:
    # A second signal, while the first is being obeyed, changes nothing.
    if not stopped.done():
        stopped.set_result(status)


async def _draw(board: Board, target: Target, console: Console) -> None:
    """Keep the alternate screen up to date; whatever ends this, the terminal is as it was before."""
    resized = asyncio.Event()
    asyncio.get_running_loop().add_signal_handler(signal.SIGWINCH, resized.set)
    with Live(console=console, screen=True, auto_refresh=False, redirect_stdout=False) as live:
        while True:
            width, height = console.size
            live.update(board_view(board, target, time.time(), width=width, height=height), refresh=True)
            resized.clear()
            try:
                async with asyncio.timeout(REFRESH_S):
                    await resized.wait()
            except TimeoutError:
                continue
