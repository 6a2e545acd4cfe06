"""The bounds of the live page at their full size; `make soak` alone runs this."""

from __future__ import annotations

import asyncio
import contextlib
import http.client
import json
import socket
import time
from typing import TYPE_CHECKING

import pytest

from benchmarks.host import processor_s, raise_file_limit, resident_kib
from services.admin.dashboard.feed import MOST_VIEWERS, STAY_S
from tests.support.dashboard import dashboard
from tests.support.scripted_server import ScriptedServer
from tests.support.simulated_players import Crowd

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tests.support.scripted_server import Peer

PLAYERS = 9_000
EVENTS = b"GET /api/events HTTP/1.1\r\nHost: localhost\r\n\r\n"
HALF = b"GET /api/players HTTP/1.1\r\nHost: loc"

pytestmark = pytest.mark.timeout(300)


@pytest.fixture(autouse=True)
def limits() -> None:
    """Allow this process as many descriptors as it may have."""
    raise_file_limit()


def tell(text: str) -> None:
    """Print a figure."""
    print(f"\n    {text}", end=" ")  # noqa: T201  it is what the run is for


class LastingCrowd(Crowd):
    """A crowd that plays on for longer than a test of a script may take."""

    def __call__(self, peer: Peer) -> None:
        """Play a server's part until the watcher leaves."""
        peer._socket.settimeout(200)
        super().__call__(peer)


@contextlib.contextmanager
def page(events_per_s: int) -> Iterator[tuple[int, int]]:
    """Show a crowd; yield the program's process and its port."""
    crowd = LastingCrowd(PLAYERS, events_per_s=events_per_s)
    with ScriptedServer(crowd) as server, dashboard(server.port) as (process, port), crowd:
        yield process.pid, port


def health_s(port: int) -> float:
    """Return how long the health check takes."""
    began_s = time.monotonic()
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=20)
    connection.request("GET", "/healthz")
    assert connection.getresponse().status == 200
    connection.close()
    return time.monotonic() - began_s


def test_viewers_who_do_not_read() -> None:
    """64 viewers who do not read and 130 half requests, while 9,000 play: others are answered."""
    with page(events_per_s=1000) as (pid, port), contextlib.ExitStack() as stack:
        health_s(port)
        before_kib, most_kib, waits_s = resident_kib(pid), 0, []
        for begin in [EVENTS] * MOST_VIEWERS + [HALF] * 130:
            sock = stack.enter_context(socket.create_connection(("127.0.0.1", port), timeout=20))
            sock.sendall(begin)
        began_s, admitted_s = time.monotonic(), None
        while time.monotonic() - began_s < 45:
            waits_s.append(health_s(port))
            most_kib = max(most_kib, resident_kib(pid))
            if admitted_s is None:
                with socket.create_connection(("127.0.0.1", port), timeout=20) as newcomer:
                    newcomer.sendall(EVENTS)
                    if b" 200 " in newcomer.recv(64):
                        admitted_s = time.monotonic() - began_s
            time.sleep(0.2)
        tell(
            f"{MOST_VIEWERS} viewers who do not read, 130 half requests, {PLAYERS:,} players: "
            f"RSS {before_kib / 1024:.0f} -> {most_kib / 1024:.0f} MiB, "
            f"health check within {max(waits_s):.2f} s, "
            f"a newcomer sees the game after {admitted_s or 0:.1f} s"
        )
    assert most_kib < 160 * 1024
    assert max(waits_s) < 2
    assert admitted_s is not None
    assert admitted_s < STAY_S + 2


def test_many_newcomers_at_once() -> None:
    """50 viewers who come in the same moment, while 9,000 play: each gets one whole state."""

    async def look(port: int) -> tuple[float, list[int]]:
        began_s = time.monotonic()
        streams = []
        for _ in range(50):
            streams.append(await asyncio.open_connection("127.0.0.1", port, limit=64 << 20))
            streams[-1][1].write(EVENTS)

        async def follow(reader: asyncio.StreamReader) -> tuple[float, int]:
            settled_s, wholes = 0.0, 0
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(8):
                    while True:
                        line = await reader.readline()
                        if line == b"event: state\n":
                            wholes += 1
                            await reader.readline()
                            settled_s = time.monotonic() - began_s
            return settled_s, wholes

        found = await asyncio.gather(*(follow(reader) for reader, _ in streams))
        for _, writer in streams:
            writer.close()
        return max(settled_s for settled_s, _ in found), [wholes for _, wholes in found]

    with page(events_per_s=200) as (pid, port):
        health_s(port)
        used_s, began_s = processor_s(pid), time.monotonic()
        settled_s, wholes = asyncio.run(look(port))
        busy = (processor_s(pid) - used_s) / (time.monotonic() - began_s)
        tell(
            f"50 newcomers at once: settled after {settled_s:.1f} s, {max(wholes)} whole state each, "
            f"{busy:.0%} of a core"
        )
    assert set(wholes) == {1}
    assert settled_s < 2


def test_more_connections_than_descriptors() -> None:
    """1,100 connections where 1,024 descriptors are allowed: health is answered while they come and stay."""
    with ScriptedServer(Crowd(10, events_per_s=0)) as server, contextlib.ExitStack() as stack:
        _, port = stack.enter_context(dashboard(server.port, descriptors=1024))
        waits_s = []
        for number in range(1100):
            stack.enter_context(socket.create_connection(("127.0.0.1", port), timeout=20))
            if number % 50 == 0:
                waits_s.append(health_s(port))
        connection = http.client.HTTPConnection("127.0.0.1", port, timeout=20)
        connection.request("GET", "/healthz")
        assert json.loads(connection.getresponse().read())["watching"]
        connection.close()
        tell(f"1,100 silent connections at 1,024 descriptors: health check within {max(waits_s):.2f} s")
    assert max(waits_s) < 2
