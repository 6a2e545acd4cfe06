"""What is served over HTTP: the page's files, the state once, the state as a stream, and a sign of health."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Final

from starlette.applications import Starlette
from starlette.datastructures import MutableHeaders
from starlette.middleware import Middleware
from starlette.responses import JSONResponse, Response, StreamingResponse
from starlette.routing import Route

from services.admin.dashboard.state import VERSION

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

    from starlette.requests import Request
    from starlette.types import ASGIApp, Message, Receive, Scope, Send

    from services.admin.dashboard.feed import Feed
    from services.admin.dashboard.play import Play

PAGE: Final = Path(__file__).parent / "page"

_TYPES: Final = {
    ".html": "text/html; charset=utf-8",
    ".css": "text/css; charset=utf-8",
    ".js": "text/javascript; charset=utf-8",
    ".svg": "image/svg+xml",
}

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


def make_app(feed: Feed, play: Play) -> Starlette:
    """Return the application that shows what `feed` tells, and lets people play."""

    async def players(_request: Request) -> Response:
        return JSONResponse(feed.state())

    async def events(_request: Request) -> Response:
        if feed.full:
            return JSONResponse({"version": VERSION, "error": "too many viewers"}, status_code=503)
        return StreamingResponse(feed.stream(), media_type="text/event-stream")

    async def health(_request: Request) -> Response:
        return JSONResponse({"version": VERSION, "status": "ok", "watching": feed.watching})

    return Starlette(
        routes=[
            *(Route("/" + path.name, _file(path)) for path in PAGE.iterdir() if path.suffix in _TYPES),
            Route("/", _file(PAGE / "index.html")),
            Route("/api/players", players),
            Route("/api/events", events),
            Route("/healthz", health),
            *play.routes(),
        ],
        middleware=[Middleware(_Headers)],
    )


def _file(path: Path) -> Callable[[Request], Awaitable[Response]]:
    """Serve a file from memory: there are few, and so no request can name another."""
    content = path.read_bytes()

    async def serve_file(_request: Request) -> Response:
        return Response(content, media_type=_TYPES[path.suffix])

    return serve_file
