"""Output that never waits, and whose descriptor stays as everybody else has it."""

from __future__ import annotations

import contextlib
import fcntl
import os
import socket
import stat
import termios
import tty
from contextlib import contextmanager
from typing import TYPE_CHECKING

import pytest

from services.runtime.output import Output

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

FULL = 8 << 20
"""More than any of them has room for."""

Ends = tuple[int, int]


def pipe(_: Path) -> Ends:
    """Return the ends of a pipe, for reading and for writing."""
    return os.pipe()


def fifo(tmp_path: Path) -> Ends:
    """Return the ends of a pipe that has a name."""
    os.mkfifo(tmp_path / "fifo")
    reading = os.open(tmp_path / "fifo", os.O_RDONLY | os.O_NONBLOCK)
    writing = os.open(tmp_path / "fifo", os.O_WRONLY)
    os.set_blocking(reading, True)
    return reading, writing


def sockets(_: Path) -> Ends:
    """Return the ends of a connection."""
    ours, theirs = socket.socketpair()
    return ours.detach(), theirs.detach()


def terminal(_: Path) -> Ends:
    """Return the ends of a terminal that shows what it is sent as it is."""
    shown, program = os.openpty()
    tty.setraw(program, termios.TCSANOW)
    return shown, program


def nonblocking(fd: int) -> bool:
    """Tell whether a descriptor's open file description is set not to wait."""
    return bool(fcntl.fcntl(fd, fcntl.F_GETFL) & os.O_NONBLOCK)


def fill(found: Output) -> int:
    """Write until there is no room, and return how much there was."""
    written = 0
    with contextlib.suppress(BlockingIOError):
        while written < FULL:
            written += found.write(b"x" * 4096)
    assert written < FULL
    return written


@contextmanager
def opened(ends: Ends) -> Iterator[Output]:
    """Open what is written to, and close everything afterwards."""
    found = Output(ends[1])
    try:
        yield found
    finally:
        os.close(ends[0])
        found.close()
        os.close(ends[1])


@pytest.mark.parametrize("make", [pipe, fifo, sockets, terminal])
def test_a_reader_that_stands_still_is_not_waited_for(make: Callable[[Path], Ends], tmp_path: Path) -> None:
    """Without room a write says so, and whoever shares the descriptor still finds it as it was."""
    ends = make(tmp_path)
    with opened(ends) as found:
        fill(found)
        assert not nonblocking(ends[1])
        os.read(ends[0], FULL)
        assert found.wait(5000)
        assert found.write(b"again") > 0


@pytest.mark.parametrize("make", [pipe, fifo, sockets, terminal])
@pytest.mark.parametrize("blocking", [True, False])
def test_what_others_set_changes_nothing(
    make: Callable[[Path], Ends], *, blocking: bool, tmp_path: Path
) -> None:
    """Another program that sets the shared descriptor to blocking, or not, is none of our business."""
    ends = make(tmp_path)
    with opened(ends) as found:
        os.set_blocking(ends[1], blocking)
        fill(found)
        assert nonblocking(ends[1]) is not blocking


def test_where_a_pipe_cannot_be_opened_again_a_thread_waits(monkeypatch: pytest.MonkeyPatch) -> None:
    """A pipe of another user is written to by a thread: that waits, and the program does not."""

    def refuse(*_: object) -> int:
        raise PermissionError

    reading, writing = os.pipe()
    with monkeypatch.context() as patched:
        patched.setattr(os, "open", refuse)
        found = Output(writing)
    assert not nonblocking(writing)
    written = fill(found)
    arrived = 0
    while arrived < written:
        arrived += len(os.read(reading, FULL))
    assert found.write(b"last") == 4
    found.close()
    assert os.read(reading, FULL) == b"last"
    os.close(reading)
    os.close(writing)


def test_such_a_thread_gets_on_with_a_description_that_others_set_not_to_wait(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Where somebody else has set O_NONBLOCK, the thread waits for room and loses nothing."""

    def refuse(*_: object) -> int:
        raise PermissionError

    reading, writing = os.pipe()
    os.set_blocking(writing, False)
    with monkeypatch.context() as patched:
        patched.setattr(os, "open", refuse)
        found = Output(writing)
    written = fill(found)
    arrived = 0
    while arrived < written:
        arrived += len(os.read(reading, FULL))
    found.close()
    os.close(reading)
    os.close(writing)


def test_a_reader_that_has_gone_is_an_error_and_no_signal(tmp_path: Path) -> None:
    """Each kind tells that nobody reads any more."""
    for make in (pipe, fifo, sockets):
        reading, writing = make(tmp_path)
        found = Output(writing)
        os.close(reading)
        with pytest.raises(OSError, match=r"Broken pipe|reset"):
            found.write(b"lost")
        found.close()
        os.close(writing)


def test_a_file_is_written_as_it_is(tmp_path: Path) -> None:
    """A file needs nothing of this: what others append to it stays in its place."""
    with (tmp_path / "log").open("ab") as file:
        found = Output(file.fileno())
        assert stat.S_ISREG(os.fstat(found.fd).st_mode)
        assert found.write(b"ours\n") == 5
        file.write(b"theirs\n")
        file.flush()
        found.write(b"ours\n")
        found.close()

    assert (tmp_path / "log").read_bytes() == b"ours\ntheirs\nours\n"
