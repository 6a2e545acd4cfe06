"""The bounds on connections to the page: whatever some of them do or leave undone, others are answered."""

from __future__ import annotations

import asyncio
import contextlib
import socket
from typing import TYPE_CHECKING

import pytest
import structlog

from services.admin.clock import Clock
from services.admin.dashboard import connections
from services.admin.dashboard.connections import MOST_CONNECTIONS, listen
from services.admin.dashboard.feed import MOST_VIEWERS, Feed
from services.admin.dashboard.names import Names
from services.admin.dashboard.play import Play
from services.admin.dashboard.serve import serve
from services.admin.history import IN_MEMORY
from services.admin.model.board import Board
from services.admin.recorder import Recorder
from services.admin.settings import PlaySettings
from services.protocol.messages import Address, Joined
from services.protocol.rules import CLASSIC
from services.runtime.connecting import Target

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

PATIENCE_S = 20.0
ESTABLISHED = 1
HEALTH = b"GET /healthz HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n"
EVENTS = b"GET /api/events HTTP/1.1\r\nHost: localhost\r\n\r\n"
PLAYERS = b"GET /api/players HTTP/1.1\r\nHost: localhost\r\n\r\n"
HALF = b"GET /api/players HTTP/1.1\r\nHost: loc"


@contextlib.asynccontextmanager
async def page(players: int = 0) -> AsyncIterator[int]:
    """Serve a page whose board shows so many players, and yield its port."""
    board = Board(0.0)
    for number in range(players):
        board.apply(Joined(Address("10.0.0.1", number)), 0.0)
    clock = Clock()
    feed = Feed(board, Names(lambda _: None, lambda: 0.0), {}, clock)
    log = structlog.get_logger()
    recorder = Recorder(IN_MEMORY, board, clock, log)
    play = Play(Target("127.0.0.1", 1), PlaySettings(port=1, most_games=1, timeout_s=1), CLASSIC)
    listeners = listen("127.0.0.1", 0)
    port = listeners[0].getsockname()[1]
    serving = asyncio.ensure_future(serve(feed, recorder, play, listeners, names=frozenset(), log=log))
    try:
        async with asyncio.timeout(PATIENCE_S):
            yield port
    finally:
        serving.cancel()
        with contextlib.suppress(asyncio.CancelledError):
            await serving
        await recorder.close()


async def ask(port: int, request: bytes) -> bytes:
    """Return the first octets of the answer to a request, or nothing."""
    with contextlib.suppress(ConnectionError):
        reader, writer = await asyncio.open_connection("127.0.0.1", port)
        writer.write(request)
        answer = await reader.read(12)
        writer.close()
        return answer
    return b""


async def end_of(reader: asyncio.StreamReader) -> None:
    """Wait until the other side has ended the connection."""
    with contextlib.suppress(ConnectionError):
        while await reader.read(1 << 16):
            pass


@pytest.mark.parametrize("begin", [b"", HALF, HEALTH.replace(b"close", b"keep-alive"), PLAYERS])
def test_a_crowd_keeps_nobody_out(begin: bytes) -> None:
    """Hundreds who say nothing, half a request or a whole one, and stay: the next one is answered (G-8)."""

    async def run() -> None:
        async with page() as port:
            crowd = []
            for _ in range(MOST_CONNECTIONS + 100):
                crowd.append(await asyncio.open_connection("127.0.0.1", port))
                crowd[-1][1].write(begin)
            # While the crowd's last connections are still arriving, one of them may displace a newcomer.
            answers = [await ask(port, HEALTH) for _ in range(10)]
            for _, writer in crowd:
                writer.close()
            assert answers.count(b"HTTP/1.1 200") >= 5

    asyncio.run(run())


@pytest.mark.parametrize(
    ("begin", "drip"),
    [(b"", b""), (b"GET", b""), (HALF, b"x"), (PLAYERS + HALF, b""), (b"", b"\r\n")],
    ids=["silent", "stalled", "dripping", "after an answer", "empty lines"],
)
def test_a_request_has_a_deadline(monkeypatch: pytest.MonkeyPatch, begin: bytes, drip: bytes) -> None:
    """A client that does not end a request is cut off: silent or dripping, at first or later."""
    monkeypatch.setattr(connections, "REQUEST_TIMEOUT_S", 0.3)

    async def run() -> None:
        async with page() as port:
            reader, writer = await asyncio.open_connection("127.0.0.1", port)
            writer.write(begin)
            ended = asyncio.ensure_future(end_of(reader))
            with contextlib.suppress(ConnectionError):
                while not ended.done():
                    writer.write(drip)
                    await asyncio.wait([ended], timeout=0.05)
            writer.close()

    asyncio.run(run())


@pytest.mark.parametrize("request_", [PLAYERS, EVENTS, PLAYERS * 50], ids=["once", "stream", "pipeline"])
def test_an_answer_has_a_deadline(monkeypatch: pytest.MonkeyPatch, request_: bytes) -> None:
    """A client that does not take an answer, or what comes next in the stream, is cut off (G-8)."""
    monkeypatch.setattr(connections, "ANSWER_TIMEOUT_S", 0.3)
    monkeypatch.setattr("services.admin.dashboard.app.ANSWER_TIMEOUT_S", 0.3)
    monkeypatch.setattr(connections, "REQUEST_TIMEOUT_S", 0.3)

    async def run() -> None:
        async with page(players=4_000) as port:
            with socket.socket() as unread:
                unread.setblocking(False)
                unread.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
                loop = asyncio.get_running_loop()
                await loop.sock_connect(unread, ("127.0.0.1", port))
                await loop.sock_sendall(unread, request_)
                while unread.getsockopt(socket.IPPROTO_TCP, socket.TCP_INFO, 1)[0] == ESTABLISHED:  # noqa: ASYNC110 (no event tells)
                    await asyncio.sleep(0.05)

    asyncio.run(run())


def test_streams_are_counted_exactly() -> None:
    """Of many who ask for the stream in the same moment, just so many get it."""

    async def run() -> None:
        async with page() as port:
            clients = [await asyncio.open_connection("127.0.0.1", port) for _ in range(MOST_VIEWERS + 10)]
            for _, writer in clients:
                writer.write(EVENTS)
            answers = [await reader.readline() for reader, _ in clients]
            for _, writer in clients:
                writer.close()
            assert sum(b" 200 " in answer for answer in answers) == MOST_VIEWERS
            assert sum(b" 503 " in answer for answer in answers) == 10

    asyncio.run(run())


def test_a_look_at_the_head_of_the_stream_is_no_stream() -> None:
    """HEAD of the stream is answered and over, and takes nobody's place."""

    async def run() -> None:
        async with page() as port:
            for _ in range(MOST_VIEWERS + 1):
                reader, writer = await asyncio.open_connection("127.0.0.1", port)
                writer.write(
                    EVENTS.replace(b"GET", b"HEAD").replace(b"\r\n\r\n", b"\r\nConnection: close\r\n\r\n")
                )
                head = await reader.read()
                assert head.startswith(b"HTTP/1.1 200")
                assert b"text/event-stream" in head
                writer.close()
            assert await ask(port, EVENTS) == b"HTTP/1.1 200"

    asyncio.run(run())


@pytest.mark.parametrize(
    ("listening", "reached"), [("::", "127.0.0.1"), ("::", "::1"), ("0.0.0.0", "127.0.0.1"), ("::1", "::1")]
)
def test_any_address_is_of_both_families(listening: str, reached: str) -> None:
    """Who listens on `::` is reached by IPv4 too."""
    with contextlib.ExitStack() as stack:
        listeners = [stack.enter_context(listener) for listener in listen(listening, 0)]
        where = reached, listeners[0].getsockname()[1]
        stack.enter_context(socket.create_connection(where, timeout=PATIENCE_S))


BROKEN = b"POST /healthz HTTP/1.1\r\nHost: localhost\r\nTransfer-Encoding: chunked\r\n\r\nZZ\r\n"
NO_WEBSOCKET = (
    b"GET /play HTTP/1.1\r\nHost: localhost\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
    b"Sec-WebSocket-Key: x\r\nSec-WebSocket-Version: 13\r\n\r\n"
)


@pytest.mark.parametrize("request_octets", [BROKEN, NO_WEBSOCKET])
def test_a_request_that_is_none_is_nobodys_mistake_but_its_own(
    request_octets: bytes, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    """A body that turns into nonsense and an upgrade that is refused put no traceback into the log (G-8)."""
    monkeypatch.setattr(connections, "REQUEST_TIMEOUT_S", 0.2)

    async def run() -> None:
        async with page() as port:
            # When the deadline of the one that came later is over, that of the first is, too.
            for sent in (request_octets, b""):
                reader, writer = await asyncio.open_connection("127.0.0.1", port)
                writer.write(sent)
                await end_of(reader)
                writer.close()

    asyncio.run(run())
    assert [record.getMessage() for record in caplog.records if record.levelname == "ERROR"] == []
