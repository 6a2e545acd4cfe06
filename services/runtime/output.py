"""Standard descriptors as a program finds them: closed ones made good, and output that never waits.

Standard output is seldom a program's own: a shell, a pipe's other writers and the next program have the same
open file description. So nothing here changes its mode.
"""

from __future__ import annotations

import contextlib
import fcntl
import io
import os
import select
import socket
import stat
import sys
import threading
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import Callable

    from typing_extensions import Buffer

STDOUT: Final = 1

CHUNK_OCTETS: Final = 1 << 16

CLOSE_TIMEOUT_S: Final = 1.0
"""How long the end waits for a reader that could only be written to by a thread."""

_STANDARD: Final = (("stdin", "r", os.O_RDONLY), ("stdout", "w", os.O_WRONLY), ("stderr", "w", os.O_WRONLY))


def open_standard_descriptors() -> None:
    """Open /dev/null where a standard descriptor is closed, before anything else is given its number.

    A connection that becomes descriptor 1 would be sent what is meant for standard output. One that is open
    the wrong way round, as by `0>/dev/null`, is of no more use than a closed one.
    """
    for fd, (name, mode, access) in enumerate(_STANDARD):
        if not _is_open(fd, access):
            opened = os.open(os.devnull, os.O_RDWR)
            if opened != fd:
                os.dup2(opened, fd)
                os.close(opened)
        if getattr(sys, name) is None:
            setattr(sys, name, os.fdopen(fd, mode, encoding="utf-8", closefd=False))


def _is_open(fd: int, access: int) -> bool:
    try:
        return fcntl.fcntl(fd, fcntl.F_GETFL) & os.O_ACCMODE in {access, os.O_RDWR}
    except OSError:
        return False


class PatientFile(io.FileIO):
    """Waits for room, also where somebody else who has the same description set it not to wait."""

    def write(self, data: Buffer) -> int:
        """Write, and return how much that was."""
        while (written := super().write(data)) is None:
            _wait_for_room(self.fileno(), None)
        return written


class Output:
    """Where lines go that must not wait for their reader: a file, a pipe, a socket, a terminal.

    A pipe or a terminal is opened once more, so that the mode of this opening is nobody else's. Where that
    is not allowed, a thread waits instead, behind a pipe of its own.
    """

    def __init__(self, fd: int) -> None:
        self._close: Callable[[], None] = lambda: None
        self.fd = fd
        """What to poll for room."""
        mode = os.fstat(fd).st_mode
        if stat.S_ISSOCK(mode):
            # Shares the description, but asks for each write by itself not to wait.
            self._socket: socket.socket | None = socket.socket(fileno=os.dup(fd))
            self.fd = self._socket.fileno()
            self._close = self._socket.close
            return
        self._socket = None
        if stat.S_ISFIFO(mode) or os.isatty(fd):
            try:
                self.fd = os.open(f"/proc/self/fd/{fd}", os.O_WRONLY | os.O_NONBLOCK | os.O_NOCTTY)
                self._close = lambda: os.close(self.fd)
            except OSError:
                self._write_in_a_thread(fd)

    def write(self, data: bytes | bytearray) -> int:
        """Write as much as there is room for, and return how much that was.

        Raises:
            BlockingIOError: there is no room now.
            OSError: nothing can be written: a full disk, a reader that is gone.
        """
        if self._socket is not None:
            return self._socket.send(data, socket.MSG_DONTWAIT)
        return os.write(self.fd, data)

    def wait(self, timeout_ms: int) -> bool:
        """Wait for room; tell whether there is some, or an error that writing would show."""
        return _wait_for_room(self.fd, timeout_ms)

    def close(self) -> None:
        """Give up what was opened; the descriptor itself stays open."""
        self._close()
        self.fd = -1

    def _write_in_a_thread(self, fd: int) -> None:
        read_fd, self.fd = os.pipe()
        os.set_blocking(self.fd, False)
        thread = threading.Thread(target=_copy, args=(read_fd, fd), name="output", daemon=True)
        thread.start()

        def close() -> None:
            os.close(self.fd)
            thread.join(CLOSE_TIMEOUT_S)

        self._close = close


def _copy(read_fd: int, fd: int) -> None:
    with contextlib.closing(os.fdopen(read_fd, "rb", buffering=0)) as source, contextlib.suppress(OSError):
        while data := memoryview(source.read(CHUNK_OCTETS)):
            while data:
                data = data[_write_and_wait(fd, data) :]


def _write_and_wait(fd: int, data: memoryview) -> int:
    try:
        return os.write(fd, data)
    except BlockingIOError:
        # Somebody else who has this description wants it so.
        _wait_for_room(fd, None)
        return 0


def _wait_for_room(fd: int, timeout_ms: int | None) -> bool:
    poll = select.poll()
    poll.register(fd, select.POLLOUT)
    return bool(poll.poll(timeout_ms))
