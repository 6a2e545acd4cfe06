"""How many connections there may be, by what they are for and where they come from (clause P-12). Pure."""

from __future__ import annotations

from collections import Counter
from typing import Final, NamedTuple, Self

OVERFLOW_CONNECTIONS: Final = 128
"""Connections over the limit that are refused in the way they ask for, at most; more get a plain line."""

ADMIN_CONNECTIONS: Final = 64
"""Connections on the administrator port, at most. A new one displaces the oldest that does not watch, so
that no crowd of strangers keeps the administrator out."""

SHARE: Final = 8
"""Neither of these two takes more than one connection in so many."""


class Quota(NamedTuple):
    """How many connections there may be of each kind."""

    players: int
    overflow: int
    admins: int

    @classmethod
    def of(cls, connections: int, max_players: int) -> Self:
        """Share `connections` out; each kind has at least one, however few there are."""
        overflow = min(OVERFLOW_CONNECTIONS, max(1, connections // SHARE))
        admins = min(ADMIN_CONNECTIONS, max(2, connections // SHARE))
        return cls(max(1, min(max_players, connections - overflow - admins)), overflow, admins)


class Slot(NamedTuple):
    """What a connection on the player port occupies until it is closed."""

    slots: PlayerSlots
    host: str
    over_limit: bool

    def release(self) -> None:
        """Let another connection have it."""
        self.slots.release(self)


class PlayerSlots:
    """Counts the connections on the player port against their quota."""

    def __init__(self, quota: Quota, max_per_address: int) -> None:
        self._quota = quota
        self._max_per_address = max_per_address
        self._players = 0
        self._overflow = 0
        self._by_address: Counter[str] = Counter()

    def acquire(self, host: str) -> Slot | None:
        """Return a slot, which may be one to be refused on; None if even these are used up."""
        per_address = self._max_per_address
        if self._players >= self._quota.players or (per_address and self._by_address[host] >= per_address):
            if self._overflow >= self._quota.overflow:
                return None
            self._overflow += 1
            return Slot(self, host, over_limit=True)
        self._players += 1
        if per_address:
            self._by_address[host] += 1
        return Slot(self, host, over_limit=False)

    def release(self, slot: Slot) -> None:
        """Note that a connection is closed."""
        if slot.over_limit:
            self._overflow -= 1
            return
        self._players -= 1
        if self._max_per_address:
            self._by_address[slot.host] -= 1
            if not self._by_address[slot.host]:
                del self._by_address[slot.host]
