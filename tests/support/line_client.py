"""A client that speaks lines, knowing nothing of the game, as `nc` would; or `openssl s_client`, with TLS."""

from __future__ import annotations

import contextlib
import select
import socket
import struct
import sys
from typing import TYPE_CHECKING, Self

if TYPE_CHECKING:
    import ssl
    from collections.abc import Iterator
    from types import TracebackType


class LineClient:
    """One connection; every wait for a line ends after `timeout_s` with TimeoutError."""

    def __init__(
        self,
        address: tuple[str, int],
        *,
        timeout_s: float = 10,
        tls: ssl.SSLContext | None = None,
        name: str = "localhost",
        receive_buffer_octets: int = 0,
        source: tuple[str, int] | None = None,
    ) -> None:
        self._socket = socket.socket(socket.AF_INET6 if ":" in address[0] else socket.AF_INET)
        try:
            self._connect(address, timeout_s, receive_buffer_octets, source)
            if tls is not None:
                self._socket = tls.wrap_socket(self._socket, server_hostname=name)
        except OSError:
            self._socket.close()
            raise
        self._lines = self._socket.makefile("rb")
        host, port = self._socket.getsockname()[:2]
        self.address: tuple[str, int] = host, port
        """This end's address and port."""

    def _connect(
        self,
        address: tuple[str, int],
        timeout_s: float,
        receive_buffer_octets: int,
        source: tuple[str, int] | None,
    ) -> None:
        self._socket.settimeout(timeout_s)
        if receive_buffer_octets:  # it must be small before the kernel promises the peer a larger one
            self._socket.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, receive_buffer_octets)
        if source:  # several connections may come from one address and port, if they go to different ones
            self._socket.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            self._socket.bind(source)
        self._socket.connect(address)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def close(self) -> None:
        """End the connection."""
        self._lines.close()
        self._socket.close()

    @property
    def peer(self) -> str:
        """This end as the server spells it, in lists and in its log."""
        return "{} {}".format(*self.address)

    def send(self, octets: bytes) -> None:
        """Send the octets as they are."""
        self._socket.sendall(octets)

    def end_sending(self) -> None:
        """Close this side only, as `nc -N` does."""
        self._socket.shutdown(socket.SHUT_WR)

    def reset(self) -> None:
        """Break the connection by a reset, as a program that crashes with input unread."""
        self._socket.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        self._lines.close()
        self._socket.close()

    def fileno(self) -> int:
        """Return the socket's number, for a process that is to inherit it."""
        return self._socket.fileno()

    def cut(self) -> None:
        """End both directions, also for who waits in another thread."""
        with contextlib.suppress(OSError):
            self._socket.shutdown(socket.SHUT_RDWR)

    @property
    def acknowledged_octets(self) -> int:
        """How much of what was sent the other side's kernel has taken."""
        info = self._socket.getsockopt(socket.IPPROTO_TCP, socket.TCP_INFO, 128)
        return int.from_bytes(info[120:128], sys.byteorder)  # tcpi_bytes_acked, linux/tcp.h

    def receives(self, within_s: float) -> bool:
        """Tell whether something, or the end, comes within some time."""
        return bool(select.select([self._socket], [], [], within_s)[0])

    def read_some(self) -> bytes:
        """Wait for octets and return those that came at once."""
        return self._socket.recv(65536)

    def read_within(self, timeout_s: float) -> bytes:
        """Return the octets that come within so long a time, or none."""
        ready, _, _ = select.select([self._socket], [], [], timeout_s)
        return self._socket.recv(65536) if ready else b""

    def read(self, octets: int) -> bytes:
        """Wait for so many octets; the end of the stream may come before."""
        return self._lines.read(octets)

    def read_line(self) -> str:
        """Wait for the next line and return it without its end; the end of the stream is an EOFError."""
        line = self._lines.readline()
        if not line:
            raise EOFError
        return line.decode("ascii").removesuffix("\n").removesuffix("\r")

    def read_rest(self) -> bytes:
        """Wait for the other side to close and return what it sent before."""
        return self._lines.read()

    def ask(self, line: str) -> str:
        """Send one line and wait for its reply."""
        self.send(f"{line}\r\n".encode("ascii"))
        return self.read_line()


@contextlib.contextmanager
def handed_over(client: LineClient) -> Iterator[LineClient]:
    """Leave the client open for whoever asked for it, unless what is said first fails."""
    with contextlib.ExitStack() as stack:
        yield stack.enter_context(client)
        stack.pop_all()
