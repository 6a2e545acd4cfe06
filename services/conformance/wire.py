"""One TCP connection, blocking, with a deadline for every wait; it remembers what was said for the report."""

import contextlib
import socket
import ssl
import struct
import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Final, NoReturn

from services.conformance.results import Finding

CRLF: Final = b"\r\n"
CHUNK_OCTETS: Final = 65536
SHOWN_OCTETS: Final = 160
"""A conversation shows at most this much of what was sent or came at once."""
SHOWN_ENTRIES: Final = 16
"""A conversation shows its last entries only."""


class MismatchError(Exception):
    """What came is not what the clause asks for."""

    def __init__(self, finding: Finding) -> None:
        super().__init__(finding.note or finding.expected)
        self.finding = finding


class NotApplicableError(Exception):
    """The check has no object here; the message says why."""


@dataclass(frozen=True, slots=True)
class Pace:
    """How long the kit waits."""

    patience_s: float = 2.0
    """For something that is owed."""
    quiet_s: float = 0.25
    """For something that must not come: silence this long is believed."""


@dataclass(frozen=True, slots=True)
class Opening:
    """How a port is reached."""

    host: str
    port: int
    tls: ssl.SSLContext | None = None

    def __str__(self) -> str:
        return f"{self.host} port {self.port}"

    def connect(self, pace: Pace, prepare: Callable[[socket.socket], None] = lambda _: None) -> "Wire":
        """Open a connection; `prepare` sets options on the socket before it connects.

        Raises:
            OSError: there is nobody, or the encryption failed.
        """
        problem: OSError | None = None
        for family, kind, number, _, address in socket.getaddrinfo(
            self.host, self.port, type=socket.SOCK_STREAM
        ):
            raw = socket.socket(family, kind, number)
            raw.settimeout(pace.patience_s)
            try:
                prepare(raw)
                raw.connect(address)
                # Pieces that a check cuts have to leave as they are.
                raw.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
                wrapped = self.tls.wrap_socket(raw, server_hostname=self.host) if self.tls else raw
            except OSError as error:
                raw.close()
                problem = error
            else:
                return Wire(wrapped, pace)
        raise problem or OSError(f"{self.host} has no address")


def shown(data: bytes) -> str:
    """Spell bytes for a report: printable ASCII as it is, the rest escaped, cut when long."""
    cut = data[:SHOWN_OCTETS]
    text = "".join(chr(octet) if 32 <= octet < 127 and octet != 92 else _ESCAPES.get(octet, f"\\x{octet:02x}")
                   for octet in cut)  # fmt: skip
    rest = len(data) - len(cut)
    return f"{text}… and {rest} octets more" if rest else text


_LINGER_RESET: Final = struct.pack("ii", 1, 0)
_ESCAPES: Final = {0x0D: "\\r", 0x0A: "\\n", 0x09: "\\t", 0x5C: "\\\\"}


class Wire:
    """One connection. Whatever disappoints raises a MismatchError that shows the conversation so far."""

    def __init__(self, sock: socket.socket, pace: Pace) -> None:
        self._sock = sock
        self.pace = pace
        self.terminator = CRLF
        """What `say` ends a line with; a server's dialect may want another."""
        self.gap_s: float | None = None
        """So much silence ends a line of a peer that does not end its lines itself."""
        self.delays_acknowledgement = False
        """Whether to acknowledge late, so that replies in two writes come in two pieces."""
        self._buffer = b""
        self._said: list[tuple[str, bytes]] = []
        self.ended = ""
        """How the peer's side of the stream ended, in words; empty while it is open."""
        self.pieces: list[bytes] = []
        """All that came, as the kernel handed it over."""
        self.address: tuple[str, int] = sock.getsockname()[:2]

    # --- to the peer

    def say(self, *lines: str) -> None:
        """Send lines, all of them in one write."""
        self.send(b"".join(line.encode() + self.terminator for line in lines))

    def send(self, data: bytes) -> None:
        """Send bytes as they are. A peer that has gone shows in what is read next."""
        self._said.append((">", data))
        self._sock.settimeout(self.pace.patience_s)
        with contextlib.suppress(OSError):
            self._sock.sendall(data)

    def half_close(self) -> None:
        """Say that nothing more will be sent.

        Raises:
            NotApplicableError: the connection is encrypted, and TLS knows no half-closing.
        """
        if isinstance(self._sock, ssl.SSLSocket):
            raise NotApplicableError("an encrypted connection cannot be half-closed")
        self._said.append((">", b"(half-closed: nothing more will be sent)"))
        with contextlib.suppress(OSError):
            self._sock.shutdown(socket.SHUT_WR)

    def reset(self) -> None:
        """Break the connection off, as a crash or a cut cable would."""
        with contextlib.suppress(OSError):
            self._sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, _LINGER_RESET)
        self._sock.close()

    def close(self) -> None:
        """Close; closing again does nothing.

        Where the peer has closed already, a reset spares it the connection's time-wait: a server that lacks
        SO_REUSEADDR could not be restarted otherwise, and is told so by one check alone.
        """
        with contextlib.suppress(OSError):
            self._sock.settimeout(0)
            if self.ended or not self._sock.recv(CHUNK_OCTETS):
                self._sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, _LINGER_RESET)
        self._sock.close()

    # --- from the peer

    def line(self, expected: str) -> str:
        """Return the next line without its end; octets that are no ASCII are escaped."""
        return self.line_octets(expected).rstrip(b"\r\n").decode("ascii", "backslashreplace")

    def line_octets(self, expected: str) -> bytes:
        """Return the next line as it came, its end included."""
        deadline = time.monotonic() + self.pace.patience_s
        while b"\n" not in self._buffer:
            if self.gap_s is not None and self._buffer:
                deadline = min(deadline, time.monotonic() + self.gap_s)
            if not self.receive(deadline):
                break
        if not self._buffer:
            self.fail(expected, self.ended or f"nothing within {self.pace.patience_s:g} s")
        head, newline, self._buffer = self._buffer.partition(b"\n")
        return head + newline

    def expect(self, *texts: str) -> None:
        """Take the next lines to be exactly these."""
        for text in texts:
            came = self.line(f"the line {text!r}")
            if came != text:
                self.fail(f"the line {text!r}", f"{came!r}")

    def expect_end(self, after: str = "") -> None:
        """Take nothing more to come, and the peer to close properly."""
        expected = f"the connection to be closed{after and ' after '}{after}"
        deadline = time.monotonic() + self.pace.patience_s
        while not self._buffer and self.receive(deadline):
            pass
        if self._buffer:
            self.fail(expected, f"{shown(self._buffer)!s}")
        if not self.ended:
            self.fail(expected, f"the connection was still open after {self.pace.patience_s:g} s")
        if self.was_reset:
            self.fail(expected, self.ended)

    def expect_silence(self, expected: str) -> None:
        """Take nothing to come for a while, the connection staying open."""
        deadline = time.monotonic() + self.pace.quiet_s
        while not self._buffer and self.receive(deadline):
            pass
        if self._buffer or self.ended:
            self.fail(expected, shown(self._buffer) if self._buffer else self.ended)

    def rest(self, within_s: float | None = None) -> bytes:
        """Return whatever still comes until the peer closes, or until the deadline."""
        deadline = time.monotonic() + (self.pace.patience_s if within_s is None else within_s)
        while self.receive(deadline):
            pass
        data, self._buffer = self._buffer, b""
        return data

    def skip(self, count: int, expected: str) -> None:
        """Take so many lines, whatever they say."""
        deadline = time.monotonic() + self.pace.patience_s
        while self._buffer.count(b"\n") < count:
            if not self.receive(deadline):
                self.fail(expected, self.ended or f"nothing within {self.pace.patience_s:g} s")
        for _ in range(count):
            self._buffer = self._buffer[self._buffer.index(b"\n") + 1 :]

    def pending(self) -> bytes:
        """Return what has come and was not asked for yet, without waiting."""
        return self._buffer

    @property
    def was_reset(self) -> bool:
        """Whether the peer broke the connection off."""
        return self.ended.startswith("a reset")

    def receive(self, deadline: float) -> bytes:
        """Return the next piece as the kernel hands it over; nothing at the deadline or at the end."""
        remaining = deadline - time.monotonic()
        if self.ended or remaining <= 0:
            return b""
        try:
            self._sock.settimeout(remaining)
            _acknowledge(self._sock, late=self.delays_acknowledgement)
            data = self._sock.recv(CHUNK_OCTETS)
        except TimeoutError:
            return b""
        except OSError as error:
            self._end(f"a reset of the connection ({error.strerror or error})")
            return b""
        if not data:
            self._end("the end of the stream")
            return b""
        self._said.append(("<", data))
        self.pieces.append(data)
        self._buffer += data
        return data

    def _end(self, how: str) -> None:
        self.ended = how
        self._said.append(("<", b"(" + how.encode() + b")"))

    # --- for the report

    def fail(self, expected: str, came: str, note: str = "") -> NoReturn:
        """Say what was wrong.

        Raises:
            MismatchError: always.
        """
        raise MismatchError(Finding(expected, came, self.conversation(), note))

    def conversation(self) -> tuple[str, ...]:
        """Return what was said so far, escaped, `>` by the kit and `<` by the peer."""
        entries = [f"{mark} {shown(data)}" for mark, data in self._said]
        hidden = len(entries) - SHOWN_ENTRIES
        return (f"({hidden} earlier entries)", *entries[-SHOWN_ENTRIES:]) if hidden > 0 else tuple(entries)


def _acknowledge(sock: socket.socket, *, late: bool) -> None:
    # A peer that writes a reply in two pieces has the second one held back by its kernel until the first is
    # acknowledged. Taking time for that makes split replies visible that would else be seen by luck only;
    # taking none spares all other checks the wait.
    if hasattr(socket, "TCP_QUICKACK"):
        with contextlib.suppress(OSError):
            sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_QUICKACK, int(not late))
