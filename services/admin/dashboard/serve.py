"""Run the page's HTTP server within the program that watches."""

from __future__ import annotations

import asyncio
import contextlib
from typing import TYPE_CHECKING, Final

import uvicorn

from services.admin.dashboard.app import make_app
from services.admin.dashboard.connections import Bounds
from services.admin.dashboard.play import MOST_MESSAGE_OCTETS

if TYPE_CHECKING:
    import socket
    from collections.abc import Collection, Generator, Sequence

    from structlog.typing import FilteringBoundLogger

    from services.admin.dashboard.feed import Feed
    from services.admin.dashboard.play import Play
    from services.admin.recorder import Recorder

GRACE_S: Final = 1


class _Server(uvicorn.Server):
    @contextlib.contextmanager
    def capture_signals(self) -> Generator[None, None, None]:
        """Leave the signals to the program."""
        yield


async def serve(
    feed: Feed,
    recorder: Recorder,
    play: Play,
    listeners: Sequence[socket.socket],
    *,
    names: Collection[str],
    log: FilteringBoundLogger,
) -> None:
    """Serve the page until cancelled; then end the streams and close."""
    config = uvicorn.Config(
        make_app(feed, recorder, play, names),
        http="h11",
        ws="websockets-sansio",
        ws_max_size=MOST_MESSAGE_OCTETS,
        ws_per_message_deflate=False,
        lifespan="off",
        log_config=None,
        access_log=False,
        server_header=False,
        proxy_headers=False,
        timeout_graceful_shutdown=GRACE_S,
    )
    server = _Server(config)
    bounds = Bounds(log)
    async with asyncio.TaskGroup() as tasks:
        running = [
            tasks.create_task(feed.run()),
            *(tasks.create_task(bounds.accept(one, config, server.server_state)) for one in listeners),
        ]
        serving = tasks.create_task(server.serve([]))
        try:
            await asyncio.shield(serving)
        except asyncio.CancelledError:
            feed.close()
            for task in running:
                task.cancel()
            for listener in listeners:
                listener.close()
            server.should_exit = True
            # Who has not taken the end by then does not hold up the program.
            asyncio.get_running_loop().call_later(GRACE_S / 2, bounds.abort)
            await serving
            raise
