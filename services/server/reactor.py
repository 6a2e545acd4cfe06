"""Polls connections, and runs turns: answer all that are ready, write the log, then send. Knows no game.

All connections are polled in an epoll set of their own, which is nested in the event loop: the loop
watches one descriptor, and makes one callback for however many connections are ready. There is no
transport, task or callback per message (docs/adr/0002-nested-epoll.md weighs that against the usual
asyncio.Protocol). The loop stays in charge of all that is not hot: accepting, timers, signals.

Whatever a turn logs is written in one piece, and only then are the replies sent: so the log of a guess
reaches the kernel before its reply does.
"""

from __future__ import annotations

import asyncio
import ssl
import time
from typing import TYPE_CHECKING, Final, Protocol

import structlog

from services.protocol.messages import Address
from services.server.poller import READABLE, make_poller

if TYPE_CHECKING:
    import socket
    from collections.abc import Callable

    from services.runtime.logging import LogSink
    from services.server.tls_socket import TlsSocket

AGAIN: Final = (BlockingIOError, ssl.SSLWantReadError, ssl.SSLWantWriteError)

TURN_CONNECTIONS: Final = 32
"""How many connections one turn answers at most; the others are next. In larger turns more guesses share the
cost of writing the log, but wait for the last of them."""

TURNS: Final = 8
"""How many turns follow each other at most before the event loop runs its other callbacks."""

ACCEPT_BATCH: Final = 64
"""How many connections are accepted in one go, so that a storm of them leaves time for the players."""

SWEEP_S: Final = 0.25
"""How often deadlines are looked at. One look at all connections costs less than a timer for each."""

STANDSTILL_S: Final = 2.0
"""A look that comes so late comes from a program that was stopped, with its container or its machine."""

CATCH_UP_S: Final = 2.0
"""What is left after a standstill to those whose time ran out meanwhile: what they sent waits to be read."""

BACKLOG: Final = 4096
"""Connections that wait to be accepted; the kernel caps it."""


def plain_address(peer: tuple[str, int]) -> Address:
    """Return a peer's address as clause A-6 spells it."""
    host, port = peer[:2]
    if ":" in host:
        host = host.removeprefix("::ffff:").partition("%")[0]
    return Address(host, port)


class Polled(Protocol):
    """A connection, as the reactor knows it."""

    fd: int
    sock: socket.socket | TlsSocket
    polled_for: int
    """What the reactor polls it for; it alone sets this."""
    deadline_s: float
    """When `timed_out` is called, on the monotonic clock."""
    output: bytes | None
    """Pending output, sent at the end of the turn; None if there is none."""
    slow: bool
    """Whether there is more to do than to read and to send: then `step` and `transmit` do it."""
    ending: bool
    """Whether it closes once everything is sent."""

    def step(self) -> None:
        """Called when it is ready, if it is slow."""

    def transmit(self, data: bytes) -> None:
        """Called with what one `send` has left over, or if it is slow or ending."""

    def broken(self, error: OSError) -> None:
        """Called when the socket has failed."""

    def failed(self) -> None:
        """Called after a mistake of our own, from where the exception is handled."""

    def timed_out(self) -> None:
        """Called when the deadline has passed."""

    def refuse(self, reason: str) -> None:
        """Called when the server stops."""

    def drop(self) -> None:
        """Close at once."""


class Reactor:
    """Polls all connections of the server."""

    def __init__(self, sink: LogSink, *, write_timeout_s: float) -> None:
        self.write_timeout_s = write_timeout_s
        self.now_s = time.monotonic()
        """The current turn's time on the monotonic clock."""
        self.connections: dict[int, Polled] = {}
        self.handshakes: set[Polled] = set()
        """Those that are in the TLS handshake."""
        self.outgoing: list[Polled] = []
        """Those that have output at the end of the turn."""
        self.again: set[Polled] = set()
        """Those of which more may have been read than was given out: the kernel will not tell."""
        self.take_turn: Callable[[list[tuple[int, int]]], None] = lambda _: None
        """Answers the connections that are ready, given by descriptor and event."""
        self._sink = sink
        self._loop = asyncio.get_running_loop()
        self._listeners: dict[socket.socket, Callable[[socket.socket, Address], None]] = {}
        self._poller = make_poller(self._loop, self._turns)
        self._sweeper = self._loop.call_later(SWEEP_S, self._sweep)
        self._swept_s = self.now_s
        self._resting: set[socket.socket] = set()

    # --- listening

    def listen(self, listener: socket.socket, admit: Callable[[socket.socket, Address], None]) -> None:
        """Hand each connection that `listener` accepts to `admit`, which makes a session of it."""
        self._listeners[listener] = admit
        self._loop.add_reader(listener, self._accept, listener)

    def stop_listening(self) -> None:
        """Accept those that wait, so that they can be refused, and close all listeners."""
        for listener in self._listeners:
            while self._accept(listener):
                pass
            self._loop.remove_reader(listener)
            listener.close()
        self._listeners.clear()

    def _accept(self, listener: socket.socket) -> bool:
        """Accept connections, and return whether more may wait."""
        admit, may_wait = self._listeners[listener], False
        self.begin()
        for _ in range(ACCEPT_BATCH):
            try:
                sock, peer = listener.accept()
            except BlockingIOError:
                break
            except ConnectionAbortedError:  # it was reset while it waited
                continue
            except OSError as error:  # no descriptor left: try again at the next sweep
                structlog.get_logger().error("accept_failed", reason=error.strerror or str(error))
                self._loop.remove_reader(listener)
                self._resting.add(listener)
                break
            sock.setblocking(False)
            admit(sock, plain_address(peer))
        else:
            may_wait = True
        self.finish()
        return may_wait

    # --- polling

    def add(self, connection: Polled) -> None:
        """Poll a new connection."""
        self.connections[connection.fd] = connection
        connection.polled_for = READABLE
        self._poller.register(connection.fd, connection.polled_for)

    def forget(self, connection: Polled) -> None:
        """Poll a connection no longer; it is about to be closed."""
        self._poller.closing(connection.fd)
        del self.connections[connection.fd]
        self.again.discard(connection)

    def hand_over(self, connection: Polled) -> None:
        """Poll a connection no longer; its socket is about to get another one."""
        del self.connections[connection.fd]
        self._poller.unregister(connection.fd)

    def poll_for(self, connection: Polled, events: int) -> None:
        """Act when the connection is READABLE or WRITABLE; with NOTHING, only if it breaks."""
        if events != connection.polled_for:  # the end of each game would cost another system call
            connection.polled_for = events
            self._poller.modify(connection.fd, events)

    # --- turns

    def begin(self) -> None:
        """Begin a turn: outside of one, nothing may be logged of sessions or sent to them."""
        self.now_s = time.monotonic()
        self._sink.hold()

    def finish(self) -> None:
        """End a turn: write the log, then send the output."""
        self._sink.flush()
        while self.outgoing:
            outgoing, self.outgoing = self.outgoing, []
            for connection in outgoing:
                data, connection.output = connection.output or b"", None
                try:
                    sent = 0 if connection.slow else connection.sock.send(data)
                    if sent < len(data) or connection.ending:
                        connection.transmit(data[sent:])
                except AGAIN:
                    connection.transmit(data)
                except OSError as error:
                    connection.broken(error)
                except Exception:  # noqa: BLE001  as in a turn
                    connection.failed()
        self._sink.flush()
        if self.again:
            self._loop.call_soon(self._turns)

    def perform(self, action: Callable[[], None]) -> None:
        """Do something in a turn of its own."""
        self.begin()
        action()
        self.finish()

    def _turns(self) -> None:
        """Take turns as long as there are full ones."""
        for _ in range(TURNS):
            ready = self._poller.poll(TURN_CONNECTIONS)
            is_full = len(ready) == TURN_CONNECTIONS
            if self.again:
                # Once each: a second chunk answered in the same turn could overtake the first (clause F-3).
                polled = {fd for fd, _ in ready}
                ready += [(one.fd, READABLE) for one in self.again if one.fd not in polled]
                self.again.clear()
            self.begin()
            self.take_turn(ready)
            self.finish()
            if not is_full:
                break

    def _sweep(self) -> None:
        """Look at all deadlines, and resume what had to wait: the log, listeners without a descriptor."""
        self._sweeper = self._loop.call_later(SWEEP_S, self._sweep)
        self.begin()
        stood_still = self.now_s - self._swept_s > STANDSTILL_S
        self._swept_s = self.now_s
        for connection in [one for one in self.connections.values() if one.deadline_s <= self.now_s]:
            if stood_still:
                connection.deadline_s = self.now_s + CATCH_UP_S
                continue
            try:
                connection.timed_out()
            except Exception:  # noqa: BLE001  as in a turn
                connection.failed()
        self.finish()
        self._sink.drain_by(self._loop)
        for listener in self._resting:
            if listener in self._listeners:
                self._loop.add_reader(listener, self._accept, listener)
        self._resting.clear()

    def close(self) -> None:
        """Drop every connection, and stop."""
        self.stop_listening()
        self._sweeper.cancel()
        for connection in list(self.connections.values()):
            connection.drop()
        self._poller.close()
