"""A bot, pure: its next message follows from what it has seen of the game alone."""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum, StrEnum, auto
from typing import TYPE_CHECKING, Final

from services.protocol.messages import Game, Guess, Hello, Name
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
    BARE = "bare"
    """`Hello`, `Game`, `N`."""
    BARE_SHORT = "bare-short"
    """`Hello`, `N`."""

    @property
    def has_game(self) -> bool:
        """Whether a game is asked for before the first guess."""
        return self in {Dialect.CLASSIC, Dialect.BARE}

    def spell(self, number: int | None) -> str:
        """Return a guess as its line."""
        return f"{_PREFIXES[self]}{number}"


_PREFIXES: Final = {
    Dialect.CLASSIC: "My Guess is: ",
    Dialect.SHORT: "Guess: ",
    Dialect.BARE: "",
    Dialect.BARE_SHORT: "",
}


def advice(dialect: Dialect) -> str:
    """Say what to try where a server's words were no verdicts."""
    others = ", ".join(one for one in Dialect if one is not dialect)
    return f"no verdict was understood: try --dialect {others}, or auto, which finds it out"


BY_STRATEGY: Final = "strategy"
"""The name that stands for the strategy's own."""


def bot_name(name: str, strategy: Strategy, bot: int, players: int) -> str | None:
    """Return what one of so many bots is called in a game; None without a name."""
    if name == BY_STRATEGY:
        return f"{strategy.value}-{bot}"
    return f"{name}-{bot}" if name and players > 1 else name or None


@dataclass(frozen=True, slots=True)
class View:
    """What a player has seen of a game."""

    state: State
    rules: Rules
    history: History
    range_told: bool
    """Whether the server has said which range is in force."""
    named: bool = False
    """Whether a name was given."""


@dataclass(frozen=True, slots=True)
class Plan:
    """How a bot means to play a game."""

    strategy: Strategy
    """Any but MIXED."""
    dialect: Dialect
    seed: int
    """The seed of a random game."""
    name: str | None = None
    """Under which to play (clause N-1)."""


class Rest(Enum):
    """There is no next message."""

    WAIT = auto()
    """It is the server's turn, or the game is over."""
    GIVE_UP = auto()
    """There is nothing left to try."""


def next_message(view: View, plan: Plan) -> Hello | Name | Game | Guess | Rest:
    """Return a bot's next message (clause C-1)."""
    match view.state:
        case State.CONNECTED:
            return Hello()
        case State.GREETED if plan.name and not view.named:
            return Name(plan.name)
        case State.GREETED if plan.dialect.has_game:
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
