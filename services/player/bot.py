"""A bot, pure: its next message follows from what it has seen of the game alone."""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum, StrEnum, auto
from typing import TYPE_CHECKING, Final

from services.protocol.messages import Game, Guess, Hello
from services.protocol.state import State
from services.strategies.candidates import numbers_in
from services.strategies.choice import next_guess

if TYPE_CHECKING:
    from services.protocol.rules import Rules
    from services.strategies.candidates import History
    from services.strategies.choice import Strategy

MOST_GUESSES: Final = 1000
"""A game that takes longer is given up: a server that never says Correct must not hold a bot without end."""


class Dialect(StrEnum):
    """How to address a server of the family."""

    CLASSIC = "classic"
    """`Hello`, `Game`, `My Guess is: N`."""
    SHORT = "short"
    """`Hello`, `Guess: N`: the older one (clause P-7)."""


@dataclass(frozen=True, slots=True)
class View:
    """What a player has seen of a game."""

    state: State
    rules: Rules
    history: History
    range_told: bool
    """Whether the server has said which range is in force."""


@dataclass(frozen=True, slots=True)
class Plan:
    """How a bot means to play a game."""

    strategy: Strategy
    """Any but MIXED."""
    dialect: Dialect
    seed: int
    """The seed of a random game."""


class Rest(Enum):
    """There is no next message."""

    WAIT = auto()
    """It is the server's turn, or the game is over."""
    GIVE_UP = auto()
    """There is nothing left to try."""


def next_message(view: View, plan: Plan) -> Hello | Game | Guess | Rest:
    """Return a bot's next message (clause C-1)."""
    match view.state:
        case State.CONNECTED:
            return Hello()
        case State.GREETED if plan.dialect is Dialect.CLASSIC:
            return Game()
        case State.GREETED | State.PLAYING:
            return _next_guess(view, plan)
        case _:
            return Rest.WAIT


def _next_guess(view: View, plan: Plan) -> Guess | Rest:
    if len(view.history) >= MOST_GUESSES:
        return Rest.GIVE_UP
    number = next_guess(plan.strategy, view.rules, view.history, plan.seed)
    if number is not None:
        return Guess(number)
    # No number of the range was it, so the range is not what was assumed. A number far beyond it makes the
    # server tell the true one (clause P-5), or is judged and so widens the range.
    return Rest.GIVE_UP if view.range_told else Guess(view.rules.high + numbers_in(view.rules))
