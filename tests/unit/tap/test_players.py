"""Which connection an address is."""

from __future__ import annotations

from services.protocol.messages import Address
from services.tap.players import KEPT_PLAYERS, Players


def test_known_players_are_bounded() -> None:
    """The addresses of a long lesson are forgotten from the oldest on, and an address can be used again."""
    players = Players()
    players.opened(1, Address("10.0.0.1", 1))
    players.opened(2, Address("10.0.0.1", 1))
    found = players.find(Address("10.0.0.1", 1))
    assert found is not None
    assert found.number == 2
    for port in range(2, KEPT_PLAYERS + 2):
        players.opened(port, Address("10.0.0.1", port))
    assert players.find(Address("10.0.0.1", 1)) is None
    assert players.find(Address("10.0.0.1", 2)) is not None
