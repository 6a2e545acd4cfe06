"""What is served over HTTP: the page's files, the state once, the state as a stream, and a sign of health."""

from __future__ import annotations

import sqlite3
from pathlib import Path
from typing import TYPE_CHECKING, Final

from starlette.applications import Starlette
from starlette.datastructures import MutableHeaders
from starlette.middleware import Middleware
from starlette.responses import JSONResponse, Response, StreamingResponse
from starlette.routing import Route

from services.admin.dashboard.connections import ANSWER_TIMEOUT_S, Timed
from services.admin.dashboard.hosts import OwnHosts
from services.admin.dashboard.state import VERSION

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator, Awaitable, Callable, Collection, Iterator

    from starlette.requests import Request
    from starlette.types import ASGIApp, Message, Receive, Scope, Send

    from services.admin.dashboard.connections import Connection
    from services.admin.dashboard.feed import Feed
    from services.admin.dashboard.play import Play
    from services.admin.recorder import Recorder

CHUNK_OCTETS: Final = 64 << 10
"""A large answer is handed over piece by piece, as the reader takes it: it is in memory once for all."""

PAGE: Final = Path(__file__).parent / "page"

_TYPES: Final = {
    ".html": "text/html; charset=utf-8",
    ".css": "text/css; charset=utf-8",
    ".js": "text/javascript; charset=utf-8",
    ".svg": "image/svg+xml",
}

_EVENT_STREAM: Final = "text/event-stream"

HEADERS: Final = {
    # Nothing from anywhere else, nothing inline, in nobody's frame.
    "Content-Security-Policy": (
        "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; connect-src 'self'; "
        "base-uri 'none'; form-action 'none'; frame-ancestors 'none'; "
        "require-trusted-types-for 'script'; trusted-types 'none'"
    ),
    "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": "no-referrer",
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Permissions-Policy": "camera=(), geolocation=(), microphone=()",
    # The files are small and change with each release.
    "Cache-Control": "no-store",
}


class _Headers:
    """Puts `HEADERS` on every answer, errors included."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        async def send_with_headers(message: Message) -> None:
            if message["type"] == "http.response.start":
                MutableHeaders(scope=message).update(HEADERS)
            await send(message)

        await self._app(scope, receive, send_with_headers)


class _Events:
    """The stream of what happens; it needs the connection, so it is an application of its own."""

    def __init__(self, feed: Feed) -> None:
        self._feed = feed

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        connection: Connection = scope["state"]["connection"]
        response: Response
        if scope["method"] == "HEAD":
            response = Response(media_type=_EVENT_STREAM)
            await response(scope, receive, send)
            return
        with self._feed.viewer(connection.abort) as messages:
            if messages is None or not connection.hold():
                error = {"version": VERSION, "error": "too many viewers"}
                response = JSONResponse(error, 503, {"Retry-After": "10"})
            else:
                response = StreamingResponse(
                    _timed(messages, connection),
                    media_type=_EVENT_STREAM,
                    headers={"X-Accel-Buffering": "no"},  # nginx would gather them for seconds
                )
            await response(scope, receive, send)


async def _timed(
    messages: AsyncGenerator[bytes, None], connection: Connection
) -> AsyncGenerator[memoryview, None]:
    async for message in messages:
        connection.end_within(ANSWER_TIMEOUT_S)
        for chunk in _chunks(memoryview(message)):
            yield chunk
        connection.end_within(None)


def _chunks(content: memoryview) -> Iterator[memoryview]:
    return (content[start : start + CHUNK_OCTETS] for start in range(0, len(content), CHUNK_OCTETS))


def _whole(content: memoryview, media_type: str) -> Response:
    async def chunks() -> AsyncGenerator[memoryview, None]:
        for chunk in _chunks(content):
            yield chunk

    return StreamingResponse(chunks(), media_type=media_type, headers={"Content-Length": str(len(content))})


def make_app(feed: Feed, recorder: Recorder, play: Play, names: Collection[str]) -> Starlette:
    """Return the application: what `feed` tells, and games, for requests to one of `names`."""

    async def players(_request: Request) -> Response:
        return _whole(feed.state(), "application/json")

    async def scores(_request: Request) -> Response:
        try:
            return JSONResponse({"version": VERSION, **await recorder.scores()})
        except sqlite3.Error as error:
            return JSONResponse({"version": VERSION, "error": f"the history cannot be read: {error}"}, 503)

    async def health(_request: Request) -> Response:
        return JSONResponse({"version": VERSION, "status": "ok", "watching": feed.watching})

    app = Starlette(
        routes=[
            *(Route("/" + path.name, _file(path)) for path in PAGE.iterdir() if path.suffix in _TYPES),
            Route("/", _file(PAGE / "index.html")),
            Route("/api/players", players),
            Route("/api/scores", scores),
            Route("/api/events", _Events(feed), methods=["GET"]),
            Route("/healthz", health),
            *play.routes(),
        ],
        middleware=[Middleware(Timed), Middleware(_Headers), Middleware(OwnHosts, names=names)],
    )
    # A redirection would name this server, not the proxy that the request came through.
    app.router.redirect_slashes = False
    return app


def _file(path: Path) -> Callable[[Request], Awaitable[Response]]:
    """Serve a file from memory: there are few, and so no request can name another."""
    content = path.read_bytes()

    async def serve_file(_request: Request) -> Response:
        return Response(content, media_type=_TYPES[path.suffix])

    return serve_file
