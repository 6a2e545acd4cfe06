"""A plain asyncio.Protocol on uvloop: callbacks, no task for each player."""

import asyncio
import contextlib
from typing import cast

import uvloop

from benchmarks.reference.game import BACKLOG, CORRECT, HOST, Player, arguments


class Connection(asyncio.Protocol):
    """One player."""

    __slots__ = ("player", "rest", "transport")

    def __init__(self) -> None:
        self.player = Player()
        self.rest = b""

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Keep the way back."""
        self.transport = cast("asyncio.Transport", transport)

    def data_received(self, data: bytes) -> None:
        """Answer all lines that have come, with one write."""
        *lines, self.rest = (self.rest + data).split(b"\n")
        replies = []
        for line in lines:
            reply = self.player.answer(line.rstrip())
            if reply is not None:
                replies.append(reply)
            if reply is None or reply is CORRECT:
                self.transport.write(b"".join(replies))
                self.transport.close()
                return
        if replies:
            self.transport.write(b"".join(replies))


async def serve(connection: type[Connection]) -> None:
    """Serve until killed."""
    port, tls = arguments()
    loop = asyncio.get_running_loop()
    server = await loop.create_server(connection, HOST, port, backlog=BACKLOG, ssl=tls)
    await server.serve_forever()


if __name__ == "__main__":
    with contextlib.suppress(KeyboardInterrupt):
        uvloop.run(serve(Connection))
