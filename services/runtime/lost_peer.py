"""Notice that the other machine is gone: it says nothing, and whoever waits for it would wait for long."""

from __future__ import annotations

import socket
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    import asyncio

LOST_AFTER_S: Final = 8
"""After so long without an acknowledgement a connection breaks: time for several more attempts to send. A
program that hangs is another matter, its kernel acknowledges."""


def notice_lost_peer(transport: asyncio.BaseTransport) -> None:
    """Let a connection break if what it sends reaches nobody, where the system can do that."""
    sock = transport.get_extra_info("socket")
    if hasattr(socket, "TCP_USER_TIMEOUT"):
        sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_USER_TIMEOUT, LOST_AFTER_S * 1000)
