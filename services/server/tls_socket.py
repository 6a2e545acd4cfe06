"""TLS on a non-blocking socket, fed a bounded number of raw octets at a time.

`ssl.SSLSocket` reads records until one has data. A client that sends records without any, key updates say,
keeps it reading for as long as it sends. Here OpenSSL sees one chunk of what has arrived in each `recv`.
"""

from __future__ import annotations

import contextlib
import ssl
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    import socket
    from collections.abc import Callable, Mapping

RAW_CHUNK_OCTETS: Final = 2048
"""What is read of the kernel at once: a whole line with its record, or some seventy key updates (a tenth of a
millisecond)."""

DATALESS_OCTETS: Final = 1 << 16
"""How many octets a peer may send in a row without any data in them: four of the longest records."""

RECORD_OCTETS: Final = 1 << 14
"""The most data that one record carries."""


class DatalessError(ssl.SSLError):
    """The peer sends records, and no data in them."""

    def __init__(self) -> None:
        super().__init__("too many records without data")
        self.reason = "TOO_MANY_RECORDS_WITHOUT_DATA"  # as OpenSSL spells its own


class TlsSocket:
    """Has the methods of a socket that a connection uses; `raw` is the socket below it."""

    __slots__ = ("_accepted_octets", "_dataless_octets", "_has_more", "_incoming", "_on_pending", "_outgoing",
                 "_tls", "_unsent", "raw")  # fmt: skip

    def __init__(self, raw: socket.socket, context: ssl.SSLContext, on_pending: Callable[[], object]) -> None:
        """Begin as the server; `on_pending` is called when there may be data that no poll will tell of."""
        self.raw = raw
        self._incoming = ssl.MemoryBIO()
        self._outgoing = ssl.MemoryBIO()
        self._tls = context.wrap_bio(self._incoming, self._outgoing, server_side=True)
        self._on_pending = on_pending
        self._has_more = False
        """Whether OpenSSL may have data without another look at the kernel."""
        self._unsent = b""
        """Encrypted, and not yet taken by the kernel."""
        self._accepted_octets = 0
        """How many octets of data that is, of the `send` that has to be repeated."""
        self._dataless_octets = 0

    def do_handshake(self) -> None:
        """Go on with the handshake.

        Raises:
            ssl.SSLWantReadError: more of the peer's has to come.
            ssl.SSLWantWriteError: what is to be sent does not fit now.
            OSError: it failed; the alert that says why is sent.
        """
        self._flush()
        try:
            try:
                self._tls.do_handshake()
            except ssl.SSLWantReadError:
                self._feed()
                self._tls.do_handshake()
        finally:
            self._flush()
        self._has_more = bool(self._incoming.pending)  # a first line may have come with the handshake
        self._dataless_octets = 0

    def recv(self, octets: int) -> bytes:
        """Return data, or nothing at the end of the stream.

        Raises:
            ssl.SSLWantReadError: there is none in what OpenSSL was given.
            DatalessError: too much has come without any.
        """
        if not self._has_more:
            self._feed()
        try:
            data = self._tls.read(octets)
        except ssl.SSLWantReadError:
            self._has_more = False
            self._flush_some()  # the answer to a key update
            raise
        except ssl.SSLEOFError:  # closed without saying so, as a plain peer does
            return b""
        except ssl.SSLError:
            self._flush_some()  # the alert that says why
            raise
        self._dataless_octets = 0
        self._has_more = bool(self._incoming.pending) or len(data) == octets
        if self._has_more:
            self._on_pending()
        return data

    def send(self, data: bytes | bytearray) -> int:
        """Send some of the data, and return how much.

        As with OpenSSL: what is encrypted must be sent, so after an error `data` must begin as it did before.

        Raises:
            ssl.SSLWantWriteError: the kernel takes no more now.
        """
        self._flush()
        if self._accepted_octets:
            accepted, self._accepted_octets = self._accepted_octets, 0
            return accepted
        accepted = self._tls.write(data if len(data) <= RECORD_OCTETS else data[:RECORD_OCTETS])
        try:
            self._flush()
        except ssl.SSLWantWriteError:
            self._accepted_octets = accepted
            raise
        return accepted

    def unwrap(self) -> None:
        """Announce the end, as far as the kernel takes it; the peer's own is not waited for."""
        with contextlib.suppress(OSError):
            self._tls.unwrap()
        self._flush_some()

    def getpeercert(self) -> Mapping[str, object] | None:
        """Return the peer's certificate, as `ssl.SSLSocket.getpeercert` does."""
        return self._tls.getpeercert()

    def close(self) -> None:
        """Close at once."""
        self.raw.close()
        # Who is called holds this socket: the two would keep OpenSSL's memory until garbage is collected.
        self._on_pending = lambda: None

    def _feed(self) -> None:
        try:
            raw = self.raw.recv(RAW_CHUNK_OCTETS)
        except BlockingIOError:
            raise ssl.SSLWantReadError from None
        if not raw:
            self._incoming.write_eof()
            return
        self._dataless_octets += len(raw)
        if self._dataless_octets > DATALESS_OCTETS:
            raise DatalessError
        self._incoming.write(raw)

    def _flush(self) -> None:
        """Send all that is encrypted.

        Raises:
            ssl.SSLWantWriteError: the kernel takes no more now.
        """
        if self._outgoing.pending:
            self._unsent += self._outgoing.read()
        if self._unsent:
            try:
                self._unsent = self._unsent[self.raw.send(self._unsent) :]
            except BlockingIOError:
                raise ssl.SSLWantWriteError from None
            if self._unsent:
                raise ssl.SSLWantWriteError

    def _flush_some(self) -> None:
        with contextlib.suppress(OSError):
            self._flush()
