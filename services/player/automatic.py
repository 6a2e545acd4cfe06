"""Run a crew of bots until it is done or a signal comes, with its progress on a terminal or in the log."""

from __future__ import annotations

import asyncio
import contextlib
import logging
import resource
import signal
from typing import TYPE_CHECKING, Final

import structlog
from rich.console import Console
from rich.live import Live

from services.player.crew import Crew
from services.player.progress import progress_line, summary_table
from services.runtime.logging import configure, default_format

if TYPE_CHECKING:
    from services.player.crew import Orders
    from services.player.settings import Settings

REFRESH_S: Final = 0.25
"""Often enough to look live, seldom enough to cost nothing over a slow line."""

OTHER_FILES: Final = 64
"""Open files beside the bots' sockets."""

_STATUS: Final = {signal.SIGTERM: 0, signal.SIGINT: 130}


async def play(orders: Orders, settings: Settings) -> int:
    """Play until all games are played (0) or a signal comes, and return the exit status that goes with it.

    Raises:
        UntrustedError: the server's certificate is not accepted.
    """
    _allow_sockets(orders.players)
    crew = Crew(orders)
    ended_by: list[signal.Signals] = []

    def stop(number: signal.Signals) -> None:
        ended_by.append(number)
        crew.stop()

    for number in _STATUS:
        asyncio.get_running_loop().add_signal_handler(number, stop, number)
    console = Console()
    if settings.log_format is None and console.is_terminal and not console.is_dumb_terminal:
        await _show(crew, console)
    else:
        sink = configure("player", settings.log_format or default_format(), settings.log_level)
        try:
            await _log(crew, ended_by)
        finally:
            sink.close()
    if crew.distrust:
        raise crew.distrust
    return _STATUS[ended_by[0]] if ended_by else 0


def _allow_sockets(players: int) -> None:
    """Raise the limit on open files where so many bots need it and the system allows it."""
    now, most = resource.getrlimit(resource.RLIMIT_NOFILE)
    wanted = players + OTHER_FILES
    if now != resource.RLIM_INFINITY and now < wanted:
        limit = wanted if most == resource.RLIM_INFINITY else min(wanted, most)
        resource.setrlimit(resource.RLIMIT_NOFILE, (limit, most))


async def _show(crew: Crew, console: Console) -> None:
    # Here the line and the table tell what the log would.
    structlog.configure(wrapper_class=structlog.make_filtering_bound_logger(logging.CRITICAL))
    with Live(progress_line(crew.tally, crew.now_s()), console=console, auto_refresh=False) as live:
        async with asyncio.TaskGroup() as tasks:
            drawing = tasks.create_task(_draw(crew, live))
            await crew.play()
            drawing.cancel()
        live.update(progress_line(crew.tally, crew.now_s()), refresh=True)
    console.print(summary_table(crew.tally, crew.rules, crew.now_s()))


async def _draw(crew: Crew, live: Live) -> None:
    with contextlib.suppress(asyncio.CancelledError):
        while True:
            live.update(progress_line(crew.tally, crew.now_s()), refresh=True)
            await asyncio.sleep(REFRESH_S)


async def _log(crew: Crew, ended_by: list[signal.Signals]) -> None:
    log = structlog.get_logger()
    orders = crew.orders
    log.info(
        "bots_started",
        target=str(orders.target),
        strategy=orders.strategy.value,
        dialect=orders.dialect.value,
        players=orders.players,
        games=orders.games,
    )
    await crew.play()
    tally = crew.tally
    log.info(
        "bots_stopped",
        reason=_reason(crew, ended_by),
        games=tally.total.games,
        guesses_mean=round(tally.total.mean, 2),
        lost=tally.lost,
        refused=tally.refused,
        seconds=round(crew.now_s() - tally.began_s, 3),
    )


def _reason(crew: Crew, ended_by: list[signal.Signals]) -> str:
    if crew.distrust:
        return "server not trusted"
    return ended_by[0].name if ended_by else "all games played"
