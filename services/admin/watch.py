"""The `watch` command: one connection, one board, and whoever draws it. The drawing itself is the view's."""

from __future__ import annotations

import asyncio
import fcntl
import logging
import os
import random
import signal
import stat
from dataclasses import replace
from typing import TYPE_CHECKING, Final

import structlog

from services.admin.client import follow
from services.admin.clock import Clock
from services.admin.dashboard.connections import listen
from services.admin.dashboard.feed import Feed
from services.admin.dashboard.names import Names, reverse_dns
from services.admin.dashboard.play import Play
from services.admin.dashboard.serve import serve
from services.admin.library_log import log_libraries
from services.admin.model.board import Board
from services.admin.model.expectations import expectations
from services.admin.observe import log_change
from services.admin.recorder import Recorder
from services.runtime.connecting import Target, UnreachableError, cause
from services.runtime.fault import FAILED
from services.runtime.hang_up import on_end
from services.runtime.logging import LogFormat, configure
from services.runtime.output import STDOUT

if TYPE_CHECKING:
    import socket
    from collections.abc import Callable, Coroutine, Mapping

    from services.admin.model.board import Change
    from services.admin.settings import DashboardSettings, Settings
    from services.runtime.terminal import Terminal

    Draw = Callable[
        [Board, Target, Mapping[str, float], Clock, Callable[[OSError], None]], Coroutine[None, None, None]
    ]

_STATUS: Final = {signal.SIGTERM: 0, signal.SIGHUP: 0, signal.SIGINT: 130}


async def watch(target: Target, settings: Settings, terminal: Terminal, *, as_json: bool) -> int:
    """Watch until a signal comes, and return the exit status that goes with it.

    Raises:
        UnreachableError: There is no point in trying again.
    """
    draw = _loaded_screen() if terminal.is_drawable and not as_json else None
    stopped: asyncio.Future[int | UnreachableError] = asyncio.get_running_loop().create_future()
    on_end(lambda number: _settle(stopped, _STATUS[number]))
    clock = Clock()
    board = Board(clock.now(), low=settings.rules.low, high=settings.rules.high)
    expected = expectations(settings.rules)
    if draw is not None:
        # Lines would only spoil the picture.
        structlog.configure(wrapper_class=structlog.make_filtering_bound_logger(logging.CRITICAL))
    log = structlog.get_logger()
    log_format = LogFormat.JSON if as_json else settings.log_format
    sink = (
        None
        if draw is not None
        else configure("admin", log_format, settings.log_level, coloured=terminal.is_coloured)
    )
    log_libraries(log)
    if _is_written_end(STDOUT):
        # It has something to read only when nobody reads it any more: `watch | head`.
        asyncio.get_running_loop().add_reader(STDOUT, _settle, stopped, FAILED)

    def observe(change: Change) -> None:
        ended = board.apply(change, clock.now())
        if ended is not None:
            recorder.record(ended)
        if draw is None:
            log_change(log, board, change)

    recorder = Recorder(settings.history, board, clock, log)
    work: list[Coroutine[None, None, None]] = []
    if settings.dashboard is not None:
        listeners = _listen(settings.dashboard)
        host, port = listeners[0].getsockname()[:2]
        if draw is None:
            log.info("dashboard_listening", host=host, port=port)
        feed = Feed(board, Names(reverse_dns, clock.now), expected, clock)
        play = Play(replace(target, port=settings.play.port), settings.play, settings.rules)
        work.append(serve(feed, recorder, play, listeners, names=settings.dashboard.names, log=log))
    if draw is not None:
        work.append(draw(board, target, expected, clock, lambda _: _settle(stopped, FAILED)))
    work.append(_follow(target, observe, stopped))
    async with asyncio.TaskGroup() as tasks:
        running = [tasks.create_task(one) for one in work]
        outcome = await stopped
        for task in running:
            task.cancel()
    await recorder.close()
    if sink is not None:
        sink.close()
    if isinstance(outcome, UnreachableError):
        raise outcome
    return outcome


def _loaded_screen() -> Draw:
    # Rich takes as long as all the rest, and may not be installed: before anything has begun.
    from services.admin.screen import draw  # noqa: PLC0415

    return draw


def _listen(where: DashboardSettings) -> list[socket.socket]:
    try:
        return listen(where.host, where.port)
    except OSError as error:
        raise UnreachableError(
            f"cannot serve the page at {Target(where.host, where.port)}: {cause(error)}"
        ) from None


def _is_written_end(fd: int) -> bool:
    """Tell whether it is the writing end of a pipe; a FIFO that is open both ways can be read itself."""
    is_both_ways = fcntl.fcntl(fd, fcntl.F_GETFL) & os.O_ACCMODE == os.O_RDWR
    return stat.S_ISFIFO(os.fstat(fd).st_mode) and not is_both_ways


def _settle(stopped: asyncio.Future[int | UnreachableError], outcome: int | UnreachableError) -> None:
    # A signal, while another end is under way, changes nothing.
    if not stopped.done():
        stopped.set_result(outcome)


async def _follow(
    target: Target, observe: Callable[[Change], None], stopped: asyncio.Future[int | UnreachableError]
) -> None:
    try:
        await follow(target, observe, random.random)
    except UnreachableError as error:
        _settle(stopped, error)
