"""The seam between a server and what it shares with others.

Whatever may have to be asked elsewhere is answered by a call to `done`: at once, within the same turn,
where it is known here; in a later turn where it is not; with None where it cannot be known now. So the
server in memory pays nothing for the server that is one of many.
"""

from __future__ import annotations

from enum import Enum, auto
from typing import TYPE_CHECKING, NamedTuple, Protocol

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from services.protocol.messages import Address, TooLate, Verdict, WatchEvent


class Seating(Enum):
    """What came of an attempt to take the administrator's seat."""

    SEATED = auto()
    OCCUPIED = auto()


class RoundGuess(NamedTuple):
    """A guess at the number of a shared round."""

    address: Address
    round_number: int
    """The round that the player believes to be in play."""
    number: int
    guesses: int
    """How many guesses the player has made, this one included."""
    name: str | None = None
    """What the player is called, if it said so."""


class RoundOutcome(NamedTuple):
    """What came of a guess at the number of a shared round."""

    round_number: int
    """The round that is in play for this player from now on."""
    reply: Verdict | TooLate
    """`TooLate`: the round that the guess was for is over (clause R-3)."""


class Watcher(Protocol):
    """The administrator who holds the seat, as the lobby sees it."""

    def write(self, data: bytes) -> None:
        """Send lines, in a turn."""

    def unseat(self, reason: str) -> None:
        """Take the seat away, in a turn."""


class Lobby(Protocol):
    """What a server asks of it. Everything is called, and calls back, within a turn of the reactor."""

    publish_line: Callable[[bytes], None] | None
    """Publishes an event that changes no list, given as its line; None while nobody watches."""

    @property
    def reachable(self) -> bool:
        """Whether questions can be answered now."""

    @property
    def operations(self) -> int:
        """How many commands it took elsewhere."""

    @property
    def missed(self) -> int:
        """How many guesses no watcher was told of, because there were too many (clause A-4)."""

    @property
    def names(self) -> Mapping[Address, str | None]:
        """What the players of `watched_players` are called, those who said so (clause N-3)."""

    def publish(self, event: WatchEvent) -> None:
        """Let an event take effect on the list of players, and tell the watcher (clause A-4).

        The list follows from the events alone: so the list that a watcher was given plus the events it was
        told always equal the truth.
        """

    def list_players(self, done: Callable[[Sequence[Address] | None], None]) -> None:
        """Find out who is playing, in the order in which they joined."""

    def take_seat(self, watcher: Watcher, done: Callable[[Seating | None], None]) -> None:
        """Take the administrator's seat (clause A-7); the events after `watched_players` follow."""

    def watched_round(self) -> int:
        """Return which shared round is in play as of the last event that the watcher was told."""

    def watched_players(self) -> Sequence[Address]:
        """Return who is playing as of the last event that the watcher was told."""

    def leave_seat(self) -> None:
        """Leave the seat that was taken here."""

    def enter_round(self, done: Callable[[int | None], None]) -> None:
        """Find out which shared round is in play (clause R-1)."""

    def guess(self, guess: RoundGuess, done: Callable[[RoundOutcome | None], None]) -> None:
        """Judge a guess at the shared number, and publish what follows from it (clauses R-2, R-3)."""

    async def close(self) -> None:
        """Let go of everything; players of this server are listed no longer."""
