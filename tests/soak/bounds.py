"""The bounds of docs/operations.md at their full size: minutes, so nothing but `make soak` runs this.

Each test prints the figure it has found beside the promise.
"""

from __future__ import annotations

import asyncio
import contextlib
import itertools
import os
import resource
import shutil
import signal
import socket
import subprocess
import sys
import threading
import time
import urllib.request
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from benchmarks.generator import Target, Visits
from benchmarks.host import processor_s, raise_file_limit, resident_kib
from benchmarks.plan import Kind, Load
from services.runtime.tls import client_context
from services.runtime.tls_settings import ClientTls
from services.server.settings import Limits
from tests.support.certificates import make_cast
from tests.support.crowd import playing_crowd
from tests.support.line_client import LineClient
from tests.support.play import finish_a_game, start_a_game
from tests.support.server_process import AS_IT_IS, LOOPS, Alteration, ServerProcess
from tests.support.valkey_container import free_port

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tests.support.certificates import Cast
    from tests.support.crowd import Tally

MIB = 1 << 20
PLAYERS = 50
PLAY_S = 5.0
EVERY_EVENT = (
    *("handshake_advanced", "handshake_completed", "handshake_refused", "guess_judged", "guess_rejected"),
    *("game_won", "session_closed"),
)

pytestmark = pytest.mark.timeout(600)


@pytest.fixture(autouse=True)
def limits() -> None:
    """Allow this process as many descriptors as it may have."""
    raise_file_limit()


@pytest.fixture(params=LOOPS[:2], ids=["fastest loop", "asyncio"])
def loop(request: pytest.FixtureRequest) -> Alteration:
    """Give a server on one event loop and on the other."""
    return Alteration(without=request.param)


@pytest.fixture(scope="module")
def cast(tmp_path_factory: pytest.TempPathFactory) -> Cast:
    """Certificates of a server and its peers."""
    return make_cast(tmp_path_factory.mktemp("cast"))


def tell(text: str) -> None:
    """Print a figure."""
    print(f"\n    {text}", end=" ")  # noqa: T201  it is what the run is for


async def baseline(server: ServerProcess) -> float:
    """Return the p99 of a crowd that is alone, in milliseconds.

    It is taken before and after: what else goes on on the machine is not the server's doing.
    """
    async with playing_crowd(server.player, PLAYERS) as tally:
        await asyncio.sleep(PLAY_S)
    assert not tally.lost
    return tally.p99_ms


def judge(tally: Tally, alone_ms: float, what: str) -> None:
    """Hold the waits of a crowd against the promise: twice what they were alone, or 100 ms."""
    games = f"{tally.won} games won, {len(tally.lost)} lost"
    tell(f"{what}: p99 {tally.p99_ms:.1f} ms (alone {alone_ms:.1f}), {games}")
    assert not tally.lost
    assert tally.p99_ms < max(2 * alone_ms, 100)


def test_drip_feeders(loop: Alteration) -> None:
    """500 who drip are all cut at the timeout + 2 s, beside 50 players who lose nothing."""

    async def drip(address: tuple[str, int], number: int) -> float:
        reader, writer = await asyncio.open_connection(*address)
        began_s = time.monotonic()
        writer.write(b"Hello\r\n")
        await reader.readline()
        ended = asyncio.ensure_future(reader.read())
        with contextlib.suppress(ConnectionError):
            while not ended.done():
                writer.write(b"G" if number % 2 else b" ")
                await asyncio.wait([ended], timeout=1)
        lasted_s = time.monotonic() - began_s
        ended.cancel()
        writer.close()
        return lasted_s

    async def run(server: ServerProcess) -> None:
        alone_ms = await baseline(server)
        async with playing_crowd(server.player, PLAYERS) as tally:
            lasted_s = await asyncio.gather(*(drip(server.player, number) for number in range(500)))
        alone_ms = max(alone_ms, await baseline(server))
        tell(f"500 drip-feeders, timeout 10 s: cut after {min(lasted_s):.1f} to {max(lasted_s):.1f} s")
        assert max(lasted_s) < 10 + 2
        judge(tally, alone_ms, "50 players beside them")

    with ServerProcess(loop) as server:
        server.ignore(*EVERY_EVENT)
        asyncio.run(run(server))


def test_a_flood(loop: Alteration) -> None:
    """100,000 lines from one connection, and 50 players beside it."""

    async def run(server: ServerProcess, flooding: LineClient, guess: bytes, reply: bytes) -> None:
        alone_ms = await baseline(server)
        async with playing_crowd(server.player, PLAYERS) as tally:
            took_s = []
            for _ in range(5):
                began_s = time.monotonic()
                sender = threading.Thread(target=flooding.send, args=(guess * 100_000,))
                sender.start()
                await asyncio.to_thread(flooding.read, len(reply) * 100_000)
                sender.join()
                took_s.append(time.monotonic() - began_s)
        alone_ms = max(alone_ms, await baseline(server))
        tell(f"100,000 lines from one connection, five times: answered in {max(took_s):.2f} s")
        judge(tally, alone_ms, "50 players beside it")

    with ServerProcess(loop, GAME_MAX_LINE_RATE="0") as server:
        server.ignore(*EVERY_EVENT)
        flooding, guess, reply = start_a_game(server)
        with flooding:
            asyncio.run(run(server, flooding, guess, reply))


def test_the_rate_of_lines(loop: Alteration) -> None:
    """30,000 lines at once from one connection, at the rate that is allowed, and 50 players beside it."""
    count, rate = 30_000, Limits().max_line_rate

    async def run(server: ServerProcess, flooding: LineClient, guess: bytes, reply: bytes) -> None:
        alone_ms = await baseline(server)
        async with playing_crowd(server.player, PLAYERS) as tally:
            began_s = time.monotonic()
            sender = threading.Thread(target=flooding.send, args=(guess * count,))
            sender.start()
            await asyncio.to_thread(flooding.read, len(reply) * count)
            sender.join()
            # The bucket is looked at once it is empty, and may be full once more by then.
            measured = (count - 2 * rate) / (time.monotonic() - began_s)
        alone_ms = max(alone_ms, await baseline(server))
        tell(f"{count:,} lines at once from one connection: answered at {measured:,.0f} a second")
        judge(tally, alone_ms, "50 players beside it")
        assert measured < rate * 1.1

    with ServerProcess(loop) as server:
        server.ignore(*EVERY_EVENT)
        flooding, guess, reply = start_a_game(server)
        with flooding:
            asyncio.run(run(server, flooding, guess, reply))


def test_key_updates(loop: Alteration, cast: Cast) -> None:
    """A TLS connection that sends key updates alone, again and again, and 50 players beside it."""
    settings = {"GAME_TLS_CERT": str(cast.server.cert), "GAME_TLS_KEY": str(cast.server.key)}

    async def run(server: ServerProcess) -> None:
        command = [sys.executable, "-m", "tests.support.key_updates", *map(str, server.player), "200000"]
        alone_ms = await baseline(server)
        async with playing_crowd(server.player, PLAYERS) as tally:
            sent, took_s = [], []
            for _ in range(5):
                began_s = time.monotonic()
                flood = await asyncio.create_subprocess_exec(*command, stdout=subprocess.PIPE)
                output, _ = await flood.communicate()
                sent.append(int(output))
                took_s.append(time.monotonic() - began_s)
        alone_ms = max(alone_ms, await baseline(server))
        tell(f"200,000 TLS key updates, five times: cut after {max(took_s):.1f} s, {max(sent):,} sent")
        judge(tally, alone_ms, "50 players beside them")
        assert max(sent) < 200_000

    with ServerProcess(loop, **settings, GAME_ADMIN_TLS="off") as server:
        server.ignore(*EVERY_EVENT)
        asyncio.run(run(server))


def test_a_crowd_at_the_administrator_port(loop: Alteration) -> None:
    """600 who connect again and again and say nothing: the administrator gets in after a few tries."""

    async def silent(address: tuple[str, int]) -> None:
        while True:
            with contextlib.suppress(OSError):
                reader, writer = await asyncio.open_connection(*address)
                with contextlib.closing(writer):
                    await reader.read()

    async def tries(address: tuple[str, int]) -> int:
        for number in itertools.count(1):
            with contextlib.suppress(OSError):
                reader, writer = await asyncio.open_connection(*address)
                with contextlib.closing(writer):
                    writer.write(b"Hello\r\nWho\r\n")
                    answer = await reader.read()
                if answer.startswith(b"Admin-Greetings"):
                    return number
        raise AssertionError

    async def run(address: tuple[str, int]) -> None:
        crowd = [asyncio.ensure_future(silent(address)) for _ in range(600)]
        await asyncio.sleep(2)
        needed, waits_s = [], []
        for _ in range(20):
            began_s = time.monotonic()
            needed.append(await tries(address))
            waits_s.append(time.monotonic() - began_s)
        for one in crowd:
            one.cancel()
        await asyncio.gather(*crowd, return_exceptions=True)
        tell(
            f"600 silent newcomers at the administrator port: greeted after {max(needed)} tries at most, "
            f"{max(waits_s):.1f} s; on average {sum(needed) / len(needed):.1f}"
        )
        assert max(waits_s) < 10

    with ServerProcess(loop) as server:
        server.ignore(*EVERY_EVENT, "connection_probed")
        asyncio.run(run(server.admin))


def test_an_endless_line(loop: Alteration) -> None:
    """64 MiB without a line end."""
    with ServerProcess(loop) as server, server.new_player("Hello") as player:
        began_s = time.monotonic()
        with pytest.raises(ConnectionError):
            player.send(b"x" * 64 * MIB)
        took_s, taken_mib = time.monotonic() - began_s, player.acknowledged_octets / MIB
        tell(f"64 MiB without a line end: cut after {took_s:.2f} s, {taken_mib:.1f} MiB taken by the kernel")
        assert took_s < 1
        assert taken_mib < 8
        finish_a_game(server)


def test_unread_output(loop: Alteration) -> None:
    """A peer that asks and asks and never reads, and a watcher that never reads."""
    settings = {"GAME_MAX_LINE_RATE": "0", "GAME_MAX_INVALID_GUESSES": "999999999", "GAME_WRITE_TIMEOUT": "3"}
    with ServerProcess(loop, **settings) as server:
        server.ignore(*EVERY_EVENT[:-1])
        before_kib = resident_kib(server.pid)
        with (
            server.new_admin("Hello", "Watch", receive_buffer_octets=4096) as watcher,
            server.new_player("Hello", "Game", receive_buffer_octets=4096) as unread,
        ):
            began_s = time.monotonic()
            with pytest.raises(ConnectionError):
                unread.send(b"\n" * 8 * MIB)
            cut_s = time.monotonic() - began_s
            flooding, guess, reply = start_a_game(server)
            with flooding:
                while not server.events("admin_left", peer=watcher.peer):
                    flooding.send(guess * 1000)
                    assert flooding.read(len(reply) * 1000) == reply * 1000
        more_mib = (resident_kib(server.pid) - before_kib) / 1024
        reason = server.events("admin_left")[0]["reason"]
        tell(f"unread output: RSS + {more_mib:.1f} MiB; player cut after {cut_s:.1f} s, watcher: {reason}")
        assert more_mib < 8
        finish_a_game(server)


def connections(address: tuple[str, int], count: int) -> Iterator[socket.socket]:
    """Open connections, from as many addresses as it takes."""
    for number in range(count):
        source = f"127.0.0.{1 + number % 8}"
        yield socket.create_connection(address, timeout=10, source_address=(source, 0))


def test_idle_connections(loop: Alteration) -> None:
    """10,000 connections that are greeted and idle."""
    count = 10_000
    room = min(count, resource.getrlimit(resource.RLIMIT_NOFILE)[0] - 500)
    with ServerProcess(loop, GAME_HANDSHAKE_TIMEOUT="300") as server, contextlib.ExitStack() as stack:
        finish_a_game(server)
        server.ignore(*EVERY_EVENT)
        before_kib = resident_kib(server.pid)
        for sock in connections(server.player, room):
            stack.enter_context(sock)
            sock.sendall(b"Hello\r\n")
            assert sock.recv(100) == b"Greetings\r\n"
        more_mib = (resident_kib(server.pid) - before_kib) / 1024
        used_s = processor_s(server.pid)
        threading.Event().wait(2)
        busy = (processor_s(server.pid) - used_s) / 2
        tell(f"{room} idle connections: RSS + {more_mib:.1f} MiB, {busy:.1%} of a core")
        assert more_mib * 10_000 / room < 100


def test_idle_tls_connections(loop: Alteration, cast: Cast) -> None:
    """2,000 connections over TLS."""
    settings = {
        "GAME_TLS_CERT": str(cast.server.cert),
        "GAME_TLS_KEY": str(cast.server.key),
        "GAME_TLS_CLIENT_CA": str(cast.ca),
        "GAME_HANDSHAKE_TIMEOUT": "300",
    }
    context = client_context(ClientTls(cast.ca))
    with ServerProcess(loop, **settings) as server, contextlib.ExitStack() as stack:
        stack.enter_context(server.new_player("Hello", tls=context))
        server.ignore(*EVERY_EVENT)
        before_kib = resident_kib(server.pid)
        for sock in connections(server.player, 2000):
            secure = stack.enter_context(context.wrap_socket(sock, server_hostname="localhost"))
            secure.sendall(b"Hello\r\n")
            assert secure.recv(100) == b"Greetings\r\n"
        more_mib = (resident_kib(server.pid) - before_kib) / 1024
        tell(f"2,000 idle TLS connections: RSS + {more_mib:.1f} MiB")
        assert more_mib < 120


def test_stalled_tls_handshakes(cast: Cast) -> None:
    """A handshake that stalls is cut, with the settings as they are."""
    settings = {
        "GAME_TLS_CERT": str(cast.server.cert),
        "GAME_TLS_KEY": str(cast.server.key),
        "GAME_TLS_CLIENT_CA": str(cast.ca),
    }
    with ServerProcess(**settings) as server:
        for address in (server.player, server.admin):
            with LineClient(address) as stalled:
                began_s = time.monotonic()
                stalled.send(b"\x16\x03\x01\x02\x00\x01")
                assert stalled.read_rest() == b""
                tell(f"a stalled TLS handshake: cut after {time.monotonic() - began_s:.1f} s")
                assert time.monotonic() - began_s < 7


def test_at_the_limit(loop: Alteration) -> None:
    """A server with 1,024 descriptors, all of its connections taken, and newcomers who knock."""
    altered = Alteration(without=loop.without, descriptors=1024)
    with ServerProcess(altered, GAME_HANDSHAKE_TIMEOUT="300") as server, contextlib.ExitStack() as stack:
        places = server.wait_for("server_listening")["max_players"]
        held = [stack.enter_context(server.new_player("Hello")) for _ in range(places)]
        used_s, began_s, waits_s = processor_s(server.pid), time.monotonic(), []
        while time.monotonic() - began_s < 5:
            for _ in range(20):
                knocked_s = time.monotonic()
                with server.new_player() as newcomer:
                    assert newcomer.read_rest() == b"Refused: server full\r\n"
                waits_s.append(time.monotonic() - knocked_s)
            threading.Event().wait(0.1)
        busy = (processor_s(server.pid) - used_s) / (time.monotonic() - began_s)
        crowd = [stack.enter_context(server.new_player()) for _ in range(1000)]  # all at once
        released_s = time.monotonic()
        held[0].close()
        for client in crowd:
            client.close()
        while True:
            with server.new_player() as newcomer:
                newcomer.send(b"Hello\r\n")
                if newcomer.read(11) == b"Greetings\r\n":
                    break
        tell(
            f"{places} places taken: {len(waits_s)} refused within {max(waits_s):.2f} s "
            f"at {busy:.0%} of a core; in {time.monotonic() - released_s:.2f} s after a release"
        )
        assert max(waits_s) < 1
        assert busy < 0.2
        assert time.monotonic() - released_s < 10
        assert not server.events("accept_failed")


def figures_s(port: int) -> float:
    """Return how long the metrics port takes to answer."""
    began_s = time.monotonic()
    with urllib.request.urlopen(f"http://127.0.0.1:{port}/metrics", timeout=20) as answer:
        assert b"guessing_game_games" in answer.read()
    return time.monotonic() - began_s


def test_the_metrics_port(loop: Alteration) -> None:
    """1,100 silent connections on the metrics port at 1,024 descriptors, beside 50 players."""
    port = free_port()
    altered = Alteration(without=loop.without, descriptors=1024)

    async def run(server: ServerProcess) -> None:
        alone_ms = await baseline(server)
        async with playing_crowd(server.player, PLAYERS) as tally:
            with contextlib.ExitStack() as stack:
                waits_s = []
                for number in range(1100):
                    _, silent = await asyncio.open_connection("127.0.0.1", port)
                    stack.callback(silent.close)
                    if number % 50 == 0:
                        waits_s.append(await asyncio.to_thread(figures_s, port))
        alone_ms = max(alone_ms, await baseline(server))
        tell(f"1,100 silent connections on the metrics port: figures within {max(waits_s):.2f} s")
        judge(tally, alone_ms, "50 players beside them")
        assert max(waits_s) < 2

    with ServerProcess(altered, GAME_METRICS_PORT=str(port)) as server:
        server.ignore(*EVERY_EVENT)
        threads = set(Path(f"/proc/{server.pid}/task").iterdir())
        asyncio.run(run(server))
        assert set(Path(f"/proc/{server.pid}/task").iterdir()) == threads
        assert not server.events("accept_failed")


def test_a_busy_machine() -> None:
    """Ten processes for each core that do nothing but compute: the server is healthy all the while."""
    check = [sys.executable, "-m", "services.server.healthcheck"]
    waits_s = []
    with ServerProcess() as server, contextlib.ExitStack() as stack:
        for _ in range(10 * (os.cpu_count() or 1)):
            busy = stack.enter_context(subprocess.Popen([sys.executable, "-c", "while True: pass"]))
            stack.callback(busy.kill)
        for _ in range(10):
            began_s = time.monotonic()
            done = subprocess.run(
                check, check=False, env={**os.environ, "GAME_HOST": "127.0.0.1", **server.ports}
            )
            waits_s.append(time.monotonic() - began_s)
            assert done.returncode == 0
    tell(f"10 busy processes for each core: 10 health checks of 10 passed, each within {max(waits_s):.2f} s")


def test_nothing_leaks() -> None:
    """200,000 games: descriptors, threads and memory."""

    def count(what: str) -> int:
        return len(list(Path(f"/proc/{server.pid}/{what}").iterdir()))

    games = int(os.environ.get("SOAK_GAMES", "200000"))
    load = Load("games", Kind.GAMES, 64)
    sizes_kib: list[tuple[int, int]] = []
    played = 0
    with ServerProcess() as server:
        server.ignore(*EVERY_EVENT)
        with Visits(Target(server.player[1]), load) as crowd:
            crowd.drive(2)  # warm
        server.settle()
        before = count("fd"), count("task")
        with Visits(Target(server.player[1]), load) as crowd:
            while played < games:
                played += crowd.drive(2).done
                sizes_kib.append((played, resident_kib(server.pid)))
        server.settle()
        after = count("fd"), count("task")
    half = len(sizes_kib) // 4  # memory pools fill up first
    (early, early_kib), (late, late_kib) = sizes_kib[half], sizes_kib[-1]
    slope_mib = (late_kib - early_kib) / 1024 / (late - early) * 50_000
    tell(
        f"{played} games: descriptors {before[0]} -> {after[0]}, threads {before[1]} -> {after[1]}, "
        f"RSS {sizes_kib[0][1] / 1024:.1f} -> {late_kib / 1024:.1f} MiB, {slope_mib:+.2f} MiB per 50,000"
    )
    assert after == before
    assert slope_mib < 1


def test_a_small_disk(tmp_path: Path) -> None:
    """A log on a disk of 256 KiB, which is full soon, and has room again."""
    if os.geteuid() != 0:
        pytest.fail("mounting a small disk needs root")
    subprocess.run(["mount", "-t", "tmpfs", "-o", "size=256k", "tmpfs", str(tmp_path)], check=True)
    try:
        with ServerProcess(AS_IT_IS, tmp_path / "log") as server:
            player, guess, reply = start_a_game(server)
            with player:
                for _ in range(100):
                    player.send(guess * 400)
                    assert player.read(len(reply) * 400) == reply * 400
            finish_a_game(server)
            subprocess.run(["mount", "-o", "remount,size=64m", str(tmp_path)], check=True)
            dropped = server.wait_for("log_lines_dropped")["lines"]
            finish_a_game(server)
            server.signal(signal.SIGTERM)
            assert server.wait() == 0
            tell(f"a full disk: play went on; afterwards the log told that {dropped} lines were lost")
    finally:
        subprocess.run(["umount", "--lazy", str(tmp_path)], check=True)


DEAD_PEER = """
import fcntl, socket, struct, sys, time
sys.path.insert(0, ".")
def up(flags):
    with socket.socket() as sock:
        fcntl.ioctl(sock, 0x8914, struct.pack("16sh14x", b"lo", flags))
up(0x41)
from tests.support.server_process import ServerProcess
with ServerProcess() as server, server.new_admin("Hello", "Watch") as watcher:
    up(0x40)
    began_s = time.monotonic()
    server.timeout_s = 40
    server.wait_for("admin_left")
    print(f"{time.monotonic() - began_s:.1f}")
    up(0x41)
"""


def test_a_dead_watcher() -> None:
    """A watcher whose network is gone, in a network namespace of its own, frees the seat within 30 s."""
    unshare = shutil.which("unshare")
    assert unshare, "needs unshare"
    done = subprocess.run(
        [unshare, "--net", sys.executable, "-c", DEAD_PEER],
        check=False,
        capture_output=True,
        text=True,
        env={**os.environ, "PYTHONPATH": "."},
    )
    assert done.returncode == 0, done.stderr
    tell(f"a watcher whose network is gone: the seat is free after {done.stdout.strip()} s")
    assert float(done.stdout) < 30


def test_kills_under_bots() -> None:
    """The server is killed five times under 50 bots: it is back within 5 s, and all play on within 30 s."""
    with ServerProcess() as server:
        ports = server.ports
    command = [sys.executable, "-m", "services.player", "--bot", "mixed", "--players", "50", "--games", "0"]
    where = ["--host", "127.0.0.1", "--port", ports["GAME_PLAYER_PORT"], "--think", "0.5-1"]
    bots = subprocess.Popen([*command, *where], stdout=subprocess.DEVNULL)
    try:
        for number in range(6):
            began_s = time.monotonic()
            with ServerProcess(**ports) as server:  # its end is a SIGKILL
                back_s = time.monotonic() - began_s
                while players(server) < 50:
                    assert time.monotonic() - began_s < 30, "not all bots are back"
                    threading.Event().wait(0.05)
                all_s = time.monotonic() - began_s
                times = [event["timestamp"][17:-1] for event in server.events("handshake_completed")[:50]]
                if number:
                    tell(
                        f"kill {number} under 50 bots: back after {back_s:.1f} s, all play after "
                        f"{all_s:.1f} s, arrived from second {times[0][:4]} to {times[-1][:4]}"
                    )
                assert back_s < 5
    finally:
        bots.terminate()
        bots.wait(20)


def players(server: ServerProcess) -> int:
    """Return how many play at this moment."""
    with server.new_admin("Hello") as admin:
        admin.send(b"Who\r\n")
        return len(admin.read_rest().split()) // 2  # IP and port
