"""The `watch` command: one connection, one board, and whoever draws it. The drawing itself is the view's."""

from __future__ import annotations

import asyncio
import contextlib
import fcntl
import logging
import os
import random
import signal
import stat
import sys
from dataclasses import replace
from typing import TYPE_CHECKING, Final

import structlog
from rich.console import Console, ConsoleDimensions
from rich.live import Live

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
from services.admin.view import board_view
from services.runtime.connecting import Target, UnreachableError, cause
from services.runtime.fault import FAILED
from services.runtime.hand_over import hand_over_terminal
from services.runtime.hang_up import on_end
from services.runtime.logging import LogFormat, configure
from services.runtime.output import STDOUT
from services.runtime.output_stream import OutputStream

if TYPE_CHECKING:
    import socket
    from collections.abc import Callable, Coroutine, Mapping

    from services.admin.model.board import Change
    from services.admin.settings import DashboardSettings, Settings
    from services.runtime.terminal import Terminal

REFRESH_S: Final = 0.25
"""Often enough to look live, seldom enough to cost nothing over a slow line."""

MOST_COLUMNS: Final = 1000
MOST_LINES: Final = 500
"""Of a picture: more than any screen has. A terminal may claim any size, and each cell costs time."""

_STATUS: Final = {signal.SIGTERM: 0, signal.SIGHUP: 0, signal.SIGINT: 130}


async def watch(target: Target, settings: Settings, terminal: Terminal, *, as_json: bool) -> int:
    """Watch until a signal comes, and return the exit status that goes with it.

    Raises:
        UnreachableError: There is no point in trying again.
    """
    stopped: asyncio.Future[int | UnreachableError] = asyncio.get_running_loop().create_future()
    on_end(lambda number: _settle(stopped, _STATUS[number]))
    clock = Clock()
    board = Board(clock.now(), low=settings.rules.low, high=settings.rules.high)
    expected = expectations(settings.rules)
    draws = terminal.is_drawable and not as_json
    if draws:
        # Lines would only spoil the picture.
        structlog.configure(wrapper_class=structlog.make_filtering_bound_logger(logging.CRITICAL))
    log = structlog.get_logger()
    log_format = LogFormat.JSON if as_json else settings.log_format
    sink = (
        None if draws else configure("admin", log_format, settings.log_level, coloured=terminal.is_coloured)
    )
    log_libraries(log)
    if _is_written_end(STDOUT):
        # It has something to read only when nobody reads it any more: `watch | head`.
        asyncio.get_running_loop().add_reader(STDOUT, _settle, stopped, FAILED)

    def observe(change: Change) -> None:
        ended = board.apply(change, clock.now())
        if ended is not None:
            recorder.record(ended)
        if not draws:
            log_change(log, board, change)

    recorder = Recorder(settings.history, board, clock, log)
    work: list[Coroutine[None, None, None]] = []
    if settings.dashboard is not None:
        listeners = _listen(settings.dashboard)
        host, port = listeners[0].getsockname()[:2]
        if not draws:
            log.info("dashboard_listening", host=host, port=port)
        feed = Feed(board, Names(reverse_dns, clock.now), expected, clock)
        play = Play(replace(target, port=settings.play.port), settings.play, settings.rules)
        work.append(serve(feed, recorder, play, listeners, names=settings.dashboard.names, log=log))
    if draws:
        work.append(_draw(board, target, expected, clock, lambda _: _settle(stopped, FAILED)))
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


async def _draw(
    board: Board,
    target: Target,
    expected: Mapping[str, float],
    clock: Clock,
    on_failure: Callable[[OSError], None],
) -> None:
    """Keep the alternate screen up to date; whatever ends this, the terminal is as it was before.

    The shell has it while the program is suspended (Ctrl-Z), and while it runs in the background.
    """
    loop = asyncio.get_running_loop()
    changed = asyncio.Event()
    output = OutputStream(STDOUT, sys.stdout.encoding, on_failure)
    # Rich would let FORCE_COLOR and TTY_COMPATIBLE decide the form.
    console = _Screen(file=output.text, force_terminal=True)
    live = Live(console=console, screen=True, auto_refresh=False, redirect_stdout=False)

    def give_back() -> None:
        # A slow terminal would get the rest of the picture first, and perhaps no more in time.
        output.discard()
        live.stop()
        output.settle()

    hand_over_terminal(loop, give_back, changed.set)
    for number in (signal.SIGWINCH, signal.SIGCONT):
        loop.add_signal_handler(number, changed.set)
    try:
        while True:
            if _is_in_background(STDOUT):
                live.stop()
            else:
                live.start()
                width, height = console.size
                view = board_view(
                    board,
                    target,
                    expected,
                    clock.now(),
                    ahead_s=clock.ahead_s,
                    width=width,
                    height=height,
                    ascii_only=console.options.ascii_only,
                )
                live.update(view, refresh=True)
                await output.drain()
            changed.clear()
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(REFRESH_S):
                    await changed.wait()
    finally:
        give_back()
        output.close()


class _Screen(Console):
    @property  # type: ignore[misc]  # nobody sets it here
    def size(self) -> ConsoleDimensions:
        """Return how much is drawn on."""
        columns, lines = super().size
        return ConsoleDimensions(min(columns, MOST_COLUMNS), min(lines, MOST_LINES))


def _is_in_background(terminal_fd: int) -> bool:
    try:
        return os.tcgetpgrp(terminal_fd) != os.getpgrp()
    except OSError:  # it is not the terminal of this program's session
        return False
