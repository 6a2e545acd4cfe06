"""Somebody who plays on the page, without a browser: a WebSocket, and the protocol's lines."""

from __future__ import annotations

from contextlib import contextmanager
from typing import TYPE_CHECKING

from websockets.exceptions import ConnectionClosed
from websockets.sync.client import connect
from websockets.typing import Origin

if TYPE_CHECKING:
    from collections.abc import Iterator

    from websockets.sync.client import ClientConnection

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
