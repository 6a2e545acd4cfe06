"""How many connections there may be."""

from __future__ import annotations

import pytest

from services.server.quota import PER_ADDRESS, AdminSlots, PlayerSlots, Quota


@pytest.mark.parametrize("connections", [1, 4, 8, 100, 1024, 20_000])
def test_every_kind_has_its_share(connections: int) -> None:
    """However few connections there are, players, overflow and administrators have some each (P-12)."""
    quota = Quota.of(connections, 10_000)

    assert min(quota) >= 1
    if connections >= 8:
        assert sum(quota) <= connections


@pytest.mark.parametrize("players", [1, 18, 10_000])
@pytest.mark.parametrize("has_balancer", [False, True])
def test_enough_connections_give_each_kind_all(players: int, *, has_balancer: bool) -> None:
    """What is asked of the system for a number of players is all that is needed, and no more (P-12)."""
    enough = Quota.connections_for(players)

    assert Quota.of(enough, players, has_balancer=has_balancer) == Quota.of(10**9, players)
    assert enough < players + 5_000


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


def test_one_owner_of_ipv6_addresses_counts_once() -> None:
    """Addresses of one /64 are one peer, those of the next are another (P-12)."""
    slots = PlayerSlots(Quota(players=8, overflow=8, admins=1), max_per_address=1)
    taken = [slots.acquire(host) for host in ("2001:db8::1", "2001:db8::ffff:1", "2001:db8:0:1::1")]

    assert [slot and slot.over_limit for slot in taken] == [False, True, False]


def test_strangers_are_limited_unless_it_is_set() -> None:
    """Without a setting a stranger has its limit, while loopback and the gateway have none (P-12)."""
    quota = Quota(players=4 * PER_ADDRESS, overflow=1, admins=1)
    slots = PlayerSlots(quota, max_per_address=None, exempt={"172.17.0.1"})

    for host, refused in (("192.0.2.1", True), ("127.0.0.1", False), ("172.17.0.1", False)):
        for _ in range(PER_ADDRESS):
            assert slots.acquire(host)
        last = slots.acquire(host)
        assert last is not None
        assert last.over_limit is refused
        last.release()


def test_newcomers_are_dropped_the_more_the_fuller() -> None:
    """Up to half nobody is dropped, from there a growing share, and nobody gets in when it is full (A-7)."""
    slots = AdminSlots(Quota(players=1, overflow=1, admins=8))

    assert [slots.acquire(0.0) for _ in range(5)] == [True] * 5
    assert slots.is_crowded
    assert not slots.acquire(0.2)  # a quarter is dropped
    assert [slots.acquire(0.9) for _ in range(4)] == [True, True, True, False]
    slots.release()
    assert slots.acquire(0.9)


def test_an_empty_port_is_not_crowded() -> None:
    """Where there are few slots in all, the first comer gets one whatever the chance."""
    slots = AdminSlots(Quota(players=1, overflow=1, admins=2))

    assert slots.acquire(0.0)
    assert not slots.is_crowded


def test_arrivals_take_from_the_others_where_there_is_a_balancer() -> None:
    """Connections without a header are bounded, and counted among all that there may be (X-1)."""
    quota = Quota.of(100, 10_000, has_balancer=True)

    assert quota.arrivals >= 1
    assert sum(quota) + quota.arrivals <= 100
    assert quota.players < Quota.of(100, 10_000).players
