"""Figures for Prometheus, on a port of their own: read when asked for, so that they cost the game nothing."""

from __future__ import annotations

import asyncio
import contextlib
import random
import socket
from email.parser import BytesHeaderParser
from typing import TYPE_CHECKING, Final

import structlog
from prometheus_client import CollectorRegistry, PlatformCollector, ProcessCollector, make_wsgi_app
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily
from prometheus_client.exposition import choose_encoder
from prometheus_client.registry import Collector

from services.runtime.connecting import cause

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from wsgiref.types import WSGIApplication

    from prometheus_client.metrics_core import Metric

    from services.server.admission import Admission
    from services.server.context import ServerContext

PREFIX: Final = "guessing_game_"

MOST_CONNECTIONS: Final = 16
"""One more displaces one of them, picked at random: so many silent ones keep no Prometheus out."""

VISIT_TIMEOUT_S: Final = 5.0
"""From the connection to the end of the answer: dripping does not prolong it."""

HEAD_OCTETS: Final = 8192
"""Of a request's head, at most."""

PAUSE_S: Final = 0.05
"""From one answer to the next: collecting takes a millisecond or two, in which nobody plays."""

ACCEPT_RETRY_S: Final = 0.25


class ServerCollector(Collector):
    """Turns what the server counts into metrics."""

    def __init__(self, context: ServerContext, admission: Admission) -> None:
        self._context, self._admission = context, admission

    def collect(self) -> Iterator[Metric]:
        """Read everything, at the moment."""
        context = self._context
        yield GaugeMetricFamily(
            PREFIX + "connections", "Connections on both ports.", len(context.reactor.connections)
        )
        yield GaugeMetricFamily(PREFIX + "games", "Games under way on this server.", self._admission.games)
        yield CounterMetricFamily(PREFIX + "guesses", "Guesses judged.", context.guesses)
        events = CounterMetricFamily(PREFIX + "events", "What sessions did, as in the log.", labels=["event"])
        for event, count in context.observer.counted.items():
            events.add_metric([event.event], count)
        yield events
        yield CounterMetricFamily(
            PREFIX + "log_dropped_lines",
            "Lines that the log's reader did not take.",
            context.sink.dropped_lines,
        )
        yield GaugeMetricFamily(
            PREFIX + "lobby_reachable",
            "Whether what the servers share can be asked, 1 or 0.",
            int(context.lobby.reachable),
        )
        yield CounterMetricFamily(
            PREFIX + "lobby_operations", "Commands that Valkey was sent.", context.lobby.operations
        )
        yield CounterMetricFamily(
            PREFIX + "lobby_missed_guesses",
            "Guesses that no watcher was told of, because there were too many.",
            context.lobby.missed,
        )


class MetricsServer:
    """Answers requests for the figures, one a connection; its bounds stand in front of the library."""

    def __init__(self, context: ServerContext, admission: Admission) -> None:
        registry = CollectorRegistry()
        registry.register(ServerCollector(context, admission))
        ProcessCollector(registry=registry)
        PlatformCollector(registry=registry)
        self._app = make_wsgi_app(registry)
        self._loop = asyncio.get_running_loop()
        self._accepting: list[asyncio.Task[None]] = []
        self._visits: dict[asyncio.Task[None], None] = {}
        self._turn = asyncio.Lock()

    def listen(self, listener: socket.socket) -> None:
        """Accept connections until `close`."""
        self._accepting.append(self._loop.create_task(self._accept(listener)))

    def close(self) -> None:
        """Stop listening, and end all connections."""
        for task in (*self._accepting, *self._visits):
            task.cancel()

    async def _accept(self, listener: socket.socket) -> None:
        with listener:
            while True:
                try:
                    accepted, _ = await self._loop.sock_accept(listener)
                except OSError as error:
                    structlog.get_logger().error("accept_failed", reason=cause(error))
                    await asyncio.sleep(ACCEPT_RETRY_S)
                    continue
                if len(self._visits) >= MOST_CONNECTIONS:
                    await self._make_room()
                visit = self._loop.create_task(self._visit(accepted))
                self._visits[visit] = None
                visit.add_done_callback(self._visits.pop)

    async def _make_room(self) -> None:
        """End a connection, any: silent ones stay for long and are hit, a request is answered at once."""
        displaced = random.choice(list(self._visits))  # noqa: S311  fair is enough
        displaced.cancel()
        await asyncio.wait([displaced])

    async def _visit(self, sock: socket.socket) -> None:
        with sock, contextlib.suppress(OSError):  # a deadline that has passed is one, too
            sock.setblocking(False)
            async with asyncio.timeout(VISIT_TIMEOUT_S):
                head = await self._read_head(sock)
                if head:
                    await self._loop.sock_sendall(sock, await self._answer(head))
                    sock.shutdown(socket.SHUT_WR)
                    while await self._loop.sock_recv(sock, HEAD_OCTETS):
                        pass  # a close with input unread would be a reset, which may overtake the answer

    async def _read_head(self, sock: socket.socket) -> bytes:
        """Return the head of a request; nothing if it is none."""
        head = b""
        while b"\r\n\r\n" not in head:
            piece = await self._loop.sock_recv(sock, HEAD_OCTETS)
            head += piece
            if not piece or len(head) > HEAD_OCTETS:
                return b""
        return head

    async def _answer(self, head: bytes) -> bytes:
        await self._turn.acquire()
        self._loop.call_later(PAUSE_S, self._turn.release)
        return _respond(self._app, head)


def _respond(app: WSGIApplication, head: bytes) -> bytes:
    """Return the whole response of an application to the head of a request."""
    request, _, fields = head.partition(b"\r\n")
    method, _, target = request.decode("latin-1").rpartition(" ")[0].partition(" ")
    path, _, query = target.partition("?")
    headers = BytesHeaderParser().parsebytes(fields)
    accepted = headers.get("Accept", "")
    try:
        choose_encoder(accepted)
    except TypeError:  # the library stumbles over a version that is none
        accepted = ""
    answered: list[str] = []

    def start_response(status: str, fields: list[tuple[str, str]], *_: object) -> Callable[[bytes], None]:
        answered.extend((f"HTTP/1.1 {status}", *(f"{name}: {value}" for name, value in fields)))
        return lambda _: None

    body = b"".join(
        app(
            {
                "REQUEST_METHOD": "GET" if method == "HEAD" else method,  # the library knows no HEAD
                "PATH_INFO": path,
                "QUERY_STRING": query,
                "HTTP_ACCEPT": accepted,
                "HTTP_ACCEPT_ENCODING": headers.get("Accept-Encoding", ""),
            },
            start_response,
        )
    )
    answered += (f"Content-Length: {len(body)}", "Connection: close", "", "")
    return "\r\n".join(answered).encode("latin-1") + (b"" if method == "HEAD" else body)
