"""Statistics of the bots of a process, pure."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from services.strategies.choice import Strategy


@dataclass(slots=True)
class Wins:
    """The games that a strategy has won."""

    games: int = 0
    guesses: int = 0
    fewest: int = 0
    most: int = 0

    @property
    def mean(self) -> float:
        """Guesses per game; 0 before the first."""
        return self.guesses / self.games if self.games else 0.0

    def add(self, guesses: int) -> None:
        """Count a won game."""
        self.fewest = min(self.fewest, guesses) if self.games else guesses
        self.most = max(self.most, guesses)
        self.games += 1
        self.guesses += guesses


@dataclass(slots=True)
class Stats:
    """Counts of all bots of a process."""

    began_s: float
    """By the clock of the `now_s` arguments."""
    by_strategy: dict[Strategy, Wins] = field(default_factory=dict)
    total: Wins = field(default_factory=Wins)
    playing: int = 0
    """Bots that have a connection."""
    waiting: int = 0
    """Bots that wait before they connect again, because the server was away or refused them."""
    lost: int = 0
    """Games that the server broke off, or that could not be won."""
    refused: int = 0
    unreachable: int = 0
    """Attempts to connect that failed."""
    last_error: str = ""
    """The reason of the last failure, fit for a terminal."""

    def win(self, strategy: Strategy, guesses: int) -> None:
        """Count a won game."""
        self.total.add(guesses)
        self.by_strategy.setdefault(strategy, Wins()).add(guesses)

    def games_per_s(self, now_s: float) -> float:
        """Return the rate of won games since the beginning."""
        elapsed_s = now_s - self.began_s
        return self.total.games / elapsed_s if elapsed_s > 0 else 0.0
