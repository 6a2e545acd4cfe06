"""Figures with a memory of their own: a rate over the last minute, a level over time. No rules."""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass
from typing import Final

WINDOW_S: Final = 60
"""Rates are counts over the last minute, so that they read as "per minute" without any scaling."""

STEP_S: Final = 2
STEPS: Final = 300
"""Ten minutes, a point every two seconds: about as many points as a chart has pixels to tell apart."""


class Meter:
    """Counts what happened within the last minute, to the second."""

    __slots__ = ("_seconds", "_total")

    def __init__(self) -> None:
        self._seconds: deque[tuple[int, int]] = deque()
        self._total = 0

    def add(self, now: float) -> None:
        """Count one more."""
        second, count = int(now), 0
        if self._seconds and self._seconds[-1][0] >= second:
            second, count = self._seconds.pop()
        self._seconds.append((second, count + 1))
        self._total += 1
        self._forget(now)

    def per_minute(self, now: float) -> int:
        """Return how many there were in the minute that ends at `now`."""
        self._forget(now)
        return self._total

    def _forget(self, now: float) -> None:
        while self._seconds and self._seconds[0][0] <= int(now) - WINDOW_S:
            self._total -= self._seconds.popleft()[1]


@dataclass(frozen=True, slots=True)
class Point:
    """The level at one moment."""

    at_s: float
    level: int | None
    """None where it was not known."""


class Timeline:
    """Remembers a level that changes now and then, as evenly spaced points."""

    __slots__ = ("_changes",)

    def __init__(self) -> None:
        self._changes: deque[tuple[int, int | None]] = deque()

    def record(self, level: int | None, now: float) -> None:
        """Note the level from now on; within one step the last one counts."""
        step = int(now // STEP_S)
        if self._changes and self._changes[-1][0] >= step:
            step = self._changes.pop()[0]
        self._changes.append((step, level))
        # The newest change before the span is kept: it is the level that the span begins with.
        while len(self._changes) > 1 and self._changes[1][0] <= step - STEPS:
            self._changes.popleft()

    def points(self, now: float) -> list[Point]:
        """Return the points up to `now`, oldest first, none from before the first record."""
        if not self._changes:
            return []
        last = max(int(now // STEP_S), self._changes[-1][0])
        first = max(last - STEPS + 1, self._changes[0][0])
        points: list[Point] = []
        changes = iter(self._changes)
        following = next(changes, None)
        level: int | None = None
        for step in range(first, last + 1):
            while following is not None and following[0] <= step:
                level = following[1]
                following = next(changes, None)
            points.append(Point(step * STEP_S, level))
        return points
