"""Which connection of the tap a player's address belongs to, pure: the server sees the tap's own ports."""

from __future__ import annotations

from collections import OrderedDict
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from services.protocol.messages import Address

KEPT_PLAYERS: Final = 4096
"""So many addresses are known again; a list may name players that have gone long ago."""


@dataclass(slots=True)
class Player:
    """A connection to the player port, as the server's lists name it."""

    number: int
    ended_s: float | None = None
    """When its client, or the server, ended it; None while it is open."""


class Players:
    """The players that came through the tap, by the address that the server sees."""

    def __init__(self) -> None:
        self._players: OrderedDict[Address, Player] = OrderedDict()

    def opened(self, number: int, address: Address) -> Player:
        """Take note of a connection and return it; the one that was opened longest ago gives way."""
        player = Player(number)
        self._players[address] = player
        self._players.move_to_end(address)
        if len(self._players) > KEPT_PLAYERS:
            self._players.popitem(last=False)
        return player

    def find(self, address: Address) -> Player | None:
        """Return the connection that an address is; None where the player did not come through the tap."""
        return self._players.get(address)
