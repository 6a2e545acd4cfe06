"""Waits between attempts."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from services.runtime.backoff import Backoff


def test_the_wait_doubles_up_to_its_bound() -> None:
    """Each attempt waits twice as long as the one before, but never longer than the most."""
    backoff = Backoff(first_s=1, most_s=5)

    assert [backoff.next_s(1.0) for _ in range(5)] == [1, 2, 4, 5, 5]


def test_a_success_begins_anew() -> None:
    """After a success the next failure waits as little as the first."""
    backoff = Backoff(first_s=1)
    backoff.next_s(1.0)
    backoff.next_s(1.0)
    backoff.reset()

    assert backoff.next_s(1.0) == 1


@given(st.integers(0, 5000), st.floats(0, 1))
def test_jitter_spreads_the_upper_half(attempts: int, chance: float) -> None:
    """Whatever the chance and the attempts, the wait is between half of the full one and all of it."""
    backoff = Backoff(first_s=1, most_s=8, attempts=attempts)
    full_s = Backoff(first_s=1, most_s=8, attempts=attempts).next_s(1.0)

    assert full_s / 2 <= backoff.next_s(chance) <= full_s <= 8
