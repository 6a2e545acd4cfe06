"""Where a person's lines come from: a pipe, a file, or a terminal that is left as it is.

A terminal that can be drawn on has services.player.editor instead.
"""

from __future__ import annotations

import asyncio
import contextlib
import os
import sys
import termios
from typing import Final, Protocol

READ_OCTETS: Final = 4096

MOST_OCTETS: Final = 8192
"""Of a line: what is longer is no number, and its rest is not kept."""


class Keyboard(Protocol):
    """What lines are read from."""

    is_person: bool
    """Whether somebody sits there, and can be asked."""

    async def read(self, prompt: str, *, remembered: bool) -> str:
        """Return the next line; `remembered` ones can be recalled.

        Raises:
            EOFError: there are no more.
            InterruptError: the person pressed Ctrl-C.
        """

    def forget_typed(self) -> None:
        """Forget what was typed ahead, for a question that it is no answer to."""


class InterruptError(Exception):
    """Ctrl-C, where it reaches the program as a key."""


class Lines:
    """Lines of standard input, without editing of our own.

    Its mode is not changed: others may share it. So it is read when there is something to read.
    """

    def __init__(self) -> None:
        self.is_person = os.isatty(0)
        self._unread = bytearray()
        self._ended = False

    async def read(self, prompt: str, *, remembered: bool) -> str:  # noqa: ARG002  others remember
        """Return the next line."""
        if self.is_person:
            sys.stdout.write(prompt)
            sys.stdout.flush()
        while b"\n" not in self._unread and not self._ended:
            await self._wait()
            try:
                data = os.read(0, READ_OCTETS)
            except BlockingIOError:  # somebody else, who shares it, was faster
                continue
            except OSError:  # a terminal that is hung up, a peer that is gone
                data = b""
            self._ended = not data
            self._unread += data
            if b"\n" not in self._unread:
                del self._unread[MOST_OCTETS:]
        if not self._unread:
            if self.is_person:
                sys.stdout.write("\n")
            raise EOFError
        line, _, rest = self._unread.partition(b"\n")
        self._unread = rest
        return line.decode("utf-8", "replace")

    async def _wait(self) -> None:
        try:
            await _readable(0)
        except asyncio.CancelledError:
            if self.is_person:
                sys.stdout.write("\n")
            raise

    def forget_typed(self) -> None:
        """Forget what was typed ahead."""
        self._unread.clear()
        flush_terminal()


def flush_terminal() -> None:
    """Discard what was typed into the terminal and not read by anybody."""
    with contextlib.suppress(termios.error, OSError):
        termios.tcflush(0, termios.TCIFLUSH)


async def _readable(fd: int) -> None:
    """Wait until there is something to read, or the end."""
    loop = asyncio.get_running_loop()
    waiter = loop.create_future()

    def wake() -> None:
        if not waiter.done():
            waiter.set_result(None)

    try:
        loop.add_reader(fd, wake)
    except PermissionError:
        # A file: it never makes anybody wait, and cannot be polled. Others may go first.
        await asyncio.sleep(0)
        return
    try:
        await waiter
    finally:
        loop.remove_reader(fd)
