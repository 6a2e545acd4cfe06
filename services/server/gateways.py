"""The addresses behind which many peers may be hidden: loopback, and the gateways of this machine's networks.

Docker's bridge passes connections to published ports on from its own address: all programs of the host, and
those who reach the server through it, look like one peer.
"""

from __future__ import annotations

from ipaddress import IPv4Address
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable


def gateways(routes: Iterable[str]) -> frozenset[str]:
    """Return the gateways that the lines of /proc/net/route name, and the first address of each network.

    The first address of a bridge's network is the bridge, also where another network has the default route.
    """
    found = set()
    for line in routes:
        fields = line.split()
        if len(fields) < 3 or fields[0] == "Iface":  # noqa: PLR2004  interface, destination, gateway
            continue
        destination, gateway = (int.from_bytes(bytes.fromhex(field), "little") for field in fields[1:3])
        if gateway:
            found.add(str(IPv4Address(gateway)))
        elif destination:
            found.add(str(IPv4Address(destination) + 1))
    return frozenset(found)


def read_gateways() -> frozenset[str]:
    """Return those of this machine; none where the system does not tell."""
    try:
        return gateways(Path("/proc/net/route").read_text(encoding="ascii").splitlines())
    except (OSError, ValueError):
        return frozenset()
