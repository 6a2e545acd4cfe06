"""The header of a balancer (clause X-1)."""

from __future__ import annotations

import struct

import pytest
from hypothesis import given
from hypothesis import strategies as st

from services.protocol.messages import Address
from services.protocol.proxy_header import (
    FIXED_OCTETS,
    SIGNATURE,
    ProxyHeaderError,
    rest_octets,
    source,
)

TCP4 = (
    SIGNATURE + b"\x21\x11\x00\x0c" + bytes([192, 0, 2, 7, 198, 51, 100, 1]) + struct.pack("!HH", 50123, 4000)
)
TCP6 = (
    SIGNATURE
    + b"\x21\x21\x00\x24"
    + bytes.fromhex("20010db8000000000000000000000007")
    + bytes(16)
    + struct.pack("!HH", 50124, 4000)
)
MAPPED = (
    SIGNATURE + b"\x21\x21\x00\x24" + bytes(10) + b"\xff\xff\xc0\x00\x02\x07" + bytes(16) + b"\x04\xd2\0\0"
)
LOCAL = SIGNATURE + b"\x20\x00\x00\x00"


@pytest.mark.parametrize(
    ("header", "address"),
    [
        (TCP4, Address("192.0.2.7", 50123)),
        (TCP6, Address("2001:db8::7", 50124)),
        (MAPPED, Address("192.0.2.7", 1234)),
        (LOCAL, None),
    ],
)
def test_the_header_names_the_player(header: bytes, address: Address | None) -> None:
    """The source of the connection is the player; a balancer's own check names nobody (X-1, A-6)."""
    assert FIXED_OCTETS + rest_octets(header[:FIXED_OCTETS]) == len(header)
    assert source(header) == address


@pytest.mark.parametrize(
    "fixed",
    [
        b"PROXY TCP4 192.0",
        b"Hello\r\n" + bytes(9),
        SIGNATURE + b"\x31\x11\0\x0c",
        SIGNATURE + b"\x21\x11\xff\xff",
    ],
)
def test_what_is_no_header_is_refused(fixed: bytes) -> None:
    """Version 1, a player's line, an unknown version and an endless header are refused (X-1)."""
    with pytest.raises(ProxyHeaderError):
        rest_octets(fixed)


@pytest.mark.parametrize("header", [TCP4[:20], SIGNATURE + b"\x21\x12\x00\x0c" + bytes(12)])
def test_a_header_without_an_address_of_tcp_is_refused(header: bytes) -> None:
    """A header that is cut short or of UDP names no player (X-1)."""
    with pytest.raises(ProxyHeaderError):
        source(header)


@given(st.binary(min_size=FIXED_OCTETS, max_size=64))
def test_anything_is_read_or_refused(header: bytes) -> None:
    """Any octets name an address, nobody, or are refused (X-1)."""
    try:
        rest_octets(SIGNATURE + header[:4])
        source(SIGNATURE + header)
    except ProxyHeaderError:
        pass
