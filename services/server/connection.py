"""One connection's socket: first byte, TLS handshake, buffered writes, orderly close.

What the bytes mean is the session's business; when a connection may act is the reactor's.
"""

from __future__ import annotations

import math
import random
import socket
import ssl
from enum import Enum, auto
from functools import partial
from typing import TYPE_CHECKING, Final, cast

import structlog

from services.server.poller import READABLE, WRITABLE
from services.server.reactor import AGAIN
from services.server.tls_socket import TlsSocket

if TYPE_CHECKING:
    from services.protocol.messages import Address
    from services.server.reactor import Reactor

CHUNK_OCTETS: Final = 448
"""What one turn reads of one connection: several lines, yet a flood starves nobody, and the object that
holds it still comes from Python's own small-object allocator (up to 512 octets with its header)."""

OUTBOX_OCTETS: Final = 1 << 20
"""What is kept for a peer that does not read: some seconds of a busy server's events, for one watcher."""

LINGER_S: Final = 1.0
"""How long the peer of a closed connection may take to close its side: several round trips around the world.
With the sweep's quarter of a second before and after it, nobody outstays a deadline by two seconds."""

LINGER_OCTETS: Final = 1 << 20
"""How much it may still send meanwhile; it is discarded."""

TLS_HANDSHAKE: Final = b"\x16"
"""The first byte of a TLS connection; no line of ASCII text begins with it."""

MOST_HANDSHAKES: Final = 2048
"""How many may be in the TLS handshake at once: OpenSSL keeps 50 KiB for each, three times as much as for a
player. One more displaces one of them at random: strangers who stop half-way are many, and stay for long."""

NO_OCTETS: Final = bytearray()
"""Shared by all connections that have nothing unsent: of ten thousand, hardly any has."""


class Stage(Enum):
    """Where a connection stands."""

    PEEKING = auto()
    """Waits for the first byte, which tells TLS from plain text."""
    TLS_HANDSHAKE = auto()
    """In the TLS handshake."""
    OPEN = auto()
    LINGERING = auto()
    """Everything is sent; waits for the peer to close (clause F-7)."""
    CLOSED = auto()


class Connection:
    """A non-blocking connection; what the reactor uses of it is `Polled`, which documents that."""

    __slots__ = ("_discarded_octets", "_unsent", "address", "deadline_s", "ending", "fd", "output",
                 "peer_ended", "polled_for", "reactor", "slow", "sock", "stage")  # fmt: skip

    polled_for: int

    def __init__(self, reactor: Reactor, sock: socket.socket, address: Address) -> None:
        self.reactor = reactor
        self.address = address
        self.fd = sock.fileno()
        self.stage = Stage.OPEN
        self.deadline_s = math.inf
        self.slow = self.ending = False
        self.output: bytes | None = None
        self._unsent = NO_OCTETS
        self.peer_ended = False
        """Whether the peer's stream has ended: nothing can overtake the last reply then."""
        self._discarded_octets = 0
        self.sock: socket.socket | TlsSocket = sock

    @property
    def raw(self) -> socket.socket:
        """The socket itself, below TLS."""
        return self.sock.raw if isinstance(self.sock, TlsSocket) else self.sock

    # --- what a session overrides

    def on_open(self) -> None:
        """Called when lines may come: at once, or after the TLS handshake."""

    def on_tls_started(self) -> None:
        """Called when the TLS handshake begins: bring `deadline_s` forward; `reset_deadline` sets it back."""

    def on_tls_failed(self, reason: str) -> None:
        """Called when the TLS handshake failed; the connection is closed after it."""

    def received(self, data: bytes) -> None:
        """Called with what was read; empty at the end of the peer's stream."""
        raise NotImplementedError

    def on_progress(self) -> None:
        """Called when the peer has taken some of what was kept for it."""

    def on_lost(self, reason: str) -> None:
        """Called when the connection broke or its buffer is full; nothing can be sent then."""
        raise NotImplementedError

    def on_closed(self) -> None:
        """Called when the socket is closed."""

    def refuse(self, reason: str) -> None:
        """Called to close the connection on the server's own account, with a reply."""
        raise NotImplementedError

    def failed(self) -> None:
        """Called after a mistake of our own, from where the exception is handled."""
        structlog.get_logger(session="", peer=str(self.address)).exception("session_failed")
        self.drop()

    def timed_out(self) -> None:
        """Called when `deadline_s` has passed on an open connection."""
        raise NotImplementedError

    # --- before the first line

    def peek(self) -> None:
        """Wait for the first byte; `choose_tls` is told whether it begins a TLS handshake."""
        self.stage = Stage.PEEKING
        self.slow = True

    def choose_tls(self, *, tls: bool) -> ssl.SSLContext | None:
        """Return the context to speak TLS with, or None for plain text."""
        raise NotImplementedError

    def _see_first_byte(self) -> None:
        first = self.raw.recv(1, socket.MSG_PEEK)
        if not first:
            self.open()
            if not self.ending:
                self.received(b"")
            return
        context = self.choose_tls(tls=first == TLS_HANDSHAKE)
        if context is None:
            if not self.ending:
                self.open()
            return
        handshakes = self.reactor.handshakes
        if len(handshakes) >= MOST_HANDSHAKES:
            random.choice(tuple(handshakes)).timed_out()  # noqa: S311  fair is enough
        handshakes.add(self)
        # Nothing was taken from the stream so far: what came before TLS is never used after it.
        self.sock = TlsSocket(self.raw, context, partial(self.reactor.again.add, self))
        self.stage = Stage.TLS_HANDSHAKE
        self.on_tls_started()

    def open(self) -> None:
        """Let lines come."""
        self.stage = Stage.OPEN
        self.slow = False
        self.on_open()

    def _continue_tls(self) -> None:
        try:
            cast("TlsSocket", self.sock).do_handshake()
        except ssl.SSLWantWriteError:
            self.reactor.poll_for(self, WRITABLE)
        except ssl.SSLWantReadError:
            self.reactor.poll_for(self, READABLE)
        except OSError as error:
            self.reactor.handshakes.discard(self)
            self.on_tls_failed(explain(error))
            # The alert that tells the peer why has been sent; a reset must not overtake it.
            self.end()
            self._linger()
        else:
            self.reactor.handshakes.discard(self)
            self.reactor.poll_for(self, READABLE)
            self.reset_deadline()
            self.open()
            self.reactor.again.add(self)  # a first line may have come with the handshake

    # --- bytes

    def write(self, data: bytes) -> None:
        """Send at the end of the turn, all of it in one write."""
        if self.output is None:
            self.output = data
            self.reactor.outgoing.append(self)
        else:
            self.output += data

    def step(self) -> None:
        """Do whatever is next for a connection that is slow; it is readable or writable."""
        try:
            if self.stage is Stage.LINGERING:
                self._discard()
            elif self.stage is Stage.PEEKING:
                self._see_first_byte()
            elif self.stage is Stage.TLS_HANDSHAKE:
                self._continue_tls()
            elif self._unsent:
                self._send_kept()
        except AGAIN:
            pass
        except OSError as error:
            self.broken(error)

    def transmit(self, data: bytes) -> None:
        """Send, or keep what the kernel does not take; close if the connection is ending and all is sent."""
        if self.stage is Stage.LINGERING or self.stage is Stage.CLOSED:
            return
        if self._unsent:
            self._unsent += data
        elif data:
            try:
                sent = self.sock.send(data)
            except AGAIN:
                sent = 0
            except OSError as error:
                self.broken(error)
                return
            if sent < len(data):
                # Backpressure: a peer that does not read its replies is not read either.
                self._unsent = bytearray(data[sent:])
                self.slow = True
                self.reactor.poll_for(self, WRITABLE)
                self.deadline_s = self.reactor.now_s + self.reactor.write_timeout_s
        if len(self._unsent) > OUTBOX_OCTETS:
            self.abort("outbox full")
        elif self.ending and not self._unsent:
            self._linger()

    def _send_kept(self) -> None:
        while self._unsent:
            sent = self.sock.send(self._unsent)
            del self._unsent[:sent]
            self.on_progress()
        if self.ending:
            self._linger()
        else:
            self.resume()
            self.reset_deadline()

    def resume(self) -> None:
        """Read again."""
        self.slow = False
        self.reactor.poll_for(self, READABLE)
        self.reactor.again.add(self)  # TLS may hold lines that came while nothing was read

    def reset_deadline(self) -> None:
        """Called when everything is sent that was kept: set `deadline_s` to what it should be."""
        raise NotImplementedError

    def broken(self, error: OSError) -> None:
        """Give up a connection that cannot be used any more."""
        self.abort(explain(error))

    def abort(self, reason: str) -> None:
        """Close without a reply, whatever is left to be sent."""
        if not self.ending:
            self.on_lost(reason)
        self.drop()

    @property
    def unsent_octets(self) -> int:
        """How much is kept for the peer."""
        return len(self._unsent)

    @property
    def is_blocked(self) -> bool:
        """Whether the peer has left replies unread."""
        return bool(self._unsent)

    # --- the end

    def end(self) -> None:
        """Close once everything is sent; what still comes is not used."""
        self.ending = True
        self.slow = True

    def _linger(self) -> None:
        """Close our side, and wait for the peer to close its own.

        A close() with unread input makes the kernel send a reset, which may overtake replies.
        """
        if isinstance(self.sock, TlsSocket):
            self.sock.unwrap()
            self.sock = self.sock.raw
        if self.peer_ended:
            self.drop()
            return
        self.stage = Stage.LINGERING
        self.deadline_s = self.reactor.now_s + LINGER_S
        try:
            self.raw.shutdown(socket.SHUT_WR)
        except OSError:
            self.drop()
            return
        self.reactor.poll_for(self, READABLE)

    def _discard(self) -> None:
        data = self.sock.recv(65536)
        self._discarded_octets += len(data)
        if not data or self._discarded_octets > LINGER_OCTETS:
            self.drop()

    def drop(self) -> None:
        """Close at once."""
        if self.stage is not Stage.CLOSED:
            self.stage = Stage.CLOSED
            self.slow = True
            self.reactor.handshakes.discard(self)
            self.reactor.forget(self)
            self.sock.close()
            self.on_closed()


def explain(error: OSError) -> str:
    """Return what happened to a connection, in a few words for the log."""
    if isinstance(error, ssl.SSLCertVerificationError):
        return f"TLS: {error.verify_message}"
    if isinstance(error, ssl.SSLError):
        return f"TLS: {(error.reason or 'failed').replace('_', ' ').lower()}"
    if isinstance(error, ConnectionResetError):
        return "connection reset"
    if isinstance(error, BrokenPipeError):
        return "peer gone"
    return (error.strerror or "connection failed").lower()
