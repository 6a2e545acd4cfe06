"""From runs to figures."""

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from benchmarks.figures import Sample, median, of, percentile, ratio


def sample(server: str, round_number: int, per_s: float, load: str = "guess@64") -> Sample:
    """Return a run of which only the rate matters."""
    return Sample(server, load, round_number, per_s, 1.0, 0.0, 1.0, 1.0, 1.0, 0.5)


@pytest.mark.parametrize(
    ("share", "expected"), [(0.0, 1), (0.5, 5), (0.51, 6), (0.9, 9), (0.99, 10), (1.0, 10)]
)
def test_a_percentile_is_the_nearest_rank(share: float, expected: float) -> None:
    """It is the smallest value that the share of all values do not exceed."""
    assert percentile(range(1, 11), share) == expected


def test_nothing_has_no_percentile() -> None:
    """Of no values there is no percentile, and that is no error."""
    assert math.isnan(percentile([], 0.5))


@given(st.lists(st.integers(), min_size=1), st.floats(0, 1))
def test_a_percentile_is_one_of_the_values(values: list[int], share: float) -> None:
    """It was measured, and so many are not above it."""
    ordered = sorted(values)
    found = percentile(ordered, share)

    assert found in ordered
    assert sum(value <= found for value in ordered) >= share * len(ordered) - 1e-6


def test_samples_are_found_in_the_order_of_their_rounds() -> None:
    """Only those of the server and of the load are taken."""
    samples = [sample("a", 1, 10), sample("b", 0, 20), sample("a", 0, 30), sample("a", 0, 40, "games@64")]

    assert [one.per_s for one in of(samples, "a", "guess@64")] == [30, 10]


def test_the_median_is_over_the_rounds() -> None:
    """One odd round changes nothing, and no round gives no figure."""
    samples = [sample("a", 0, 10), sample("a", 1, 1000), sample("a", 2, 11)]

    assert median(samples, lambda one: one.per_s) == 11
    assert math.isnan(median([], lambda one: one.per_s))


def test_ratios_are_taken_within_rounds() -> None:
    """A machine that halves its speed for a round halves both sides, and the ratio stays."""
    mine = [sample("a", 0, 20), sample("a", 1, 10), sample("a", 2, 20)]
    others = [sample("b", 0, 10), sample("b", 1, 5)]

    assert ratio(mine, others) == 2
    assert math.isnan(ratio(mine, []))
