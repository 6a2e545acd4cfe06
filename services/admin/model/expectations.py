"""What the strategies are expected to need: the lines that real games are measured against."""

from __future__ import annotations

from typing import TYPE_CHECKING

from services.strategies.choice import Strategy, expected_guesses
from services.strategies.perfect import is_perfect

if TYPE_CHECKING:
    from services.protocol.rules import Rules


def expectations(rules: Rules) -> dict[str, float]:
    """Return the expected guesses to win of each strategy; of none where that takes long to work out."""
    if not is_perfect(rules):
        return {}
    return {str(strategy): round(float(expected_guesses(strategy, rules)), 2) for strategy in Strategy}
