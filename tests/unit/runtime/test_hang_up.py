"""What ends a program reaches its event loop."""

from __future__ import annotations

import asyncio
import signal

from services.runtime.hang_up import on_end

ENDING = (signal.SIGTERM, signal.SIGINT, signal.SIGHUP)


def test_a_signal_wakes_a_loop_that_waits_for_nothing_else() -> None:
    """However late before the wait it comes: the kernel's side of it writes to what the loop polls."""
    before = {number: signal.getsignal(number) for number in ENDING}
    told: list[signal.Signals] = []

    async def run() -> int:
        on_end(told.append)
        wakeup_fd = signal.set_wakeup_fd(-1)
        signal.set_wakeup_fd(wakeup_fd)
        signal.raise_signal(signal.SIGTERM)
        signal.raise_signal(signal.SIGINT)
        await asyncio.sleep(0)
        return wakeup_fd

    try:
        assert asyncio.run(run()) >= 0
        signal.raise_signal(signal.SIGTERM)  # the end is under way
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
    assert told == [signal.SIGTERM]
