"""What ends a program: Ctrl-C, SIGTERM, and SIGHUP where a terminal is closed and nothing is read again."""

from __future__ import annotations

import asyncio
import os
import signal
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable


def hang_up_ends(*, may_reload: bool = False) -> bool:
    """Tell whether SIGHUP means the end: who closes a terminal does not expect a program to run on.

    Not where it was started to outlive its terminal (`nohup`), nor where it has something to reload and no
    terminal that could be closed.
    """
    if signal.getsignal(signal.SIGHUP) is signal.SIG_IGN:
        return False
    return not may_reload or _has_terminal()


def on_end(tell: Callable[[signal.Signals], None]) -> None:
    """Have the running loop told of the first signal that ends a program which has nothing to reload.

    Those that follow change nothing, not even when the loop is closed: the end is under way, and people press
    Ctrl-C twice. The loop's own handlers go with it, and the next signal would kill.
    """
    loop = asyncio.get_running_loop()
    has_ended = False

    def end(number: int, _: object) -> None:
        nonlocal has_ended
        if not has_ended and not loop.is_closed():
            has_ended = True
            loop.call_soon_threadsafe(tell, signal.Signals(number))

    # Has the kernel's side of a signal wake the loop. Else one that comes just before the loop begins to wait
    # would be told when it has waited. This signal, because losing its handler with the loop changes nothing.
    loop.add_signal_handler(signal.SIGCONT, lambda: None)
    for number in _ending_signals():
        signal.signal(number, end)


def _ending_signals() -> tuple[signal.Signals, ...]:
    return (signal.SIGTERM, signal.SIGINT, *([signal.SIGHUP] if hang_up_ends() else []))


def _has_terminal() -> bool:
    try:
        os.close(os.open("/dev/tty", os.O_RDONLY | os.O_NOCTTY | os.O_NONBLOCK))
    except OSError:
        return False
    return True
