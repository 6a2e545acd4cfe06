"""How many connections there may be, by what they are for and where they come from (clause P-12). Pure."""

from __future__ import annotations

from collections import Counter
from ipaddress import ip_address, ip_network
from typing import TYPE_CHECKING, Final, NamedTuple, Self

if TYPE_CHECKING:
    from collections.abc import Collection

OVERFLOW_CONNECTIONS: Final = 128
"""Connections over the limit that are refused in the way they ask for, at most; more get a plain line."""

ADMIN_CONNECTIONS: Final = 512
"""Connections on the administrator port, at most. Silent ones cost little, and the more there may be, the
more likely is the administrator to get in when strangers come in crowds."""

PER_ADDRESS: Final = 2_500
"""Connections of one address on the player port, at most, unless it is set: so one stranger leaves room for
others. Addresses that stand for many peers are excepted then."""

IPV4: Final = 4
PREFIX_BITS: Final = 64
"""So much of an IPv6 address is a network's; the rest its owner chooses."""

SHARE: Final = 8
"""None of these takes more than one connection in so many."""


class Quota(NamedTuple):
    """How many connections there may be of each kind."""

    players: int
    overflow: int
    admins: int

    @classmethod
    def of(cls, connections: int, max_players: int, *, has_balancer: bool = False) -> Self:
        """Share `connections` out; each kind has at least one, however few there are."""
        overflow = min(OVERFLOW_CONNECTIONS, max(1, connections // SHARE))
        connections -= overflow if has_balancer else 0
        admins = min(ADMIN_CONNECTIONS, max(2, connections // SHARE))
        return cls(max(1, min(max_players, connections - overflow - admins)), overflow, admins)

    @staticmethod
    def connections_for(max_players: int) -> int:
        """Return how many connections let each kind have all that it may have."""
        others = 2 * OVERFLOW_CONNECTIONS + ADMIN_CONNECTIONS
        return max(max_players + others, SHARE * ADMIN_CONNECTIONS + OVERFLOW_CONNECTIONS)

    @property
    def arrivals(self) -> int:
        """How many may come from balancers and not have said yet whose they are, where there are any."""
        return self.overflow


class AdminSlots:
    """Counts the connections on the administrator port, and drops newcomers at random before it is full.

    This is random early drop, as sshd does it (MaxStartups). Whoever is in stays in, and a newcomer has a
    chance however many come: a full port would refuse everybody, displacing the oldest helps the fastest.
    """

    def __init__(self, quota: Quota) -> None:
        self._most = quota.admins
        self._start = quota.admins // 2
        self._open = 0

    @property
    def is_crowded(self) -> bool:
        """Whether newcomers may be dropped."""
        return self._open > self._start

    def acquire(self, chance: float) -> bool:
        """Take a slot, unless `chance` (0 to 1) is below the share of newcomers that is dropped now."""
        if self._open >= self._most or chance < (self._open - self._start) / (self._most - self._start):
            return False
        self._open += 1
        return True

    def release(self) -> None:
        """Note that a connection is closed."""
        self._open -= 1


class Slot(NamedTuple):
    """What a connection on the player port occupies until it is closed."""

    slots: PlayerSlots
    peer: str
    """What it is counted as; empty if it is not counted by address."""
    over_limit: bool

    def release(self) -> None:
        """Let another connection have it."""
        self.slots.release(self)


class PlayerSlots:
    """Counts the connections on the player port against their quota."""

    def __init__(self, quota: Quota, max_per_address: int | None, exempt: Collection[str] = ()) -> None:
        """Count against a quota.

        Args:
            quota: how many there may be in all.
            max_per_address: how many from one address, 0 for any number; None for `PER_ADDRESS`, with
                exceptions.
            exempt: addresses that are excepted then, beside loopback.
        """
        self._quota = quota
        self._exempt = exempt if max_per_address is None else None
        self._max_per_address = PER_ADDRESS if max_per_address is None else max_per_address
        self._players = 0
        self._overflow = 0
        self._by_peer: Counter[str] = Counter()

    def acquire(self, host: str) -> Slot | None:
        """Return a slot, which may be one to be refused on; None if even these are used up."""
        peer = self._counted_as(host)
        if self._players >= self._quota.players or (peer and self._by_peer[peer] >= self._max_per_address):
            if self._overflow >= self._quota.overflow:
                return None
            self._overflow += 1
            return Slot(self, peer, over_limit=True)
        self._players += 1
        if peer:
            self._by_peer[peer] += 1
        return Slot(self, peer, over_limit=False)

    def release(self, slot: Slot) -> None:
        """Note that a connection is closed."""
        if slot.over_limit:
            self._overflow -= 1
            return
        self._players -= 1
        if slot.peer:
            self._by_peer[slot.peer] -= 1
            if not self._by_peer[slot.peer]:
                del self._by_peer[slot.peer]

    def _counted_as(self, host: str) -> str:
        if not self._max_per_address:
            return ""
        address = ip_address(host)
        if self._exempt is not None and (address.is_loopback or host in self._exempt):
            return ""
        # Whoever has one IPv6 address has a whole prefix of them.
        return host if address.version == IPV4 else str(ip_network((address, PREFIX_BITS), strict=False))
