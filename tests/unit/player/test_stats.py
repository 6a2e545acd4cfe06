"""What the bots of a process have achieved."""

from __future__ import annotations

from services.player.stats import Stats
from services.strategies.choice import Strategy


def test_wins_are_counted_by_strategy_and_in_all() -> None:
    """Games, guesses, and the fewest and the most of them."""
    stats = Stats(began_s=100.0)
    for strategy, guesses in ((Strategy.SMART, 4), (Strategy.SMART, 2), (Strategy.SWEEP, 12)):
        stats.win(strategy, guesses)

    assert (stats.total.games, stats.total.mean) == (3, 6.0)
    smart = stats.by_strategy[Strategy.SMART]
    assert (smart.games, smart.mean, smart.fewest, smart.most) == (2, 3.0, 2, 4)
    assert stats.games_per_s(102.0) == 1.5


def test_nothing_yet() -> None:
    """Before the first game, and in the first instant, there is nothing to divide by."""
    stats = Stats(began_s=100.0)

    assert stats.total.mean == 0
    assert stats.games_per_s(100.0) == 0
