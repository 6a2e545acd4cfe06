"""What the strategies are expected to need."""

from __future__ import annotations

from services.admin.model.expectations import expectations
from services.protocol.rules import Rules


def test_each_strategy_has_its_figure() -> None:
    """Under the usual rules every strategy is told, and the smart one needs the least."""
    expected = expectations(Rules())

    assert set(expected) == {"random", "sweep", "smart", "mixed"}
    assert expected["random"] == expected["sweep"] == 15.5
    assert min(expected, key=lambda strategy: expected[strategy]) == "smart"


def test_a_range_too_large_to_work_out_has_none() -> None:
    """Where the figures would take long, there are none."""
    assert expectations(Rules(1, 1_000_000)) == {}
