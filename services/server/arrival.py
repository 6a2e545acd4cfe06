"""A connection that a balancer passes on, until its header has told whose it is (clause X-1)."""

from __future__ import annotations

from typing import TYPE_CHECKING

import structlog

from services.protocol.codec import encode
from services.protocol.messages import Greetings
from services.protocol.proxy_header import FIXED_OCTETS, ProxyHeaderError, rest_octets, source
from services.server.connection import CHUNK_OCTETS, Connection
from services.server.reactor import AGAIN

if TYPE_CHECKING:
    import socket
    from collections.abc import Callable

    from services.protocol.messages import Address
    from services.server.reactor import Reactor


class Arrival(Connection):
    """Reads the header and nothing beyond it, then hands the socket on.

    A balancer that speaks for itself checks whether the server answers. It is no player and no administrator:
    it gets its answer here, and nothing is logged or counted.
    """

    __slots__ = ("_admit", "_arrivals", "_header", "_is_check")

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
        self._is_check = False
        self._arrivals = arrivals
        arrivals[self] = None
        self.slow = True
        self.deadline_s = reactor.now_s + timeout_s

    def step(self) -> None:
        """Read what is missing of the header, or what the balancer asks for itself."""
        try:
            if self._is_check:
                self._answer_check()
                return
            while missing := self._missing_octets():
                data = self.sock.recv(missing)
                if not data:
                    self.drop()
                    return
                self._header += data
            address = source(self._header)
            if address is None:
                self._is_check = True
                self._answer_check()
                return
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

    def _answer_check(self) -> None:
        if self.sock.recv(CHUNK_OCTETS):
            self.sock.send(encode(Greetings()))
        self.drop()

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
