"""A correct server of the game in threads, small enough to see that it is; the mutants override its steps.

It takes its ports and limits from the environment, as the real one does. The tests fork it off.
"""

from __future__ import annotations

import contextlib
import os
import random
import socket
import threading
import time
from collections import deque
from typing import TYPE_CHECKING

from services.protocol.codec import encode, parse_request
from services.protocol.errors import ProtocolError
from services.protocol.framing import LineBuffer
from services.protocol.messages import (
    Address,
    AdminGreetings,
    End,
    Greetings,
    Guess,
    Guessed,
    Joined,
    Left,
    Listed,
    Name,
    NobodyListed,
    Prompt,
    Ready,
    Refused,
    Verdict,
    Welcome,
    Won,
)
from services.protocol.state import State, advance

if TYPE_CHECKING:
    from collections.abc import Iterator

    from services.protocol.messages import (
        Message,
        Request,
    )

DRAIN_S = 1.0
OUTBOX_OCTETS = 8192
SEND_BUFFER_OCTETS = 8192


class Connection:
    """One connection and what the server knows of it."""

    def __init__(self, sock: socket.socket, state: State) -> None:
        self.sock = sock
        self.state = state
        host, port = sock.getpeername()[:2]
        self.address = Address(host, port)
        self.lines = LineBuffer()
        self.said_something = False
        self.since = self.last_line = time.monotonic()
        self.secret = 0
        self.guesses = self.invalid = 0


class Outbox:
    """What a watcher has not taken yet; a thread of its own hands it over."""

    def __init__(self, connection: Connection) -> None:
        self.connection = connection
        self._waiting: deque[bytes] = deque()
        self._octets = 0
        self._news = threading.Condition()
        threading.Thread(target=self._deliver, daemon=True).start()

    def put(self, data: bytes) -> None:
        """Queue, or disconnect a watcher that does not read."""
        with self._news:
            self._octets += len(data)
            self._waiting.append(data)
            self._news.notify()
        if self._octets > OUTBOX_OCTETS:
            with contextlib.suppress(OSError):
                self.connection.sock.shutdown(socket.SHUT_RDWR)

    def _deliver(self) -> None:
        with contextlib.suppress(OSError):
            while True:
                with self._news:
                    self._news.wait_for(lambda: self._waiting)
                    data = b"".join(self._waiting)
                    self._waiting.clear()
                self.connection.sock.sendall(data)
                self._octets -= len(data)


class ReferenceServer:
    """The server; each step is a method, so that a mutant can do it wrongly."""

    low, high, close_distance = 1, 30, 2
    reuse_address = True

    def __init__(self) -> None:
        self.handshake_s = float(os.environ.get("GAME_HANDSHAKE_TIMEOUT", "10"))
        self.idle_s = float(os.environ.get("GAME_IDLE_TIMEOUT", "300"))
        self.max_players = int(os.environ.get("GAME_MAX_PLAYERS", "1000"))
        self.max_invalid = 20
        self.lock = threading.RLock()
        self.connections = 0
        self.players: dict[Address, Connection] = {}
        self.watcher: Outbox | None = None

    # --- connections

    def run(self) -> None:
        """Serve both ports forever."""
        admin = self.listen("GAME_ADMIN_PORT")
        player = self.listen("GAME_PLAYER_PORT")
        threading.Thread(target=self.accept, args=(admin, State.ADMIN_CONNECTED), daemon=True).start()
        self.accept(player, State.CONNECTED)

    def listen(self, variable: str) -> socket.socket:
        """Listen on the port that the environment names."""
        listener = socket.socket()
        if self.reuse_address:
            listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        # So that what a watcher leaves unread is soon too much.
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, SEND_BUFFER_OCTETS)
        listener.bind(("127.0.0.1", int(os.environ[variable])))
        listener.listen(512)
        return listener

    def accept(self, listener: socket.socket, state: State) -> None:
        """Take connections in."""
        while True:
            sock, _ = listener.accept()
            with contextlib.suppress(OSError):
                self.begin(Connection(sock, state))

    def begin(self, connection: Connection) -> None:
        """Serve a connection beside all others."""
        threading.Thread(target=self.serve, args=(connection,), daemon=True).start()

    def serve(self, connection: Connection) -> None:
        """Serve a connection to its end."""
        player = connection.state is State.CONNECTED
        with self.lock:
            self.connections += player
        with contextlib.suppress(OSError):
            try:
                self.converse(connection)
            except ProtocolError as error:
                self.reply(connection, Refused(error.reason))
            finally:
                self.leave(connection)
        with self.lock:
            self.connections -= player
        with contextlib.suppress(OSError):
            self.close(connection)

    def converse(self, connection: Connection) -> None:
        """Answer line after line."""
        if connection.state is State.CONNECTED and self.connections > self.max_players:
            raise ProtocolError("server full")
        self.welcome(connection)
        for line in self.read_message(connection):
            connection.last_line = time.monotonic()
            request = self.parse(line)
            connection.state = self.turn(connection.state, request)
            self.answer(connection, request)
            if connection.state is State.CLOSED:
                return

    def welcome(self, connection: Connection) -> None:
        """Say nothing (F-5)."""

    def read_message(self, connection: Connection) -> Iterator[bytes]:
        """Return the client's lines, until it ends or has used up its time."""
        while True:
            left_s = self.time_left(connection)
            connection.sock.settimeout(left_s if left_s is None else max(left_s, 0.001))
            try:
                data = connection.sock.recv(4096)
            except TimeoutError:
                self.time_is_up(connection)
                return
            if not data:
                self.ended(connection)
                return
            connection.said_something = True
            yield from self.cut(connection, data)
            if connection.lines.overlong:
                raise connection.lines.overlong

    def cut(self, connection: Connection, data: bytes) -> list[bytes]:
        """Cut what came into lines."""
        return connection.lines.feed(data)

    def ended(self, connection: Connection) -> None:
        """See to what a client has left that will say nothing more."""
        if connection.lines.unterminated:
            raise ProtocolError("line not ended by CRLF")

    def time_left(self, connection: Connection) -> float | None:
        """Return how long the client may still take."""
        now = time.monotonic()
        match connection.state:
            case State.PLAYING:
                return connection.last_line + self.idle_s - now
            case State.WATCHING:
                return None
            case _:
                return connection.since + self.handshake_s - now

    def time_is_up(self, connection: Connection) -> None:
        """Tell a client that has used up its time."""
        if connection.state is State.PLAYING:
            raise ProtocolError(f"idle for {self.idle_s:g} s")
        if connection.lines.unterminated:
            raise ProtocolError("line not ended by CRLF")
        if connection.said_something:
            raise ProtocolError(f"handshake not completed within {self.handshake_s:g} s")

    def close(self, connection: Connection) -> None:
        """Close so that no reset overtakes a reply (F-7)."""
        connection.sock.shutdown(socket.SHUT_WR)
        end = time.monotonic() + DRAIN_S
        while (left_s := end - time.monotonic()) > 0:
            connection.sock.settimeout(left_s)
            if not connection.sock.recv(65536):
                break
        connection.sock.close()

    # --- messages

    def parse(self, line: bytes) -> Request:
        """Read a line."""
        return parse_request(line)

    def turn(self, state: State, request: Request) -> State:
        """Check that it is the client's turn to say so."""
        return advance(state, request)

    def encode(self, message: Message) -> bytes:
        """Spell a message."""
        return encode(message)

    def send(self, connection: Connection, data: bytes) -> None:
        """Hand bytes to the kernel, in one write."""
        connection.sock.settimeout(5)
        connection.sock.sendall(data)

    def reply(self, connection: Connection, message: Message) -> None:
        """Say something, and let it take effect on the state."""
        self.send(connection, self.encode(message))
        with contextlib.suppress(ProtocolError):
            connection.state = advance(connection.state, message)

    def answer(self, connection: Connection, request: Request) -> None:
        """Do what was asked."""
        match connection.state:
            case State.GREETING:
                self.reply(connection, Greetings())
            case State.NAMING:
                self.take_name(connection, request)
            case State.ADMIN_GREETING:
                self.reply(connection, AdminGreetings())
            case State.STARTING:
                self.join(connection)
                self.reply(connection, Ready())
            case State.JUDGING:
                self.judge(connection, request)
            case State.LISTING_ONCE:
                self.list_once(connection)
                connection.state = State.CLOSED
            case State.LISTING:
                self.list_for_watcher(connection)
                connection.state = State.WATCHING
            case _:
                self.take_pong(connection)

    def take_name(self, connection: Connection, request: Request) -> None:
        """Welcome a player who has given a name (N-1)."""
        if not isinstance(request, Name) or request.name is None:
            raise ProtocolError("a name is 1 to 20 letters, digits, - or _")
        self.reply(connection, Welcome(request.name))

    # --- the game

    def draw(self) -> int:
        """Draw a secret."""
        return random.SystemRandom().randint(self.low, self.high)

    def join(self, connection: Connection) -> None:
        """Begin a game."""
        connection.secret = self.draw()
        with self.lock:
            self.players[connection.address] = connection
            self.tell(Joined(connection.address))

    def leave(self, connection: Connection) -> None:
        """Forget a player, or free the administrator's seat."""
        with self.lock:
            if self.players.pop(connection.address, None):
                self.tell(Left(connection.address))
            if self.watcher and self.watcher.connection is connection:
                self.watcher = None

    def judge(self, connection: Connection, request: Request) -> None:
        """Judge a guess."""
        if not connection.secret:
            self.join(connection)
        number = self.number(request)
        if number is None:
            connection.invalid += 1
            if connection.invalid >= self.max_invalid:
                raise ProtocolError("too many invalid guesses")
            self.reply(connection, self.prompt())
            return
        connection.invalid = 0
        connection.guesses += 1
        verdict = self.verdict(abs(number - connection.secret))
        with self.lock:
            self.tell(Guessed(connection.address, number, verdict))
            if verdict is Verdict.CORRECT:
                self.win(connection)
        self.reply(connection, verdict)

    def win(self, connection: Connection) -> None:
        """Take a player who has won off the list."""
        self.players.pop(connection.address)
        self.tell(Won(connection.address, connection.guesses))

    def number(self, request: Request) -> int | None:
        """Return the number if it is one in range."""
        match request:
            case Guess(int(number)) if self.low <= number <= self.high:
                return number
            case _:
                return None

    def prompt(self) -> Message:
        """Say what would have been a guess."""
        return Prompt(self.low, self.high)

    def verdict(self, distance: int) -> Verdict:
        """Judge a distance."""
        if distance == 0:
            return Verdict.CORRECT
        return Verdict.CLOSE if distance <= self.close_distance else Verdict.FAR

    # --- the administrator

    def listing(self) -> list[Message]:
        """List the players."""
        return [Listed(address) for address in self.players]

    def list_once(self, connection: Connection) -> None:
        """Answer Who."""
        with self.lock:
            lines = self.listing() or [NobodyListed()]
        self.send(connection, b"".join(map(self.encode, lines)))

    def list_for_watcher(self, connection: Connection) -> None:
        """Answer Watch, or Who within a watch."""
        with self.lock:
            if self.watcher is None:
                self.watcher = Outbox(connection)
            elif self.watcher.connection is not connection:
                raise ProtocolError("another administrator is watching")
            self.watcher.put(b"".join(map(self.encode, [*self.listing(), End()])))

    def take_pong(self, connection: Connection) -> None:
        """Say nothing to a sign of life (A-8)."""

    def tell(self, event: Message) -> None:
        """Tell the watcher."""
        if self.watcher:
            self.watcher.put(self.encode(event))
