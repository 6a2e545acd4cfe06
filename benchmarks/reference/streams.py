"""A task for each player on asyncio's streams."""

import asyncio
import contextlib

from benchmarks.reference.game import BACKLOG, CORRECT, HOST, Player, arguments


async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    """Play with one player to the end."""
    player = Player()
    with contextlib.closing(writer), contextlib.suppress(OSError):
        while line := await reader.readline():
            reply = player.answer(line.rstrip())
            if reply is None:
                return
            writer.write(reply)
            await writer.drain()
            if reply is CORRECT:
                return


async def main() -> None:
    """Serve until killed."""
    port, tls = arguments()
    server = await asyncio.start_server(serve, HOST, port, backlog=BACKLOG, ssl=tls)
    await server.serve_forever()


if __name__ == "__main__":
    asyncio.run(main())
