"""Headers of the PROXY protocol, version 2, as a balancer sends them."""

from __future__ import annotations

import ipaddress
import struct

from services.protocol.proxy_header import SIGNATURE


def proxy_header(host: str, port: int) -> bytes:
    """Return what a balancer says of a connection from there."""
    address = ipaddress.ip_address(host)
    source = address.packed
    body = source + source[::-1] + struct.pack("!HH", port, 4000)
    family = 0x11 if address.version == 4 else 0x21
    return SIGNATURE + struct.pack("!BBH", 0x21, family, len(body)) + body


LOCAL = SIGNATURE + b"\x20\x00\x00\x00"
"""What a balancer says of a connection of its own, such as a health check."""
