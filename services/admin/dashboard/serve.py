"""Run the page's HTTP server within the program that watches."""

from __future__ import annotations

import asyncio
import contextlib
import socket
from typing import TYPE_CHECKING, Final

import uvicorn

from services.admin.dashboard.app import make_app
from services.admin.dashboard.play import MOST_MESSAGE_OCTETS

if TYPE_CHECKING:
    from collections.abc import Generator

    from services.admin.dashboard.feed import Feed
    from services.admin.dashboard.play import Play
    from services.admin.settings import DashboardSettings

MOST_CONNECTIONS: Final = 128
"""Twice the viewers' limit: each viewer needs a second connection for the files now and then."""


class _Server(uvicorn.Server):
    @contextlib.contextmanager
    def capture_signals(self) -> Generator[None, None, None]:
        """Leave the signals to the program."""
        yield


def listen(where: DashboardSettings) -> socket.socket:
    """Take the port.

    Raises:
        OSError: It cannot be had.
    """
    family = socket.AF_INET6 if ":" in where.host else socket.AF_INET
    return socket.create_server((where.host, where.port), family=family)


async def serve(feed: Feed, play: Play, listener: socket.socket) -> None:
    """Serve the page until cancelled; then end the streams and close."""
    config = uvicorn.Config(
        make_app(feed, play),
        http="h11",
        ws="websockets-sansio",
        ws_max_size=MOST_MESSAGE_OCTETS,
        ws_per_message_deflate=False,
        lifespan="off",
        log_config=None,
        access_log=False,
        server_header=False,
        limit_concurrency=MOST_CONNECTIONS,
        timeout_graceful_shutdown=1,
    )
    server = _Server(config)
    async with asyncio.TaskGroup() as tasks:
        frames = tasks.create_task(feed.run())
        serving = tasks.create_task(server.serve([listener]))
        try:
            await asyncio.shield(serving)
        except asyncio.CancelledError:
            feed.close()
            frames.cancel()
            server.should_exit = True
            await serving
            raise
