"""What time it is: moments for arithmetic, and what a clock on the wall shows at them."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import Callable

STEP_S: Final = 1.0
"""The wall clock drifts by less than this between two looks; by more, somebody has set it."""


class Clock:
    """Moments come from the monotonic clock, so durations and rates are right when the wall clock is set."""

    def __init__(
        self, monotonic: Callable[[], float] = time.monotonic, wall: Callable[[], float] = time.time
    ) -> None:
        self._monotonic = monotonic
        self._wall = wall
        self._ahead_s = wall() - monotonic()

    def now(self) -> float:
        """Return this moment."""
        return self._monotonic()

    @property
    def ahead_s(self) -> float:
        """What to add to a moment for the seconds since 1970.

        It stays the same until the wall clock is set: a moment that was told once is told the same again.
        """
        ahead_s = self._wall() - self._monotonic()
        if abs(ahead_s - self._ahead_s) > STEP_S:
            self._ahead_s = ahead_s
        return self._ahead_s
