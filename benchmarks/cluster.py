"""Measure several servers of one game: `python -m benchmarks.cluster`, or `make bench-cluster`.

Servers are processes of this machine, HAProxy and Valkey containers on its loopback. On a machine with few
cores they all share them with the load, so guesses a second do not grow with servers; what grows or
does not is the processor time that each part spends on a guess, and from that docs/scaling.md reckons.
"""

from __future__ import annotations

import argparse
import contextlib
import json
import os
import select
import socket
import subprocess
import sys
import tempfile
import time
import urllib.request
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Final

from benchmarks import host
from benchmarks.table import number, table

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

HOST: Final = "127.0.0.1"
SOURCES: Final = tuple(f"127.0.0.{last}" for last in range(1, 9))
GUESS: Final = b"My Guess is: 1\r\n"
HAPROXY: Final = os.environ.get("HAPROXY_IMAGE", "haproxy:3.0")
VALKEY: Final = os.environ.get("VALKEY_IMAGE", "valkey/valkey:8")

REPLICAS: Final = (1, 2, 4)
PLAYERS: Final = (64, 1_000, 5_000)
DIRECT_PLAYERS: Final = 19_000
"""As many as this machine has descriptors for in one process; the balancer needs two for each."""

WARM_S: Final = 1.0
MEASURE_S: Final = 4.0
PATIENCE_S: Final = 20.0

BALANCER: Final = """
global
    maxconn 9500
defaults
    mode tcp
    timeout connect 2s
    timeout client 1h
    timeout server 1h
    balance leastconn
listen players
    bind {host}:{port}
"""


@dataclass(frozen=True)
class Setup:
    """What is measured."""

    replicas: int
    shared: bool
    players: int
    balanced: bool


@dataclass(frozen=True)
class Figures:
    """What came of it; microseconds are of processor time for each guess."""

    guesses_per_s: float
    p99_ms: float
    operations_per_guess: float
    servers_us: float
    balancer_us: float
    valkey_us: float


@contextlib.contextmanager
def container(image: str, *command: str, mount: str = "") -> Iterator[int]:
    """Run a program in a container on this machine's own network; give its process id."""
    options = ["--detach", "--rm", "--network", "host", "--user", "10001", "--entrypoint", command[0]]
    options += ["--volume", mount] if mount else []
    name = _output("docker", "run", *options, image, *command[1:])
    try:
        yield int(_output("docker", "inspect", "--format", "{{.State.Pid}}", name))
    finally:
        _output("docker", "rm", "--force", name)


def _output(*command: str) -> str:
    return subprocess.run(command, check=True, capture_output=True, text=True).stdout.strip()


class Server:
    """One replica."""

    def __init__(self, state_url: str, setup: Setup) -> None:
        self.port, self.metrics_port = host.free_port(), host.free_port()
        settings = {
            "GAME_HOST": HOST,
            "GAME_PLAYER_PORT": str(self.port),
            "GAME_ADMIN_PORT": "0",
            "GAME_METRICS_PORT": str(self.metrics_port),
            "GAME_STATE_URL": state_url,
            "GAME_PROXY_FROM": "127.0.0.0/8" if setup.balanced else "",
            "GAME_ROUND": "shared" if setup.shared else "own",
            "GAME_MAX_PLAYERS": "20000",
            "GAME_LOG_FORMAT": "json",
        }
        self.process = subprocess.Popen(
            [sys.executable, "-m", "services.server"],
            env={**os.environ, **settings},
            stdout=subprocess.DEVNULL,
        )

    def figures(self) -> dict[str, float]:
        """Return what the server counts."""
        with urllib.request.urlopen(f"http://{HOST}:{self.metrics_port}/metrics", timeout=5) as answer:
            lines = answer.read().decode().splitlines()
        pairs = (line.rsplit(" ", 1) for line in lines if not line.startswith("#"))
        return {name: float(value) for name, value in pairs}

    def wait(self) -> None:
        """Wait until it serves, and Valkey knows it."""
        until_s = time.monotonic() + PATIENCE_S
        while time.monotonic() < until_s:
            with contextlib.suppress(OSError):
                if self.figures()["guessing_game_lobby_reachable"]:
                    return
            time.sleep(0.05)
        raise RuntimeError("a server does not listen")

    def stop(self) -> None:
        """End it; players need no word."""
        self.process.kill()
        self.process.wait()


def open_player(port: int, source: str) -> socket.socket:
    """Return a connection that plays, and whose guess is not the number."""
    while True:
        sock = socket.socket()
        sock.settimeout(PATIENCE_S)
        sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        sock.setsockopt(socket.IPPROTO_IP, 24, 1)  # IP_BIND_ADDRESS_NO_PORT
        sock.bind((source, 0))
        sock.connect((HOST, port))
        for line in (b"Hello\r\n", b"Game\r\n"):
            sock.sendall(line)
            sock.recv(448)
        sock.sendall(GUESS)
        if sock.recv(448) in {b"Far\r\n", b"Close\r\n"}:
            return sock
        sock.close()


class Load:
    """All players, each of whom guesses again as soon as the reply has come."""

    def __init__(self, ports: Sequence[int], players: int) -> None:
        self._socks = {}
        for at in range(players):
            sock = open_player(ports[at % len(ports)], SOURCES[at % len(SOURCES)])
            self._socks[sock.fileno()] = sock
        self._epoll = select.epoll()
        self._asked_ns: dict[int, int] = {}
        for fd, sock in self._socks.items():
            self._epoll.register(fd, select.EPOLLIN)
            self._asked_ns[fd] = time.monotonic_ns()
            sock.send(GUESS)

    def run(self, seconds: float) -> list[int]:
        """Play on, and return how long each reply took."""
        took_ns: list[int] = []
        socks, asked_ns, now_ns = self._socks, self._asked_ns, time.monotonic_ns
        until_ns = now_ns() + int(seconds * 1e9)
        while (started_ns := now_ns()) < until_ns:
            for fd, _ in self._epoll.poll(0.1, 512):
                sock = socks[fd]
                if sock.recv(448) not in {b"Far\r\n", b"Close\r\n"}:
                    raise RuntimeError("a reply that was not expected")
                took_ns.append(started_ns - asked_ns[fd])
                asked_ns[fd] = now_ns()
                sock.send(GUESS)
        return took_ns

    def close(self) -> None:
        """Hang up."""
        for sock in self._socks.values():
            sock.close()
        self._epoll.close()


def measure(setup: Setup, state_url: str, valkey_pid: int) -> Figures:
    """Start servers, and load them."""
    with contextlib.ExitStack() as stack:
        servers = [Server(state_url, setup) for _ in range(setup.replicas)]
        for server in servers:
            stack.callback(server.stop)
        for server in servers:
            server.wait()
        ports, balancer_pid = [server.port for server in servers], 0
        if setup.balanced:
            port, balancer_pid = stack.enter_context(_balancer(ports))
            ports = [port]
        load = Load(ports, setup.players)
        stack.callback(load.close)
        load.run(WARM_S)
        pids = [server.process.pid for server in servers]

        def spent() -> tuple[float, float, float]:
            balancer_s = host.processor_s(balancer_pid) if balancer_pid else 0.0
            return sum(map(host.processor_s, pids)), balancer_s, host.processor_s(valkey_pid)

        def operations() -> float:
            return sum(one.figures()["guessing_game_lobby_operations_total"] for one in servers)

        before, asked = spent(), operations()
        took_ns = sorted(load.run(MEASURE_S))
        after, answered = spent(), operations()
    guesses = len(took_ns)
    servers_us, balancer_us, valkey_us = (
        (late - early) / guesses * 1e6 for early, late in zip(before, after, strict=True)
    )
    p99_ms = took_ns[int(guesses * 0.99)] / 1e6
    rate = guesses / MEASURE_S
    return Figures(rate, p99_ms, (answered - asked) / guesses, servers_us, balancer_us, valkey_us)


@contextlib.contextmanager
def _balancer(ports: Sequence[int]) -> Iterator[tuple[int, int]]:
    """Run HAProxy in front of the servers; give its port and its process id."""
    port = host.free_port()
    lines = [f"    server s{number} {HOST}:{at} send-proxy-v2" for number, at in enumerate(ports)]
    with tempfile.TemporaryDirectory() as folder:
        file = Path(folder) / "haproxy.cfg"
        file.write_text(BALANCER.format(host=HOST, port=port) + "\n".join(lines) + "\n")
        Path(folder).chmod(0o755)
        with container(HAPROXY, "haproxy", "-db", "-f", "/b/haproxy.cfg", mount=f"{folder}:/b:ro") as pid:
            _wait_for(port)
            yield port, pid


def _wait_for(port: int) -> None:
    until_s = time.monotonic() + PATIENCE_S
    while True:
        try:
            socket.create_connection((HOST, port), timeout=1).close()
        except OSError:
            if time.monotonic() > until_s:
                raise
            time.sleep(0.05)
        else:
            return


def shown(results: Sequence[tuple[Setup, Figures]]) -> str:
    """Return the figures as a table."""
    head = ["rounds", "servers", "players", "guesses/s", "p99 ms", "operations/guess"]
    head += ["server us", "balancer us", "Valkey us"]
    rows = [
        [
            "shared" if setup.shared else "own",
            number(setup.replicas),
            number(setup.players) + ("" if setup.balanced else " direct"),
            number(one.guesses_per_s),
            number(one.p99_ms, 1),
            number(one.operations_per_guess, 4),
            number(one.servers_us, 1),
            number(one.balancer_us, 1),
            number(one.valkey_us, 1),
        ]
        for setup, one in results
    ]
    return table(head, rows)


def main() -> None:
    """Measure all, and print a table."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.cluster", description=__doc__)
    parser.add_argument("--quick", action="store_true", help="a few of the setups only")
    parser.add_argument("--json", type=Path, metavar="FILE", help="write the figures there too")
    given = parser.parse_args()
    host.raise_file_limit()
    setups = [
        Setup(replicas, shared, players, balanced=True)
        for shared in (False, True)
        for replicas in REPLICAS
        for players in PLAYERS
    ]
    setups += [Setup(4, shared, DIRECT_PLAYERS, balanced=False) for shared in (False, True)]
    results = []
    port = host.free_port()
    command = ["valkey-server", "--port", str(port), "--bind", HOST, "--save", ""]
    with container(VALKEY, *command) as valkey_pid:
        _wait_for(port)
        for setup in setups[:: 4 if given.quick else 1]:
            figures = measure(setup, f"valkey://{HOST}:{port}", valkey_pid)
            print(setup, figures, file=sys.stderr, flush=True)
            results.append((setup, figures))
    print(shown(results))
    if given.json:
        rows = [{**asdict(setup), **asdict(figures)} for setup, figures in results]
        given.json.write_text(json.dumps({"machine": host.description(), "rows": rows}, indent=1) + "\n")


if __name__ == "__main__":
    main()
