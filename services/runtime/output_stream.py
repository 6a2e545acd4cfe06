"""Output of a program that goes on meanwhile: it waits for its reader beside everything else, not instead."""

from __future__ import annotations

import asyncio
import io
import os
import time
from typing import TYPE_CHECKING, Final

from services.runtime.output import CLOSE_TIMEOUT_S, Output

if TYPE_CHECKING:
    from collections.abc import Callable

    from typing_extensions import Buffer


class OutputStream(io.RawIOBase):
    """Output for a reader that may stand still: what it does not take is kept, and `drain` waits for it.

    So a program whose terminal is stopped, or whose pipe is full, still obeys its signals.
    """

    def __init__(self, fd: int, encoding: str, on_failure: Callable[[OSError], None]) -> None:
        """Open it; `on_failure` is told once that nothing can be written any more."""
        self.text: Final = io.TextIOWrapper(io.BufferedWriter(self), encoding, "replace")
        self._output = Output(fd)
        self._on_failure = on_failure
        self._is_terminal = os.isatty(fd)
        self._unwritten = bytearray()
        self._failed = False
        self._room: asyncio.Future[None] | None = None
        """Done when the kernel has some, while it has not."""

    def writable(self) -> bool:
        """Tell that it is for writing."""
        return True

    def isatty(self) -> bool:
        """Tell whether people look at it."""
        return self._is_terminal

    def write(self, data: Buffer) -> int:
        """Write what there is room for, and keep the rest."""
        octets = memoryview(data)
        if not self._failed:
            self._unwritten += octets
            self.flush()
        return octets.nbytes

    def flush(self) -> None:
        """Write what there is room for."""
        while self._unwritten:
            try:
                written = self._output.write(self._unwritten)
            except BlockingIOError:
                return
            except OSError as error:
                self._failed = True
                self._unwritten.clear()
                self._on_failure(error)
            else:
                del self._unwritten[:written]

    async def drain(self) -> None:
        """Wait until all is written, or nothing can be."""
        loop = asyncio.get_running_loop()
        while self._unwritten:
            if self._room is None:
                self._room = loop.create_future()
                loop.add_writer(self._output.fd, self._write_on, loop, self._room)
            await asyncio.shield(self._room)

    def _write_on(self, loop: asyncio.AbstractEventLoop, room: asyncio.Future[None]) -> None:
        self.flush()
        if not self._unwritten:
            loop.remove_writer(self._output.fd)
            self._room = None
            room.set_result(None)

    def discard(self) -> None:
        """Forget what has found no room yet: a picture that nobody wants any more."""
        self._unwritten.clear()

    def settle(self) -> None:
        """Write the rest, if its reader takes it within CLOSE_TIMEOUT_S."""
        end_s = time.monotonic() + CLOSE_TIMEOUT_S
        while self._unwritten and self._output.wait(max(0, int((end_s - time.monotonic()) * 1000))):
            self.flush()

    def close(self) -> None:
        """Write the rest as `settle` does, and give up what was opened."""
        if not self.closed:
            self.settle()
            if self._room is not None:
                self._room.get_loop().remove_writer(self._output.fd)
            self._output.close()
        super().close()
