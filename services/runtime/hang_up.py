"""What SIGHUP means to a program: its terminal is closed, or somebody wants it to read its files again."""

from __future__ import annotations

import os
import signal


def hang_up_ends(*, may_reload: bool = False) -> bool:
    """Tell whether SIGHUP means the end: who closes a terminal does not expect a program to run on.

    Not where it was started to outlive its terminal (`nohup`), nor where it has something to reload and no
    terminal that could be closed.
    """
    if signal.getsignal(signal.SIGHUP) is signal.SIG_IGN:
        return False
    return not may_reload or _has_terminal()


def ending_signals() -> tuple[signal.Signals, ...]:
    """Return the signals that end a program which has nothing to reload."""
    return (signal.SIGTERM, signal.SIGINT, *([signal.SIGHUP] if hang_up_ends() else []))


def _has_terminal() -> bool:
    try:
        os.close(os.open("/dev/tty", os.O_RDONLY | os.O_NOCTTY | os.O_NONBLOCK))
    except OSError:
        return False
    return True
