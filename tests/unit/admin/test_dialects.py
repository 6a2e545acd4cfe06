"""Players found in what the servers of the family say to `Who`."""

from __future__ import annotations

from ipaddress import ip_address

import pytest
from hypothesis import given
from hypothesis import strategies as st

from services.admin.dialects import find_players
from services.protocol.messages import Address

ONE = [Address("127.0.0.1", 52100)]
TWO = [Address("127.0.0.1", 52100), Address("10.0.0.2", 5)]


@pytest.mark.parametrize(
    "text",
    [
        "127.0.0.1 52100\r\n",
        "127.0.0.1\t52100",
        "127.0.0.1:52100",
        "127.0.0.1, 52100",
        "127.0.0.1-52100",
        "127.0.0.1 | 52100 |",
        "127.0.0.1\n52100\n",
        "('127.0.0.1', 52100)",
        "('::ffff:127.0.0.1', 52100, 0, 0)",
        "/127.0.0.1:52100",
        "localhost/127.0.0.1:52100",
        '{"ip": "127.0.0.1", "port": 52100}',
        '[{"port": 52100, "ip": "127.0.0.1"}]',
        "IP: 127.0.0.1 Port: 52100",
        "IP: 127.0.0.1\nPort: 52100",
        "Player 1 has the IP address 127.0.0.1 and plays from port number 52100.",
        "1) 127.0.0.1 52100",
        "2024-01-02 12:30:45 127.0.0.1 52100",
        "Players: 1\r\n127.0.0.1 52100\r\nEnd\r\n",
        "<socket.socket fd=5, family=2, laddr=('127.0.0.1', 4000), raddr=('127.0.0.1', 52100)>",
        "127.0.0.1 52100\r\n127.0.0.1 52100\r\n",
    ],
)
def test_one_player_in_whatever_form(text: str) -> None:
    """Every form in use tells the same player, once, and no number beside it is taken for a port."""
    assert find_players(text) == ONE


@pytest.mark.parametrize(
    "text",
    [
        "127.0.0.1 52100\r\n10.0.0.2 5\r\n",
        "127.0.0.1 52100 10.0.0.2 5",
        "127.0.0.1 52100, 10.0.0.2 5",
        "[('127.0.0.1', 52100), ('10.0.0.2', 5)]",
        "127.0.0.1:52100;10.0.0.2:5",
        '[{"port": 52100, "ip": "127.0.0.1"}, {"port": 5, "ip": "10.0.0.2"}]',
        '{"players": [{"ip": "127.0.0.1", "port": 52100}, {"ip": "10.0.0.2", "port": 5}]}',
        "IP: 127.0.0.1\nPort: 52100\n\nIP: 10.0.0.2\nPort: 5\n",
        "1) 127.0.0.1 52100 2) 10.0.0.2 5",
    ],
)
def test_several_players_in_whatever_form(text: str) -> None:
    """Several players are kept apart, on one line or on several, in their order."""
    assert find_players(text) == TWO


@pytest.mark.parametrize(
    "text",
    ["::1 52100", "[::1]:52100", "::1:52100", "('::1', 52100, 0, 0)", "IP: 0:0:0:0:0:0:0:1 Port: 52100"],
)
def test_ipv6_is_spelled_plainly(text: str) -> None:
    """IPv6 in any form becomes the plain spelling of clause A-6."""
    assert find_players(text) == [Address("::1", 52100)]


@pytest.mark.parametrize(
    "text",
    ["", "\r\n", "No players", "Players: 2", "12:30:45 nobody", "1.2.3.4", "1.2.3.4 70000", "1.2.3.4 0",
     "1.2.3.4.5 6", "999.1.1.1 4", "::1:", "Error in line 12: 1.2.3.4"],
)  # fmt: skip
def test_what_is_no_player_is_not_found(text: str) -> None:
    """Without an address and a port there is no player."""
    assert find_players(text) == []


@given(st.lists(st.tuples(st.ip_addresses(), st.integers(1, 65535)), unique=True, max_size=5))
def test_our_own_form_is_always_read(players: list[tuple[object, int]]) -> None:
    """Whatever our own server lists (clauses A-2, A-6) is read as it was meant."""
    meant = []
    for host, port in players:
        mapped = getattr(host, "ipv4_mapped", None)
        meant.append(Address(str(mapped or host), port))

    assert find_players("".join(f"{address}\r\n" for address in meant)) == list(dict.fromkeys(meant))


@given(st.text(alphabet="0123456789abcdef.:,'()[]{} \r\nport") | st.text())
def test_nonsense_is_read_without_an_error(text: str) -> None:
    """Any text at all gives a list of true addresses, if an empty one."""
    for address in find_players(text):
        assert str(ip_address(address.host)) == address.host
        assert 0 < address.port < 65536
