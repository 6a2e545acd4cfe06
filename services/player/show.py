"""The terminal on which bots show their progress; the line and the table themselves are pure."""

from __future__ import annotations

import asyncio
import contextlib
import logging
from typing import TYPE_CHECKING, Final

import structlog
from rich.console import Console
from rich.live import Live

from services.player.progress import progress_line, summary_table
from services.runtime.hand_over import hand_over_terminal

if TYPE_CHECKING:
    from services.player.bot_pool import BotPool
    from services.runtime.output_stream import OutputStream

REFRESH_S: Final = 0.25
"""Often enough to look live, seldom enough to cost nothing over a slow line."""


async def show(pool: BotPool, output: OutputStream) -> None:
    """Let the bots play, draw how far they are, and what came of it."""
    console = Console(file=output.text, force_terminal=True)
    # Here the line and the table tell what the log would.
    structlog.configure(wrapper_class=structlog.make_filtering_bound_logger(logging.CRITICAL))
    live = Live(progress_line(pool.stats, pool.now_s()), console=console, auto_refresh=False)
    # Before it draws: whoever sees a picture may press Ctrl-Z.
    hand_over_terminal(asyncio.get_running_loop(), live.stop, live.start)
    with live:
        async with asyncio.TaskGroup() as tasks:
            drawing = tasks.create_task(_draw(pool, live, output))
            await pool.play()
            drawing.cancel()
        live.update(progress_line(pool.stats, pool.now_s()), refresh=True)
    console.print(summary_table(pool.stats, pool.rules, pool.now_s()))


async def _draw(pool: BotPool, live: Live, output: OutputStream) -> None:
    with contextlib.suppress(asyncio.CancelledError):
        while True:
            live.update(progress_line(pool.stats, pool.now_s()), refresh=True)
            await output.drain()
            await asyncio.sleep(REFRESH_S)
