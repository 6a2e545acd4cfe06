"""A terminal that is drawn on is given back before the program is stopped or dumped from its keyboard."""

from __future__ import annotations

import os
import signal
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import asyncio
    from collections.abc import Callable


def hand_over_terminal(
    loop: asyncio.AbstractEventLoop, give_back: Callable[[], None], take_again: Callable[[], None]
) -> None:
    """Give the terminal back at Ctrl-Z and Ctrl-Backslash, and take it again when the program is resumed."""

    def obey(number: signal.Signals) -> None:
        give_back()
        loop.remove_signal_handler(number)
        os.kill(os.getpid(), number)  # from here it goes on when it is resumed
        loop.add_signal_handler(number, obey, number)
        take_again()

    for number in (signal.SIGTSTP, signal.SIGQUIT):
        if signal.getsignal(number) is not signal.SIG_IGN:
            loop.add_signal_handler(number, obey, number)
