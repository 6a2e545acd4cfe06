"""The messages as values."""

from __future__ import annotations

from services.protocol.messages import Address


def test_an_address_is_spelled_with_one_blank() -> None:
    """IP and port are one blank apart, for either family (A-6)."""
    assert str(Address("192.0.2.7", 50123)) == "192.0.2.7 50123"
    assert str(Address("2001:db8::7", 1)) == "2001:db8::7 1"
