"""Somebody who plays on the page, without a browser: a WebSocket, and the protocol's lines."""

from __future__ import annotations

import socket
import struct
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, contextmanager, suppress
from typing import TYPE_CHECKING

from websockets.exceptions import ConnectionClosed, InvalidStatus
from websockets.sync.client import connect
from websockets.typing import Origin

if TYPE_CHECKING:
    from collections.abc import Iterator

    from websockets.sync.client import ClientConnection

PROMPT = "Pick a number between 1-30"

TIMEOUT_S = 20.0
"""No wait is longer than this; a test that gets here has failed."""


class PagePlayer:
    """One game, or none if the page refuses it."""

    def __init__(self, connection: ClientConnection) -> None:
        self.connection = connection

    @property
    def address(self) -> tuple[str, int]:
        """This end of the WebSocket."""
        host, port = self.connection.local_address[:2]
        return host, port

    def receive(self) -> str:
        """Return the next message."""
        message = self.connection.recv(TIMEOUT_S)
        assert isinstance(message, str)
        return message

    def ask(self, line: str) -> str:
        """Send a line, and return the next one that comes."""
        self.connection.send(line)
        return self.receive()

    def begin(self) -> str:
        """Go through the handshake; return the address that the server knows."""
        own = self.receive().removeprefix("# ")
        assert [self.ask("Hello"), self.ask("Game")] == ["Greetings", "Ready"]
        return own

    def end(self) -> tuple[int, str]:
        """Wait for the end, and return the code and the reason that the page gives."""
        frame = None
        try:
            while True:
                self.receive()
        except ConnectionClosed as closed:
            frame = closed.rcvd
        return (frame.code, frame.reason) if frame else (1006, "")


@contextmanager
def page_player(port: int, origin: str | None = None) -> Iterator[PagePlayer]:
    """Open a game on the page, as a page of that origin would; by default, its own."""
    with connect(
        f"ws://127.0.0.1:{port}/play",
        origin=Origin(origin or f"http://127.0.0.1:{port}"),
        open_timeout=TIMEOUT_S,
        close_timeout=1,
        compression=None,
    ) as connection:
        yield PagePlayer(connection)


def reset(connection: socket.socket) -> None:
    """Break the connection off, as a browser that crashes."""
    with suppress(OSError):  # the page was faster
        connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        connection.shutdown(socket.SHUT_RD)
    connection.close()


def besiege(port: int, bystander: PagePlayer) -> None:
    """Wrong origins, huge messages, floods, half-open and silent ones, 200 at once; somebody plays on."""
    with ExitStack() as stack:
        for _ in range(10):  # games that nobody plays
            stack.enter_context(page_player(port)).receive()
        for _ in range(10):  # half-open: a handshake that never ends
            half = stack.enter_context(socket.create_connection(("127.0.0.1", port)))
            half.sendall(b"GET /play HTTP/1.1\r\nHost: x\r\nUpgrade: websocket\r\n")
        with ThreadPoolExecutor(20) as crowd:
            outcomes = [crowd.submit(_misbehave, port, number) for number in range(200)]
            for _ in range(5):
                assert bystander.ask("nonsense") == PROMPT
        assert all(outcome.result() for outcome in outcomes)
        assert bystander.ask("nonsense") == PROMPT


def _misbehave(port: int, number: int) -> bool:
    """Misbehave in one of several ways; tell whether the page put an end to it, or to the connection."""
    origin = "http://evil.example" if number % 4 == 0 else None
    try:
        with page_player(port, origin) as player:
            if number % 4 == 1:
                player.connection.send("x" * 100_000)
            elif number % 4 == 2:
                for _ in range(300):
                    player.connection.send("My Guess is: 15")
            else:
                reset(player.connection.socket)
                return True
            return player.end()[0] in {1000, 1009, 1013}
    except InvalidStatus as refused:
        return origin is not None and refused.response.status_code == 403
    except ConnectionClosed:
        return True
