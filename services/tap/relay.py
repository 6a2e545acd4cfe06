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

from services.protocol.messages import Address
from services.runtime.connecting import UnreachableError, open_stream
from services.tap.follow import Conversation, Port, Shown, Side
from services.tap.render import Entry

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Iterator

    from services.runtime.connecting import Target
    from services.tap.players import Player, Players

CHUNK_OCTETS: Final = 16 << 10
MOST_CONNECTIONS: Final = 256
"""Connections at once, where there are descriptors for so many; one more is closed, and the tap says so."""

_RESET: Final = struct.pack("ii", 1, 0)


class Relay:
    """Passes connections of one port on to the server."""

    def __init__(
        self,
        port: Port,
        target: Target,
        show: Callable[[Entry], None],
        shown: Callable[[], Awaitable[None]],
        *,
        numbers: Iterator[int],
        players: Players,
        started_s: float,
        most: int,
    ) -> None:
        """Make a relay.

        Args:
            port: which port of the server it stands for.
            target: that port.
            show: is given each entry as it happens.
            shown: waits until its reader has taken them all.
            numbers: those of the connections, of all relays together.
            players: the players that came through any of them.
            started_s: the loop's time from which the entries count.
            most: how many connections there may be at once.
        """
        self.port = port
        self.target = target
        self._show = show
        self._shown = shown
        self._numbers = numbers
        self._players = players
        self._started_s = started_s
        self._most = most
        self._open: dict[_Tapped, asyncio.Task[None] | None] = {}
        """With their tasks: asyncio drops that of a client which has gone, though it still hears the server,
        and what nobody has is collected before its end."""

    async def accept(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """Relay one connection until both sides have ended."""
        number = next(self._numbers)
        tapped = _Tapped(number, self.port, self._show, players=self._players, started_s=self._started_s)
        if len(self._open) >= self._most:
            tapped.remark(Side.CLIENT, f"(refused: the tap serves {self._most} connections at once)")
            writer.close()
            return
        self._open[tapped] = asyncio.current_task()
        try:
            # Cancelled, the task would end the tap with a traceback: asyncio asks it how it failed.
            with contextlib.suppress(asyncio.CancelledError):
                await self._relay(tapped, reader, writer)
        finally:
            del self._open[tapped]
            tapped.close()
            writer.close()

    def close(self) -> None:
        """Show what has not come on any connection when the tap ends."""
        for tapped in self._open:
            tapped.close()

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
        tapped.reached(Address(*server_writer.get_extra_info("sockname")[:2]))
        try:
            async with asyncio.TaskGroup() as tasks:
                tasks.create_task(_pump(tapped, Side.CLIENT, reader, server_writer, self._shown))
                tasks.create_task(_pump(tapped, Side.SERVER, server_reader, writer, self._shown))
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
        *,
        players: Players,
        started_s: float,
    ) -> None:
        self._conversation = Conversation(port, players)
        self._number = number
        self._port = port
        self._show = show
        self._players = players
        self._player: Player | None = None
        self._started_s = started_s
        self._timer: asyncio.TimerHandle | None = None

    def reached(self, address: Address) -> None:
        """Take note of where the server sees the connection come from."""
        if self._port is Port.PLAYER:
            self._player = self._players.opened(self._number, address)
        self.remark(Side.SERVER, f"(connected: there this is {address})")

    def received(self, side: Side, data: bytes) -> None:
        """Show what a side has sent; nothing is its end."""
        if not data:
            self._end()
        self._show_all(self._conversation.received(side, data, self._now_s()))
        self._watch_silence()

    def broke(self, side: Side, error: OSError) -> None:
        """Show that a side is gone without closing."""
        self._end()
        self.remark(side, f"(broke the connection off: {error.strerror or error})")

    def close(self) -> None:
        """Show what has not come until the end."""
        self._end()
        if self._timer is not None:
            self._timer.cancel()
        self._show_all(self._conversation.left(self._now_s()))

    def remark(self, side: Side, text: str) -> None:
        self._show_all([Shown(side, text, is_line=False)])

    def _now_s(self) -> float:
        return asyncio.get_running_loop().time() - self._started_s

    def _end(self) -> None:
        if self._player is not None and self._player.ended_s is None:
            self._player.ended_s = self._now_s()

    def _watch_silence(self) -> None:
        # A timer, because reading must not be cancelled only to say that there is nothing to read.
        if self._timer is not None:
            self._timer.cancel()
        due_s = self._conversation.due_s
        if due_s is not None:
            self._timer = asyncio.get_running_loop().call_at(self._started_s + due_s, self._tell_silence)

    def _tell_silence(self) -> None:
        self._show_all(self._conversation.silence(self._now_s()))
        self._watch_silence()

    def _show_all(self, shown: list[Shown]) -> None:
        at_s = self._now_s()
        for one in shown:
            self._show(Entry(at_s, self._number, self._port, one))


async def _pump(
    tapped: _Tapped,
    side: Side,
    reader: asyncio.StreamReader,
    writer: asyncio.StreamWriter,
    shown: Callable[[], Awaitable[None]],
) -> None:
    while True:
        try:
            data = await reader.read(CHUNK_OCTETS)
        except OSError as error:
            tapped.broke(side, error)
            raise _BrokenError from error
        tapped.received(side, data)
        await shown()
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
