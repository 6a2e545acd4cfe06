"""What the bots of a process have achieved."""

from __future__ import annotations

from services.player.tally import Tally
from services.strategies.choice import Strategy


def test_wins_are_counted_by_strategy_and_in_all() -> None:
    """Games, guesses, and the fewest and the most of them."""
    tally = Tally(began_s=100.0)
    for strategy, guesses in ((Strategy.SMART, 4), (Strategy.SMART, 2), (Strategy.SWEEP, 12)):
        tally.win(strategy, guesses)

    assert (tally.total.games, tally.total.mean) == (3, 6.0)
    smart = tally.by_strategy[Strategy.SMART]
    assert (smart.games, smart.mean, smart.fewest, smart.most) == (2, 3.0, 2, 4)
    assert tally.games_per_s(102.0) == 1.5


def test_nothing_yet() -> None:
    """Before the first game, and in the first instant, there is nothing to divide by."""
    tally = Tally(began_s=100.0)

    assert tally.total.mean == 0
    assert tally.games_per_s(100.0) == 0
