"""Signals as somebody sends them who cannot wait."""

from __future__ import annotations

import itertools
import time
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import signal
    import subprocess

MOST_S = 20.0
PAUSE_S = 0.0005


def storm(process: subprocess.Popen[Any], *numbers: signal.Signals) -> int:
    """Send signals by turns until the process has ended, two at once, and return its exit status."""
    until_s = time.monotonic() + MOST_S
    for number in itertools.cycle(numbers):
        process.send_signal(number)
        process.send_signal(number)
        time.sleep(PAUSE_S)
        status = process.poll()
        if status is not None:
            return status
        assert time.monotonic() < until_s, "the signals do not end it"
    raise AssertionError("no signal to send")
