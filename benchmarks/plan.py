"""What is measured, on what, how often and for how long. Pure."""

import math
from dataclasses import dataclass
from enum import StrEnum
from typing import Final


class Kind(StrEnum):
    """What a connection of the load does."""

    GUESSES = "guesses"
    """It repeats one wrong guess."""
    GAMES = "games"
    """It plays a game from connect to close, guessing 1, 2, 3 and so on, and begins again."""
    CONNECTIONS = "connections"
    """It connects, waits for the greeting, closes, and begins again."""


@dataclass(frozen=True, slots=True)
class Load:
    """One kind of load."""

    name: str
    kind: Kind
    connections: int
    depth: int = 1
    """How many guesses a connection sends together before it waits for all their replies."""
    tls: bool = False


LOADS: Final = (
    Load("guess@1", Kind.GUESSES, 1),
    Load("guess@64", Kind.GUESSES, 64),
    Load("guess@1000", Kind.GUESSES, 1000),
    Load("guess@64x16", Kind.GUESSES, 64, depth=16),
    Load("games@64", Kind.GAMES, 64),
    Load("connections@64", Kind.CONNECTIONS, 64),
)
TLS_LOADS: Final = (
    Load("tls-guess@64", Kind.GUESSES, 64, tls=True),
    Load("tls-connections@16", Kind.CONNECTIONS, 16, tls=True),
)
LOGGING_LOAD: Final = LOADS[1]
CONTAINER_LOAD: Final = LOADS[1]
GROWTH_LOADS: Final = tuple(Load(f"guess@{size}", Kind.GUESSES, size) for size in (250, 2500, 5000))

GROWTH_FROM: Final = 64
"""How many connections the cost of a guess is compared from: with fewer, waking up is most of it."""

SERVER: Final = "server"
"""The server of this project, as shipped, its log of every guess included."""
BASELINE: Final = "protocol"
"""The reference server that ratios are of."""
REFERENCES: Final = ("nested", "table", "protocol", "threads", "streams", "twisted")
WITHOUT_TLS: Final = ("nested", "table", "twisted")
"""Reference servers measured over plain TCP only: TLS would tell nothing new of them."""


@dataclass(frozen=True, slots=True)
class Plan:
    """How much of it is measured."""

    servers: tuple[str, ...] = (SERVER, *REFERENCES)
    loads: tuple[Load, ...] = LOADS
    growth: tuple[Load, ...] = GROWTH_LOADS
    rounds: int = 3
    run_s: float = 0.25
    warm_s: float = 0.08
    idle_connections: int = 5000
    idle_tls_connections: int = 1000
    bots: int = 5000
    budget_s: float = 75.0
    """After so long no further round begins: what a busy machine slows down is measured less often."""
    until_s: float = math.inf
    """When that is, on the monotonic clock."""

    @property
    def single_guesses(self) -> tuple[Load, ...]:
        """The loads of one guess at a time, which differ in the number of connections alone."""
        every = (*self.loads, *self.growth)
        return tuple(load for load in every if load.kind is Kind.GUESSES and load.depth == 1)


QUICK: Final = Plan(
    servers=(SERVER, "protocol", "threads", "streams", "twisted"),
    growth=(),
    rounds=1,
    run_s=0.15,
    idle_connections=1000,
    idle_tls_connections=200,
    bots=500,
)
"""For continuous integration: seconds, and no more than a rough idea."""
