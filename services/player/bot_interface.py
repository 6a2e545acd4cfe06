"""What a bot is told by its pool and what it reports: below both, so that neither knows the other."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    from collections.abc import Mapping

    from services.player.bot import Plan
    from services.protocol.rules import Rules

LogContext = dict[str, str]
"""The fields by which log lines belong to one connection: `session`, `peer`, `local`."""


class Ending(StrEnum):
    """How a game ended."""

    WON = "won"
    REFUSED = "refused"
    LOST = "lost"
    """The server broke it off."""
    GIVEN_UP = "given up"
    """Nothing is left to try."""
    LEFT = "left"
    """The bot was told to stop."""


@dataclass(frozen=True, slots=True)
class Assignment:
    """One game that a bot is to play."""

    plan: Plan
    settled: bool
    """Whether the dialect is known to be the server's."""
    rules: Rules
    """As far as the server has told them to any bot of the pool."""
    range_told: bool


@dataclass(frozen=True, slots=True)
class GameReport:
    """One game that a bot has played, and how it ended."""

    bot: int
    assignment: Assignment
    context: Mapping[str, str]
    ending: Ending
    reason: str
    """Why, where the game was not won; fit for a terminal."""
    guesses: int
    """How many were judged."""
    begun: bool
    judged: bool
    misunderstood: bool
    name_unanswered: bool
    """As the conversation has them."""
    rules: Rules
    range_told: bool


class PoolInterface(Protocol):
    """The bot pool as a bot sees it."""

    def now_s(self) -> float:
        """Return the time, by the clock that `check` is called by."""

    def draw_think_s(self) -> float:
        """Return how long to think about the next guess."""

    def begin_game(self, bot: int, context: LogContext) -> Assignment:
        """Take notice that a bot is connected, and return what it is to play."""

    def settle_dialect(self) -> None:
        """Take notice that a game has shown the dialect to be the server's."""

    def lose_round(self, context: LogContext, guesses: int) -> None:
        """Take notice that another player has won the round that a bot was in (clause R-3)."""

    def end_game(self, report: GameReport) -> None:
        """Decide what a bot does after a game."""
