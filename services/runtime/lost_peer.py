"""Notice that the other machine is gone: it says nothing, and whoever waits for it would wait for long."""

from __future__ import annotations

import socket
from typing import Final

LOST_AFTER_S: Final = 8
"""After so long without an acknowledgement a connection breaks: time for several more attempts to send. A
program that hangs is another matter, its kernel acknowledges."""

ASK_AFTER_S: Final = 4
"""After so much silence the other kernel is asked: there may be nothing that it has to acknowledge."""

ASK_AGAIN_S: Final = 2


def notice_lost_peer(sock: socket.socket) -> None:
    """Let a connection break when the other machine is gone, where the system can do that."""
    if hasattr(socket, "TCP_USER_TIMEOUT"):
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE, 1)
        sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_KEEPIDLE, ASK_AFTER_S)
        sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_KEEPINTVL, ASK_AGAIN_S)
        sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_USER_TIMEOUT, LOST_AFTER_S * 1000)
