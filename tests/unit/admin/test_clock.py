"""Moments and the wall clock: setting the one does not disturb the other."""

from __future__ import annotations

from services.admin.clock import Clock


class Clocks:
    """What the machine's clocks show."""

    monotonic = 100.0
    wall = 1_000_000.0


def test_setting_the_wall_clock_moves_no_moment() -> None:
    """When the wall clock is set back by an hour, moments go on, and are told by the new time of day."""
    clocks = Clocks()
    clock = Clock(lambda: clocks.monotonic, lambda: clocks.wall)
    begun = clock.now()
    clocks.monotonic += 10
    clocks.wall += 10 - 3600

    assert clock.now() - begun == 10
    assert begun + clock.ahead_s == 1_000_000.0 - 3600


def test_drift_moves_nothing() -> None:
    """A wall clock that is slewed does not change what was told of a moment."""
    clocks = Clocks()
    clock = Clock(lambda: clocks.monotonic, lambda: clocks.wall)
    before = clock.ahead_s
    clocks.wall += 0.5

    assert clock.ahead_s == before
