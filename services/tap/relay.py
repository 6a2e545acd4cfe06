"""The tap's connections: bytes go through as they come, in both directions, and are shown on the way.

Nothing is changed: not the bytes, not their order, not a half-close, not a reset. What a slow side does not
take is not read from the other, so a connection costs a few buffers however much it carries.
"""

from __future__ import annotations

import asyncio
import contextlib
import socket
import struct
from typing import TYPE_CHECKING, Final

from services.runtime.connecting import UnreachableError, open_stream
from services.tap.follow import Conversation, Shown, Side
from services.tap.render import Entry

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Iterator

    from services.runtime.connecting import Target
    from services.tap.follow import Port

CHUNK_OCTETS: Final = 16 << 10
SILENCE_S: Final = 1.0
"""After so much silence the tap says that a line was not ended."""
MOST_CONNECTIONS: Final = 256
"""Connections at once; one more is closed, and the tap says so."""

_RESET: Final = struct.pack("ii", 1, 0)


class Relay:
    """Passes connections of one port on to the server."""

    def __init__(
        self,
        port: Port,
        target: Target,
        show: Callable[[Entry], None],
        shown: Callable[[], Awaitable[None]],
        numbers: Iterator[int],
        *,
        started_s: float,
    ) -> None:
        """Make a relay.

        Args:
            port: which port of the server it stands for.
            target: that port.
            show: is given each entry as it happens.
            shown: waits until its reader has taken them all.
            numbers: those of the connections, of all relays together.
            started_s: the loop's time from which the entries count.
        """
        self.port = port
        self.target = target
        self._show = show
        self._shown = shown
        self._numbers = numbers
        self._started_s = started_s
        self._open = 0

    async def accept(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """Relay one connection until both sides have ended."""
        tapped = _Tapped(next(self._numbers), self.port, self._show, self._shown, self._started_s)
        if self._open >= MOST_CONNECTIONS:
            tapped.remark(Side.CLIENT, f"(refused: the tap serves {MOST_CONNECTIONS} connections at once)")
            writer.close()
            return
        self._open += 1
        try:
            # Cancelled, the task would end the tap with a traceback: asyncio asks it how it failed.
            with contextlib.suppress(asyncio.CancelledError):
                await self._relay(tapped, reader, writer)
        finally:
            self._open -= 1
            writer.close()

    async def _relay(
        self, tapped: _Tapped, reader: asyncio.StreamReader, writer: asyncio.StreamWriter
    ) -> None:
        tapped.remark(Side.CLIENT, "(connected)")
        try:
            server_reader, server_writer = await open_stream(self.target)
        except UnreachableError as error:
            tapped.remark(Side.SERVER, f"(not reached: {error})")
            _reset(writer)
            return
        try:
            async with asyncio.TaskGroup() as tasks:
                tasks.create_task(_pump(tapped, Side.CLIENT, reader, server_writer))
                tasks.create_task(_pump(tapped, Side.SERVER, server_reader, writer))
        except* _BrokenError:
            # What broke on one side breaks on the other in the same way: a reset stays a reset.
            for end in (writer, server_writer):
                _reset(end)
        finally:
            server_writer.close()


class _BrokenError(Exception):
    """A side is gone without closing."""


class _Tapped:
    """One connection as it is shown."""

    def __init__(
        self,
        number: int,
        port: Port,
        show: Callable[[Entry], None],
        shown: Callable[[], Awaitable[None]],
        started_s: float,
    ) -> None:
        self.shown = shown
        self.conversation = Conversation(port)
        self._number = number
        self._port = port
        self._show = show
        self._started_s = started_s

    def show(self, shown: list[Shown]) -> None:
        at_s = asyncio.get_running_loop().time() - self._started_s
        for one in shown:
            self._show(Entry(at_s, self._number, self._port, one))

    def remark(self, side: Side, text: str) -> None:
        self.show([Shown(side, text, is_line=False)])


async def _pump(
    tapped: _Tapped, side: Side, reader: asyncio.StreamReader, writer: asyncio.StreamWriter
) -> None:
    loop = asyncio.get_running_loop()
    while True:
        # Showing that a line is not ended must not cancel the read: a timer beside it does.
        silence = loop.call_later(SILENCE_S, lambda: tapped.show(tapped.conversation.silence(side)))
        try:
            data = await reader.read(CHUNK_OCTETS)
        except OSError as error:
            tapped.remark(side, f"(broke the connection off: {error.strerror or error})")
            raise _BrokenError from error
        finally:
            silence.cancel()
        tapped.show(tapped.conversation.received(side, data))
        await tapped.shown()
        try:
            if not data:
                if writer.can_write_eof():
                    writer.write_eof()
                else:
                    writer.close()  # within TLS there is no half-close
                return
            writer.write(data)
            await writer.drain()
        except OSError:
            # Whoever is written to has gone; its own reader says so. What still comes goes nowhere.
            with contextlib.suppress(OSError):
                while await reader.read(CHUNK_OCTETS):
                    pass
            return


def _reset(writer: asyncio.StreamWriter) -> None:
    sock: socket.socket = writer.get_extra_info("socket")
    with contextlib.suppress(OSError):
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, _RESET)
    writer.transport.abort()
