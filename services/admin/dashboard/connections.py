"""One policy for every connection to the page: a bounded number, deadlines, and room for the next one.

uvicorn answers the requests. But it accepts whatever comes, waits for a request and for a reader without end,
and its limit refuses everybody, the health check too. So the bounds stand in front of it.
"""

from __future__ import annotations

import asyncio
import contextlib
import random
import resource
import socket
import struct
from typing import TYPE_CHECKING, Final

from h11 import LocalProtocolError
from uvicorn.protocols.http.h11_impl import H11Protocol

from services.runtime.connecting import cause
from services.runtime.listening import open_listeners

if TYPE_CHECKING:
    import uvicorn
    from starlette.types import ASGIApp, Receive, Scope, Send
    from structlog.typing import FilteringBoundLogger
    from uvicorn.server import ServerState

MOST_CONNECTIONS: Final = 256
"""Streams included. A newcomer beyond it displaces one that is no stream, picked at random: a crowd of idle
connections keeps nobody out, and a request that takes a moment is seldom hit."""

RESERVED_DESCRIPTORS: Final = 96
"""Kept for the watch, the log, the history and so on, where the limit of descriptors is low."""

LEAST_CONNECTIONS: Final = 8

REQUEST_TIMEOUT_S: Final = 10.0
"""From the connection, or the last answer, to the end of a request's head: dripping does not prolong it."""

ANSWER_TIMEOUT_S: Final = 30.0
"""For taking an answer, or one message of a stream."""

SEND_BUFFER_OCTETS: Final = 64 << 10
"""What the kernel keeps for a reader that does not read; Linux doubles it."""

BACKLOG: Final = 1024
ACCEPT_RETRY_S: Final = 0.25


class Connection(H11Protocol):
    """One connection; the application finds it in the scope's state."""

    def __init__(self, bounds: Bounds, config: uvicorn.Config, server_state: ServerState) -> None:
        super().__init__(config, server_state, {"connection": self})
        self._bounds = bounds
        self._requests = 0
        self._deadline: asyncio.TimerHandle | None = None
        self.is_stream = False

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        """Begin to count, and to wait for a request."""
        super().connection_made(transport)
        self._bounds.connections[self] = None
        self.end_within(REQUEST_TIMEOUT_S)

    def connection_lost(self, exc: Exception | None) -> None:
        """Count no longer."""
        self.end_within(None)
        self._bounds.connections.pop(self, None)
        super().connection_lost(exc)

    def end_within(self, timeout_s: float | None) -> None:
        """Break the connection off after so long; None: do not."""
        if self._deadline is not None:
            self._deadline.cancel()
        self._deadline = None if timeout_s is None else self.loop.call_later(timeout_s, self.abort)

    def abort(self) -> None:
        """Break it off at once, whatever has not been read."""
        self.end_within(None)
        self._bounds.connections.pop(self, None)
        # Otherwise the kernel would keep what is unread for minutes, and the peer would not learn of the end.
        linger = struct.pack("ii", 1, 0)
        with contextlib.suppress(OSError):  # it is closed already: a request for a WebSocket that was refused
            self.transport.get_extra_info("socket").setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, linger)
        self.transport.abort()
        if self.cycle is not None:
            self.cycle.disconnected = True  # nobody is left to complain to

    def hold(self) -> bool:
        """Make it a stream, which no newcomer displaces and whose sender sets deadlines; False: no room."""
        held = sum(connection.is_stream for connection in self._bounds.connections)
        if held >= self._bounds.most_streams:
            return False
        self.is_stream = True
        self.end_within(None)
        return True

    def request_begun(self) -> None:
        """Wait for the answer to be taken."""
        self._requests += 1
        self.end_within(ANSWER_TIMEOUT_S)

    def handed_over(self) -> None:
        """Count no longer: it became a WebSocket, which is over now, and of whose end nobody else tells."""
        self.end_within(None)
        self._bounds.connections.pop(self, None)

    def request_ended(self) -> None:
        """Wait for the next request, and for the rest of the answer to be taken."""
        self._requests -= 1
        self.is_stream = False
        if not self._requests and self in self._bounds.connections:
            self.end_within(REQUEST_TIMEOUT_S)


class Bounds:
    """Accepts connections and keeps them within bounds."""

    def __init__(self, log: FilteringBoundLogger) -> None:
        self.connections: dict[Connection, None] = {}
        self._log = log
        descriptors = resource.getrlimit(resource.RLIMIT_NOFILE)[0]
        self._most = max(LEAST_CONNECTIONS, min(MOST_CONNECTIONS, descriptors - RESERVED_DESCRIPTORS))
        self.most_streams = self._most * 3 // 4
        """The rest is kept for requests that are answered at once, the health check's among them."""

    async def accept(
        self, listener: socket.socket, config: uvicorn.Config, server_state: ServerState
    ) -> None:
        """Accept connections until cancelled."""
        loop = asyncio.get_running_loop()
        listener.setblocking(False)
        while True:
            try:
                accepted, _ = await loop.sock_accept(listener)
            except OSError as error:
                self._log.error("accept_failed", reason=cause(error))
                await asyncio.sleep(ACCEPT_RETRY_S)
                continue
            self._make_room()
            await loop.connect_accepted_socket(lambda: Connection(self, config, server_state), accepted)

    def _make_room(self) -> None:
        if len(self.connections) >= self._most:
            others = [connection for connection in self.connections if not connection.is_stream]
            random.choice(others).abort()  # noqa: S311 (fair is enough)

    def abort(self) -> None:
        """Break off all connections."""
        for connection in list(self.connections):
            connection.abort()


class Timed:
    """Tells a connection when the application begins to answer, and when it has done so."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer."""
        connection: Connection = scope["state"]["connection"]
        connection.request_begun()
        try:
            if scope["type"] != "websocket" or connection.hold():
                await self._app(scope, receive, send)
            else:
                connection.abort()
        except LocalProtocolError:
            # What the peer sent of its request meanwhile is no HTTP, and has been answered.
            connection.abort()
        finally:
            if scope["type"] == "websocket":
                connection.handed_over()
            else:
                connection.request_ended()


def listen(host: str, port: int) -> list[socket.socket]:
    """Take the port at each address that the host stands for.

    Raises:
        OSError: It cannot be had.
    """
    listeners = open_listeners(host, port, backlog=BACKLOG)
    for listener in listeners:
        # Accepted connections inherit it.
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, SEND_BUFFER_OCTETS)
    return listeners
