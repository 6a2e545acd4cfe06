"""The load: one process, one epoll set, closed loop.

A connection sends once its last reply has come, and not before: the load never outruns the server. Each
reply is compared with the one expected. What the generator itself costs, as much as a lean server does,
limits the rate that it can show; the server's own processor time, which the caller takes, has no such limit.
"""

import gc
import select
import socket
import ssl
import time
from abc import ABC, abstractmethod
from typing import Final, NamedTuple, Self

from benchmarks.plan import Kind, Load

HOST: Final = "127.0.0.1"
HELLO, GREETINGS = b"Hello\r\n", b"Greetings\r\n"
GAME, READY = b"Game\r\n", b"Ready\r\n"
GUESSES: Final = tuple(b"My Guess is: %d\r\n" % number for number in range(31))
THE_GUESS: Final = GUESSES[15]
CORRECT: Final = b"Correct\r\n"

REPLY_OCTETS: Final = 448
"""Enough for sixteen replies, and so little that Python keeps such a buffer at hand."""
PATIENCE_S: Final = 10
IP_BIND_ADDRESS_NO_PORT: Final = 24  # linux/in.h; the socket module does not name it
SOURCES: Final = tuple(f"127.0.0.{last}" for last in range(1, 9))
"""A port that was closed rests for a while: with one address, `connections` would run out of them."""


class LoadError(Exception):
    """The server did not do what the load expects."""


class Tally(NamedTuple):
    """What was done in a stretch of time."""

    done: int
    took_s: float
    latencies_ns: list[int]


class Target(NamedTuple):
    """Whom to load."""

    port: int
    tls: ssl.SSLContext | None = None


def connect(target: Target, source: str = HOST) -> socket.socket:
    """Connect; with TLS, the handshake is still to come."""
    sock = socket.socket()
    sock.settimeout(PATIENCE_S)
    sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    sock.setsockopt(socket.IPPROTO_IP, IP_BIND_ADDRESS_NO_PORT, 1)
    sock.bind((source, 0))
    try:
        sock.connect((HOST, target.port))
    except OSError:
        sock.close()
        raise
    if target.tls:
        return target.tls.wrap_socket(sock, server_hostname="localhost", do_handshake_on_connect=False)
    return sock


def ask(sock: socket.socket, line: bytes) -> bytes:
    """Send a line and return the reply to it."""
    sock.sendall(line)
    return sock.recv(REPLY_OCTETS)


def open_player(target: Target) -> socket.socket:
    """Return a connection that plays."""
    sock = connect(target)
    try:
        if isinstance(sock, ssl.SSLSocket):
            sock.do_handshake()
        replies = ask(sock, HELLO), ask(sock, GAME)
    except OSError:
        sock.close()
        raise
    if replies != (GREETINGS, READY):
        sock.close()
        raise LoadError(f"the handshake was answered {replies!r}")
    return sock


class Driver(ABC):
    """Connections under one kind of load."""

    def __init__(self, target: Target, load: Load) -> None:
        self._target = target
        self._load = load
        self._epoll = select.epoll()
        self._sockets: dict[int, socket.socket] = {}

    def __enter__(self) -> Self:
        """Open the connections and send the first requests."""
        try:
            self._open()
        except OSError as error:
            self.__exit__()
            raise LoadError(f"connecting failed: {error}") from error
        return self

    def __exit__(self, *_: object) -> None:
        for sock in self._sockets.values():
            sock.close()
        self._epoll.close()

    def drive(self, duration_s: float) -> Tally:
        """Go on with the load for a while; what is under way at the end of it counts to the next while."""
        done, latencies_ns = 0, list[int]()
        began_ns = now_ns = time.monotonic_ns()
        until_ns = began_ns + int(duration_s * 1e9)
        gc.disable()  # a pause of the generator would look like one of the server
        try:
            while now_ns < until_ns:
                events = self._epoll.poll(PATIENCE_S, 1024)
                if not events:
                    raise LoadError(f"no reply within {PATIENCE_S} s")
                done += self._turn(events, latencies_ns)
                now_ns = time.monotonic_ns()
        except OSError as error:
            raise LoadError(f"a connection failed: {error}") from error
        finally:
            gc.enable()
        return Tally(done, (now_ns - began_ns) / 1e9, latencies_ns)

    def _watch(self, sock: socket.socket) -> int:
        sock.setblocking(False)
        number = sock.fileno()
        self._sockets[number] = sock
        self._epoll.register(number, select.EPOLLIN)
        return number

    @abstractmethod
    def _open(self) -> None:
        """Open the connections."""

    @abstractmethod
    def _turn(self, events: list[tuple[int, int]], latencies_ns: list[int]) -> int:
        """Take what has come, send what follows on it, and return how much was done."""


class _Lane:
    """A connection that repeats a guess."""

    __slots__ = ("batch", "expected", "got", "recv", "send", "sent_ns")

    def __init__(self, sock: socket.socket, reply: bytes, depth: int) -> None:
        self.batch = THE_GUESS * depth
        self.expected = reply * depth
        self.got = b""
        self.recv, self.send = sock.recv, sock.send
        self.sent_ns = 0


class Guesses(Driver):
    """Each connection repeats one wrong guess."""

    def _open(self) -> None:
        self._lanes: dict[int, _Lane] = {}
        for _ in range(self._load.connections):
            while (reply := ask(sock := open_player(self._target), THE_GUESS)) == CORRECT:
                sock.close()  # the next one's secret is another
            self._lanes[self._watch(sock)] = _Lane(sock, reply, self._load.depth)
        for lane in self._lanes.values():
            lane.sent_ns = time.monotonic_ns()
            lane.send(lane.batch)

    def _turn(self, events: list[tuple[int, int]], latencies_ns: list[int]) -> int:
        # What this loop spends limits the rate that a server can show: nothing is called that need not be.
        lanes, clock_ns, note, done = self._lanes, time.monotonic_ns, latencies_ns.append, 0
        for number, _ in events:
            lane = lanes[number]
            try:
                data = lane.recv(REPLY_OCTETS)
            except ssl.SSLWantReadError:
                continue
            if data != lane.expected:
                data = lane.got + data
                if data != lane.expected:
                    if not data or not lane.expected.startswith(data) or data == lane.got:
                        raise LoadError(f"{lane.expected!r} was expected, {data!r} came")
                    lane.got = data
                    continue
                lane.got = b""
            now_ns = clock_ns()
            note(now_ns - lane.sent_ns)
            lane.sent_ns = now_ns
            lane.send(lane.batch)
            done += 1
        return done * self._load.depth


class _Visit:
    """A connection that comes and goes."""

    __slots__ = ("began_ns", "finished", "guess", "shaking", "sock")

    def __init__(self, sock: socket.socket, began_ns: int) -> None:
        self.sock = sock
        self.began_ns = began_ns
        self.shaking = isinstance(sock, ssl.SSLSocket)
        self.finished = False
        self.guess = 0
        """The number guessed last; 0 before the first."""


class Visits(Driver):
    """Connections that come and go: whole games, or just the greeting."""

    def _open(self) -> None:
        self._visits: dict[int, _Visit] = {}
        self._begun = 0
        self._games = self._load.kind is Kind.GAMES
        for _ in range(self._load.connections):
            self._begin()

    def _begin(self) -> None:
        self._begun += 1
        began_ns = time.monotonic_ns()
        sock = connect(self._target, SOURCES[self._begun % len(SOURCES)])
        visit = self._visits[self._watch(sock)] = _Visit(sock, began_ns)
        if visit.shaking:
            self._shake(visit)
        else:
            sock.send(HELLO)

    def _shake(self, visit: _Visit) -> None:
        assert isinstance(visit.sock, ssl.SSLSocket)  # noqa: S101 - for the type checker
        try:
            visit.sock.do_handshake()
        except ssl.SSLWantReadError:
            return
        visit.shaking = False
        visit.sock.send(HELLO)

    def _turn(self, events: list[tuple[int, int]], latencies_ns: list[int]) -> int:
        done = 0
        for number, _ in events:
            visit = self._visits[number]
            if visit.shaking:
                self._shake(visit)
                continue
            try:
                reply = visit.sock.recv(REPLY_OCTETS)
            except ssl.SSLWantReadError:
                continue
            if not reply:
                if not visit.finished:
                    raise LoadError("the server closed before the end")
                del self._visits[number]
                self._sockets.pop(number).close()
                self._begin()
                done += 1
            elif not visit.finished and self._answer(visit, reply):
                visit.finished = True
                latencies_ns.append(time.monotonic_ns() - visit.began_ns)
        return done

    def _answer(self, visit: _Visit, reply: bytes) -> bool:
        """Send what follows on a reply; tell whether only the server's close is still to come."""
        if reply == CORRECT:
            return True
        if reply == GREETINGS and not self._games:
            visit.sock.shutdown(socket.SHUT_WR)
            return True
        if reply == GREETINGS:
            visit.sock.send(GAME)
        elif reply in (READY, b"Far\r\n", b"Close\r\n") and visit.guess < len(GUESSES) - 1:
            visit.guess += 1
            visit.sock.send(GUESSES[visit.guess])
        else:
            raise LoadError(f"{reply!r} was not expected")
        return False
