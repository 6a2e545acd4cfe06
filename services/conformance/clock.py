"""Waiting, measured by what the judged program does: slow is told from stuck.

The program may be starved by a busy machine. So a wait is not over because so much time has passed, but
when the program *had nothing to do* for so long (no answer will come: it waits as well), or when it has used
so much processor time (it computes without end). Where nothing is known of its processes, time counts,
stretched by how slow this machine was found to be.
"""

import math
import threading
import time
from collections.abc import Callable
from typing import Final

from services.conformance.procfs import Usage

TICK_S: Final = 0.05
"""The program is looked at so often while the kit waits for it."""
MOST_TICKS: Final = 2.0
"""A pause of the kit itself counts as so many ticks at most."""
WORKING_SHARE: Final = 0.3
"""Who used this share of a tick has worked during it."""
MOST_WALL: Final = 8.0
"""However busy the machine, a wait ends after so many times its limit..."""
MOST_WALL_S: Final = 6.0
"""... and so much more."""
CALIBRATION_ROUNDS: Final = 12
CALIBRATION_S: Final = 0.004
"""What one round takes on a machine of our days that is not busy."""
MOST_STRETCH: Final = 8.0


class Clock:
    """How long the judged program has had nothing to do, and how long it has computed."""

    def __init__(self, usage: Callable[[], Usage | None] = lambda: None, stretch: float = 1.0) -> None:
        self._usage = usage
        self.stretch = stretch
        self._lock = threading.Lock()
        self._read_at = time.monotonic()
        self._cpu_before = 0.0
        self._idle_s = 0.0
        self._cpu_s = 0.0
        self._budget: Deadline | None = None

    def reading(self) -> tuple[float, float]:
        """Return both in seconds, from some start on."""
        with self._lock:
            now = time.monotonic()
            passed_s = now - self._read_at
            if passed_s >= TICK_S * 0.9:
                self._read_at = now
                self._count(min(passed_s, TICK_S * MOST_TICKS))
            return self._idle_s, self._cpu_s

    def _count(self, passed_s: float) -> None:
        usage = self._usage()
        if usage is None:
            self._idle_s += passed_s / self.stretch
            return
        # Less than before: one of its processes has ended, or it was started again.
        used_s = max(0.0, usage.cpu_s - self._cpu_before)
        self._cpu_before = usage.cpu_s
        self._cpu_s += used_s
        if not usage.working and used_s < passed_s * WORKING_SHARE:
            self._idle_s += passed_s

    def begin(self, budget_s: float) -> None:
        """Begin a check: all its waits together end at its own limit."""
        self._budget = None
        self._budget = Deadline(self, budget_s)

    @property
    def exhausted(self) -> bool:
        """Whether the check has used up its limit."""
        return self._budget is not None and self._budget.passed

    def deadline(self, limit_s: float, most_s: float = math.inf) -> "Deadline":
        """Begin a wait that takes no longer than `most_s`, whatever the program does."""
        return Deadline(self, limit_s, most_s)


class Deadline:
    """One wait. The program is looked at only if it lasts: most answers come at once."""

    def __init__(self, clock: Clock, limit_s: float, most_s: float = math.inf) -> None:
        self._clock = clock
        self.limit_s = limit_s
        self._most_s = min(most_s, limit_s * MOST_WALL + MOST_WALL_S)
        self._start = time.monotonic()
        self._before: tuple[float, float] | None = None

    @property
    def over(self) -> bool:
        """Whether the wait is over, or the whole check."""
        return self.passed or self._clock.exhausted

    @property
    def passed(self) -> bool:
        """Whether this wait is over."""
        passed_s = time.monotonic() - self._start
        if passed_s < TICK_S or self.limit_s <= TICK_S:
            return passed_s >= self.limit_s
        idle_s, cpu_s = self._spent()
        return idle_s >= self.limit_s or cpu_s >= self.limit_s or passed_s >= self._most_s

    @property
    def computed(self) -> bool:
        """Whether the program was computing all the time, instead of waiting."""
        return self._spent()[1] >= self.limit_s / 2

    def remaining_s(self) -> float:
        """Return how long to wait before `over` is asked again."""
        return min(TICK_S, self.limit_s)

    def _spent(self) -> tuple[float, float]:
        """Return how long the program had nothing to do, and how long it computed; its first tick is idle."""
        idle_s, cpu_s = self._clock.reading()
        if self._before is None:
            self._before = idle_s - TICK_S, cpu_s
        return idle_s - self._before[0], cpu_s - self._before[1]


class WallDeadline:
    """A wait that is measured by nothing but the time that passes: for the server's own timeouts."""

    def __init__(self, limit_s: float) -> None:
        self.limit_s = limit_s
        self._end = time.monotonic() + limit_s

    @property
    def over(self) -> bool:
        """Whether the wait is over."""
        return time.monotonic() >= self._end

    @property
    def computed(self) -> bool:
        """Nothing is known of that."""
        return False

    def remaining_s(self) -> float:
        """Return how long to wait before `over` is asked again."""
        return max(0.001, self._end - time.monotonic())


def measured_stretch() -> float:
    """Measure how many times slower than a machine of our days this one is now, busy as it may be."""
    times = []
    for _ in range(CALIBRATION_ROUNDS):
        start = time.perf_counter()
        sum(number * number for number in range(60_000))
        times.append(time.perf_counter() - start)
        # Yields the processor: how long it takes to get it back is what a busy machine costs.
        time.sleep(0)
    typical_s = sorted(times)[-CALIBRATION_ROUNDS // 4]
    return min(MOST_STRETCH, max(1.0, typical_s / CALIBRATION_S))
