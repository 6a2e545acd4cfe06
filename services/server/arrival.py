"""A connection that a balancer passes on, until its header has told whose it is (clause X-1)."""

from __future__ import annotations

from typing import TYPE_CHECKING

import structlog

from services.protocol.proxy_header import FIXED_OCTETS, ProxyHeaderError, rest_octets, source
from services.server.connection import Connection
from services.server.reactor import AGAIN

if TYPE_CHECKING:
    import socket
    from collections.abc import Callable

    from services.protocol.messages import Address
    from services.server.reactor import Reactor


class Arrival(Connection):
    """Reads the header and nothing beyond it, then hands the socket on."""

    __slots__ = ("_admit", "_arrivals", "_header")

    def __init__(
        self,
        reactor: Reactor,
        sock: socket.socket,
        balancer: Address,
        admit: Callable[[socket.socket, Address], None],
        *,
        timeout_s: float,
        arrivals: dict[Arrival, None],
    ) -> None:
        """Wait for the header; until then the connection is one of `arrivals`, which keeps their order."""
        super().__init__(reactor, sock, balancer)
        self._admit = admit
        self._header = b""
        self._arrivals = arrivals
        arrivals[self] = None
        self.slow = True
        self.deadline_s = reactor.now_s + timeout_s

    def step(self) -> None:
        """Read what is missing of the header."""
        try:
            while missing := self._missing_octets():
                data = self.sock.recv(missing)
                if not data:
                    self.drop()
                    return
                self._header += data
            address = source(self._header) or self.address
        except AGAIN:
            return
        except OSError:
            self.drop()
            return
        except ProxyHeaderError as error:
            structlog.get_logger().warning(
                "proxy_header_refused", peer=str(self.address), reason=error.reason
            )
            self.drop()
            return
        del self._arrivals[self]
        self.reactor.hand_over(self)
        self._admit(self.raw, address)

    def _missing_octets(self) -> int:
        whole = FIXED_OCTETS
        if len(self._header) >= FIXED_OCTETS:
            whole += rest_octets(self._header)
        return whole - len(self._header)

    def on_closed(self) -> None:
        """Make room for another one."""
        del self._arrivals[self]

    def timed_out(self) -> None:
        """Close: the balancer has not sent its header in time."""
        self.drop()

    def refuse(self, reason: str) -> None:  # noqa: ARG002  it is nobody's yet
        """Close: the server stops."""
        self.drop()
