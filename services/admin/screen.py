"""The terminal that `watch` draws on: the picture itself is the view's, which prints nothing."""

from __future__ import annotations

import asyncio
import contextlib
import os
import signal
import sys
from typing import TYPE_CHECKING, Final

from rich.console import Console, ConsoleDimensions
from rich.live import Live

from services.admin.view import board_view
from services.runtime.hand_over import hand_over_terminal
from services.runtime.output import STDOUT
from services.runtime.output_stream import OutputStream

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from services.admin.clock import Clock
    from services.admin.model.board import Board
    from services.runtime.connecting import Target

REFRESH_S: Final = 0.25
"""Often enough to look live, seldom enough to cost nothing over a slow line."""

MOST_COLUMNS: Final = 1000
MOST_LINES: Final = 500
"""Of a picture: more than any screen has. A terminal may claim any size, and each cell costs time."""


async def draw(
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
