"""One TCP connection, blocking, with a deadline for every wait; what happens on it is recorded."""

import contextlib
import ipaddress
import math
import re
import socket
import ssl
import struct
import unicodedata
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, Final, NoReturn

from services.conformance.clock import Clock, Deadline, WallDeadline
from services.conformance.results import Finding
from services.conformance.timeline import EventKind, Recorder
from services.protocol.printable import printable_octets

CRLF: Final = b"\r\n"
NOTHING: Final = "nothing"
"""What came where a wait was over."""
CHUNK_OCTETS: Final = 65536
MOST_OCTETS: Final = 16 << 20
"""A peer that sends more than this on one connection is not read any further."""
SHOWN_OCTETS: Final = 160
"""A sentence of a report quotes at most this much of what came."""

LOST_S: Final = 0.1
"""On one machine, a connection that takes longer than this was not noticed by the server's kernel."""
SHOWN_LINES: Final = 8
"""And at most so many lines."""


class MismatchError(Exception):
    """What came is not what the clause asks for."""

    def __init__(self, finding: Finding) -> None:
        super().__init__(finding.note or finding.expected)
        self.finding = finding


class NoConnectionError(MismatchError):
    """No connection could be opened at all."""


class NotApplicableError(Exception):
    """The check has no object here; the message says why."""


class NotJudgedError(Exception):
    """What came before the check's question did not get far enough to tell; the message says what."""


@dataclass(frozen=True, slots=True)
class Timing:
    """How long the kit waits; `Clock` says for how long the program has to have nothing to do."""

    timeout_s: float = 1.2
    """For something that is owed."""
    quiet_s: float = 0.25
    """For something that must not come: silence this long is believed."""
    quiet_most_s: float = math.inf
    """However slow the machine, silence is waited for no longer: the server's own timeouts would end it."""
    connect_s: float = 4.0
    """For a connection to another machine: a lost SYN is sent again after 1 s and after 3 s."""


@dataclass(frozen=True, slots=True)
class Endpoint:
    """How a port is reached."""

    host: str
    port: int
    tls: ssl.SSLContext | None = None
    name: str = "player"
    """Which port of the protocol it is: `player` or `admin`."""

    def __str__(self) -> str:
        return f"{self.host} port {self.port}"

    def connect(
        self,
        timing: Timing,
        clock: Clock,
        recorder: Recorder,
        prepare: Callable[[socket.socket], None] = lambda _: None,
    ) -> "Connection":
        """Open a connection; `prepare` sets options on the socket before it connects.

        Raises:
            OSError: there is nobody, or the encryption failed.
        """
        problem: OSError | None = None
        addresses = socket.getaddrinfo(self.host, self.port, type=socket.SOCK_STREAM)
        # IPv4 first, for which the protocol's lists were made; IPv6 for who listens there alone.
        for found in sorted(addresses, key=lambda found: found[0] is socket.AF_INET6):
            try:
                raw = _connected(found, prepare, timing, clock)
            except OSError as error:
                problem = error
                continue
            try:
                raw.settimeout(timing.connect_s)
                # Pieces that a check cuts have to leave as they are.
                raw.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
                wrapped = (
                    self._encrypted(raw, self.tls, clock.deadline(timing.timeout_s)) if self.tls else raw
                )
            except OSError as error:
                raw.close()
                problem = error
            else:
                return Connection(wrapped, timing, clock, recorder, self.name)
        problem = problem or OSError(f"{self.host} has no address")
        recorder.note(EventKind.NOT_OPENED, text=f"{self}: {in_words(problem)}")
        raise problem

    def _encrypted(self, raw: socket.socket, tls: ssl.SSLContext, deadline: Deadline) -> ssl.SSLSocket:
        wrapped = tls.wrap_socket(raw, server_hostname=self.host, do_handshake_on_connect=False)
        while True:
            wrapped.settimeout(deadline.remaining_s())
            try:
                wrapped.do_handshake()
            except TimeoutError:
                if deadline.over:
                    wrapped.close()
                    raise
            except OSError:
                wrapped.close()
                raise
            else:
                return wrapped


def _connected(
    found: tuple[Any, ...], prepare: Callable[[socket.socket], None], timing: Timing, clock: Clock
) -> socket.socket:
    """Return a socket that is connected to an address, as getaddrinfo has found it.

    Raises:
        OSError: there is nobody, or no answer came.
    """
    family, kind, number, _, address = found
    # On one machine the answer comes at once, however busy the program is; none comes where its queue is
    # full, as it does not accept. The kernel asks again after 1 s, then after 3 s: by then a class of thirty
    # would have waited for minutes.
    near = ipaddress.ip_address(address[0]).is_loopback
    deadline = clock.deadline(timing.timeout_s) if near else WallDeadline(timing.connect_s)
    while True:
        raw = socket.socket(family, kind, number)
        raw.settimeout(LOST_S if near else timing.connect_s)
        try:
            prepare(raw)
            raw.connect(address)
        except TimeoutError:
            with contextlib.suppress(OSError):
                raw.getpeername()
                return raw  # the answer came in this moment: the server has a connection of us
            raw.close()
            if deadline.over:
                raise
        except OSError:
            raw.close()
            raise
        else:
            return raw


def shown(data: bytes, most: int = SHOWN_OCTETS, octets: int | None = None) -> str:
    """Spell bytes for a report: printable ASCII as it is, the rest escaped, cut when long.

    `octets` is how many there were, where `data` is but the beginning of them.
    """
    cut = data[:most]
    text, whole = printable_octets(cut), len(data) if octets is None else octets
    return f"{text}… ({whole} octets in all)" if whole > len(cut) else text


def quoted(text: str) -> str:
    """Spell a line for a report, whatever is in it: no report shows how a language of programming has it."""
    escaped = "".join(letter if letter.isprintable() else _escaped(letter) for letter in text)
    return f"'{escaped}'"


def _escaped(letter: str) -> str:
    return letter.encode("unicode_escape").decode()


def named(text: str) -> str:
    """Quote what was sent; letters beyond ASCII are named, and of a long line it is said how long it was."""
    notes = [
        f"{letter} is {unicodedata.name(letter, 'a letter').lower()}, sent as "
        f"{printable_octets(letter.encode())}"
        for letter in dict.fromkeys(text)
        if not letter.isascii()
    ]
    cut = text
    if len(text) > SHOWN_OCTETS:
        cut = f"{text[:SHOWN_OCTETS]}…"
        notes.append(f"{len(text.encode())} octets in all")
    return f"{quoted(cut)} ({'; '.join(notes)})" if notes else quoted(text)


def quoted_lines(lines: Sequence[str]) -> str:
    """Spell lines for a report, side by side; of many lines the first ones."""
    if not lines:
        return "nothing"
    rest = len(lines) - SHOWN_LINES
    shown_lines = ", ".join(quoted(line) if line else "an empty line" for line in lines[:SHOWN_LINES])
    return f"{shown_lines}… and {rest} lines more" if rest > 0 else shown_lines


def in_words(error: OSError) -> str:
    """Say why a connection failed, in the words of the system, or of TLS."""
    if isinstance(error, ssl.SSLError) and error.reason:
        return f"TLS: {error.reason.lower().replace('_', ' ')}"
    # A handshake that takes too long is told with a line of OpenSSL's wrapper.
    return error.strerror or re.sub(r"^_ssl\.c:\d+: ", "", str(error))


_LINGER_RESET: Final = struct.pack("ii", 1, 0)


class Connection:
    """One connection. Whatever disappoints raises a MismatchError and is marked in the timeline."""

    def __init__(
        self, sock: socket.socket, timing: Timing, clock: Clock, recorder: Recorder, port: str
    ) -> None:
        self._sock = sock
        self.timing = timing
        self.clock = clock
        self._recorder = recorder
        self.terminator = CRLF
        """What `send_lines` ends a line with; a server's dialect may want another."""
        self.gap_s: float | None = None
        """So much silence ends a line of a peer that does not end its lines itself."""
        self.delays_acknowledgement = False
        """Whether to acknowledge late, so that replies in two writes come in two pieces."""
        self._buffer = b""
        self._received = 0
        self.closed = False
        """Whether the kit has closed it."""
        self.ended = ""
        """How the peer's side of the stream ended, in words; empty while it is open."""
        self.pieces: list[bytes] = []
        """All that came, as the kernel handed it over."""
        self.address: tuple[str, int] = sock.getsockname()[:2]
        peer = ""
        # Who has broken off already has no address any more.
        with contextlib.suppress(OSError):
            peer = _spelled(sock.getpeername())
        self.number = recorder.opened(port, _spelled(self.address), peer)

    # --- to the peer

    def send_lines(self, *lines: str) -> None:
        """Send lines, all of them in one write."""
        self.send(b"".join(line.encode() + self.terminator for line in lines))

    def send(self, data: bytes) -> None:
        """Send bytes as they are. A peer that has gone, or does not read, shows in what is read next."""
        self._note(EventKind.SENT, data)
        deadline = self.clock.deadline(self.timing.timeout_s)
        view = memoryview(data)
        with contextlib.suppress(OSError):
            while view and not deadline.over:
                self._sock.settimeout(deadline.remaining_s())
                with contextlib.suppress(TimeoutError):
                    view = view[self._sock.send(view) :]

    def half_close(self) -> None:
        """Say that nothing more will be sent.

        Raises:
            NotApplicableError: the connection is encrypted, and TLS knows no half-closing.
        """
        if isinstance(self._sock, ssl.SSLSocket):
            raise NotApplicableError("an encrypted connection cannot be half-closed")
        self._note(EventKind.HALF_CLOSED)
        with contextlib.suppress(OSError):
            self._sock.shutdown(socket.SHUT_WR)

    def send_last_lines(self, *lines: str) -> None:
        """Send lines and say that nothing more will be sent: in one segment, where the system knows how.

        Raises:
            NotApplicableError: the connection is encrypted.
        """
        if hasattr(socket, "TCP_CORK"):
            with contextlib.suppress(OSError):
                self._sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_CORK, 1)
        self.send_lines(*lines)
        self.half_close()

    def reset(self) -> None:
        """Break the connection off, as a crash or a cut cable would."""
        if self.closed:
            return
        self.closed = True
        self._note(EventKind.RESET)
        with contextlib.suppress(OSError):
            self._sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, _LINGER_RESET)
        self._sock.close()

    def close(self) -> None:
        """Close; closing again does nothing. What has come is read before: the kernel would reset it else."""
        if self.closed:
            return
        self.closed = True
        self._note(EventKind.CLOSED)
        with contextlib.suppress(OSError):
            self._sock.settimeout(0)
            for _ in range(MOST_OCTETS // CHUNK_OCTETS):
                if not self._sock.recv(CHUNK_OCTETS):
                    break
        self._sock.close()

    # --- from the peer

    def read_line(self, expected: str) -> str:
        """Return the next line without its end; octets that are no ASCII are escaped."""
        return self.read_line_octets(expected).rstrip(b"\r\n").decode("ascii", "backslashreplace")

    def read_line_octets(self, expected: str) -> bytes:
        """Return the next line as it came, its end included."""
        self._note(EventKind.EXPECTED, text=expected)
        deadline = self.clock.deadline(self.timing.timeout_s)
        while b"\n" not in self._buffer:
            if self.gap_s is not None and self._buffer:
                deadline = self.clock.deadline(self.gap_s)
            if not self.receive(deadline):
                break
        if not self._buffer:
            self.fail(expected, self.ended or nothing_within(deadline))
        head, newline, self._buffer = self._buffer.partition(b"\n")
        return head + newline

    def expect(self, text: str, why: str = "") -> None:
        """Take the next line to be exactly this."""
        expected = f"the line {quoted(text)}{why and ', '}{why}"
        came = self.read_line(expected)
        if came != text:
            self.fail(expected, quoted(came))

    def expect_end(self, after: str = "") -> None:
        """Take nothing more to come, and the peer to close properly."""
        expected = f"the connection to be closed{after and ' after '}{after}"
        self._note(EventKind.EXPECTED, text=expected)
        deadline = self.clock.deadline(self.timing.timeout_s)
        while not self._buffer and self.receive(deadline):
            pass
        if self._buffer:
            self.fail(expected, f"'{shown(self._buffer)}'")
        if not self.ended:
            self.fail(expected, f"the connection was still open: {nothing_within(deadline)}")
        if self.was_reset:
            self.fail(expected, self.ended)

    def expect_silence(self, expected: str, note: str = "") -> None:
        """Take nothing to come for a while, the connection staying open."""
        self._note(EventKind.EXPECTED, text=expected)
        deadline = self.clock.deadline(self.timing.quiet_s, self.timing.quiet_most_s)
        while not self._buffer and self.receive(deadline):
            pass
        if self._buffer or self.ended:
            self.fail(expected, f"'{shown(self._buffer)}'" if self._buffer else self.ended, note)

    def read_rest(self, within_s: float | None = None) -> bytes:
        """Return whatever still comes until the peer closes, or until the deadline."""
        deadline = self.clock.deadline(self.timing.timeout_s if within_s is None else within_s)
        while self.receive(deadline):
            pass
        data, self._buffer = self._buffer, b""
        return data

    def skip_lines(self, count: int, expected: str) -> None:
        """Take so many lines, whatever they say."""
        deadline = self.clock.deadline(self.timing.timeout_s)
        while self._buffer.count(b"\n") < count:
            if not self.receive(deadline):
                self.fail(expected, self.ended or nothing_within(deadline))
        for _ in range(count):
            self._buffer = self._buffer[self._buffer.index(b"\n") + 1 :]

    def read_faster(self) -> None:
        """Take in more at once: for a connection that was opened to take in little."""
        with contextlib.suppress(OSError):
            self._sock.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, MOST_OCTETS)

    def pending(self) -> bytes:
        """Return what has come and was not asked for yet, without waiting."""
        return self._buffer

    @property
    def is_open(self) -> bool:
        """Whether neither side has ended it."""
        return not (self.ended or self.closed)

    @property
    def was_reset(self) -> bool:
        """Whether the peer broke the connection off."""
        return self.ended.startswith("a reset")

    def receive(self, deadline: Deadline | WallDeadline) -> bytes:
        """Return the next piece as the kernel hands it over; nothing at the deadline or at the end."""
        while not (self.ended or self.closed or deadline.over):
            try:
                self._sock.settimeout(deadline.remaining_s())
                _acknowledge(self._sock, late=self.delays_acknowledgement)
                data = self._sock.recv(CHUNK_OCTETS)
            except TimeoutError:
                continue
            except OSError as error:
                self.ended = f"a reset of the connection ({in_words(error)})"
                self._note(EventKind.PEER_RESET, text=self.ended)
                break
            if not data:
                self.ended = "the end of the stream: the program has closed"
                self._note(EventKind.PEER_CLOSED)
                break
            self._note(EventKind.RECEIVED, data)
            self.pieces.append(data)
            self._buffer += data
            self._received += len(data)
            if self._received > MOST_OCTETS:
                self.fail("replies to what was sent", f"more than {MOST_OCTETS >> 20} MiB")
            return data
        return b""

    # --- for the report

    def last_line(self) -> str:
        """Return what came last, spelled for a report."""
        return shown(self.pieces[-1]) if self.pieces else "nothing"

    def now(self) -> float:
        """Return the time of the timeline."""
        return self._recorder.now()

    def fail(self, expected: str, came: str, note: str = "", at_s: float | None = None) -> NoReturn:
        """Say what was wrong, now or at a time of the timeline.

        Raises:
            MismatchError: always.
        """
        self._recorder.mark(self.number, f"expected {expected}; came {came}", at_s)
        raise MismatchError(Finding(expected, came, note))

    def _note(self, kind: EventKind, data: bytes = b"", *, text: str = "") -> None:
        self._recorder.note(kind, self.number, data=data, text=text)


def _spelled(address: tuple[Any, ...]) -> str:
    # A socket for both families spells an address of IPv4 as one of IPv6.
    return f"{address[0].removeprefix('::ffff:')} {address[1]}"


def nothing_within(deadline: Deadline | WallDeadline) -> str:
    """Say that a wait was over before anything came."""
    if deadline.computed:
        return f"{NOTHING}, while the program used {deadline.limit_s:g} s of processor time"
    return f"{NOTHING} within {deadline.limit_s:g} s"


def is_silence(came: str) -> bool:
    """Tell whether what is said to have come is that a wait was over."""
    return came == NOTHING or f"{NOTHING} within " in came or f"{NOTHING}, while " in came


def _acknowledge(sock: socket.socket, *, late: bool) -> None:
    # A peer that writes a reply in two pieces has the second one held back by its kernel until the first is
    # acknowledged. Taking time for that makes split replies visible that would else be seen by luck only;
    # taking none spares all other checks the wait.
    if hasattr(socket, "TCP_QUICKACK"):
        with contextlib.suppress(OSError):
            sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_QUICKACK, int(not late))
