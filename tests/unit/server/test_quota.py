"""How many connections there may be."""

from __future__ import annotations

import pytest

from services.server.quota import PlayerSlots, Quota


@pytest.mark.parametrize("connections", [1, 4, 8, 100, 1024, 20_000])
def test_every_kind_has_its_share(connections: int) -> None:
    """However few connections there are, players, overflow and administrators have some each (P-12)."""
    quota = Quota.of(connections, 10_000)

    assert min(quota) >= 1
    if connections >= 8:
        assert sum(quota) <= connections


def test_one_too_many_is_refused_and_a_slot_is_free_again() -> None:
    """Beyond the players' quota a connection gets a slot to be refused on, then none (P-12)."""
    slots = PlayerSlots(Quota(players=1, overflow=1, admins=1), max_per_address=0)
    player, refused = slots.acquire("192.0.2.1"), slots.acquire("192.0.2.2")

    assert player is not None
    assert not player.over_limit
    assert refused is not None
    assert refused.over_limit
    assert slots.acquire("192.0.2.3") is None
    refused.release()
    player.release()
    again = slots.acquire("192.0.2.3")
    assert again is not None
    assert not again.over_limit


def test_one_address_has_so_many() -> None:
    """Beyond its own limit an address is refused, while others are not (P-12)."""
    slots = PlayerSlots(Quota(players=8, overflow=8, admins=1), max_per_address=2)
    taken = [slots.acquire(host) for host in ("192.0.2.1", "192.0.2.1", "192.0.2.1", "192.0.2.2")]

    assert [slot and slot.over_limit for slot in taken] == [False, False, True, False]
    for slot in taken[:2]:
        assert slot is not None
        slot.release()
        again = slots.acquire("192.0.2.1")
        assert again is not None
        assert not again.over_limit
        again.release()
