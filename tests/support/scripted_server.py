"""A server that a test scripts: each connection is handed to a function that listens and speaks."""

from __future__ import annotations

import contextlib
import socket
import struct
import threading
from typing import TYPE_CHECKING, Self

if TYPE_CHECKING:
    from collections.abc import Callable

TIMEOUT_S = 20.0
"""No script waits longer than this for its client's next line; a test that gets here has failed."""
WHOLE_TEST_S = 110.0
"""So long a client may go on without a word: a little less than any test may take, on a busy machine."""


class Peer:
    """One connection, from the server's side."""

    def __init__(self, connection: socket.socket) -> None:
        self._socket = connection
        self._file = connection.makefile("rb")

    def receive(self) -> str:
        """Return the next line of the client, without its terminator; empty at the end."""
        return self._file.readline().decode("ascii").rstrip("\r\n")

    def hear_anything(self) -> str:
        """Return what one read of the connection brings, line ends included; empty at the end."""
        return self._socket.recv(1024).decode("ascii")

    def send(self, *lines: str, end: str = "\r\n") -> None:
        """Send lines in one write."""
        self._socket.sendall("".join(line + end for line in lines).encode("latin-1"))

    def wait_for_end(self) -> None:
        """Read until the client has closed, at the end of the test perhaps."""
        self._socket.settimeout(WHOLE_TEST_S)
        with contextlib.suppress(ConnectionError):
            self._file.read()

    def hang_up(self) -> None:
        """End the connection while another thread may be listening on it."""
        self._socket.shutdown(socket.SHUT_RDWR)

    def reset(self) -> None:
        """Break off with RST instead of an ordinary end."""
        self._socket.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        self.close()

    def close(self) -> None:
        """End the connection."""
        self._file.close()
        self._socket.close()


class ScriptedServer:
    """Listens on a free port of loopback; its scripts play one connection each, the last one all the rest."""

    def __init__(self, *scripts: Callable[[Peer], None], port: int = 0) -> None:
        self._scripts = scripts
        self._listener = socket.create_server(("127.0.0.1", port))
        self.port: int = self._listener.getsockname()[1]
        self._threads = [threading.Thread(target=self._accept)]
        self._peers: list[Peer] = []
        self.failures: list[BaseException] = []

    def __enter__(self) -> Self:
        self._threads[0].start()
        return self

    def __exit__(self, *_: object) -> None:
        # Closing alone would leave the thread in accept().
        self._listener.shutdown(socket.SHUT_RDWR)
        self._listener.close()
        for thread in self._threads:
            thread.join(TIMEOUT_S)
        for peer in self._peers:
            peer.close()
        if self.failures:
            raise self.failures[0]

    def _accept(self) -> None:
        while True:
            try:
                connection, _ = self._listener.accept()
            except OSError:
                return
            connection.settimeout(TIMEOUT_S)
            peer = Peer(connection)
            script = self._scripts[min(len(self._peers), len(self._scripts) - 1)]
            self._peers.append(peer)
            thread = threading.Thread(target=self._play, args=(script, peer))
            self._threads.append(thread)
            thread.start()

    def _play(self, script: Callable[[Peer], None], peer: Peer) -> None:
        try:
            script(peer)
        except ConnectionError:
            return  # the client went away: what it should have heard is for the test to miss
        except BaseException as error:  # noqa: BLE001 (raised in the test's own thread at the end)
            self.failures.append(error)
