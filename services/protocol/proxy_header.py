"""Whose connection a balancer passes on: the header of the PROXY protocol, version 2 (clause X-1)."""

import ipaddress
import struct
from typing import Final

from services.protocol.errors import ProtocolError
from services.protocol.messages import Address

SIGNATURE: Final = b"\r\n\r\n\0\r\nQUIT\n"
FIXED_OCTETS: Final = 16
"""Signature, version and command, family, and the length of the rest."""

LONGEST_OCTETS: Final = 536
"""What the specification asks a receiver to take at least; extensions are skipped."""

_LOCAL, _PROXY = 0x20, 0x21
_TCP4, _TCP6 = 0x11, 0x21


class ProxyHeaderError(ProtocolError):
    """What a balancer sent is no header of version 2."""


def rest_octets(fixed: bytes) -> int:
    """Return how many octets follow the first 16.

    Raises:
        ProxyHeaderError: this is no header of the PROXY protocol, version 2.
    """
    length = int.from_bytes(fixed[14:16], "big")
    if not fixed.startswith(SIGNATURE) or fixed[12] not in {_LOCAL, _PROXY}:
        raise ProxyHeaderError("no header of the PROXY protocol, version 2")
    if length > LONGEST_OCTETS - FIXED_OCTETS:
        raise ProxyHeaderError("a header of the PROXY protocol that is too long")
    return length


def source(header: bytes) -> Address | None:
    """Return the address that a whole header names; None if the balancer speaks for itself.

    Raises:
        ProxyHeaderError: it names none that is of TCP, or is cut short.
    """
    if header[12] == _LOCAL:
        return None
    try:
        if header[13] == _TCP4:
            host, _, port, _ = struct.unpack_from("!4s4sHH", header, FIXED_OCTETS)
        elif header[13] == _TCP6:
            host, _, port, _ = struct.unpack_from("!16s16sHH", header, FIXED_OCTETS)
        else:
            raise ProxyHeaderError("a PROXY header that is not of TCP")
    except struct.error as error:
        raise ProxyHeaderError("a PROXY header that is cut short") from error
    address = ipaddress.ip_address(host)
    mapped = address.ipv4_mapped if isinstance(address, ipaddress.IPv6Address) else None
    return Address(str(mapped or address), port)
