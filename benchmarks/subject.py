"""A server under measure: started, bound to its core, its log read, stopped."""

import os
import socket
import ssl
import subprocess
import sys
import time
from collections.abc import Mapping
from enum import Enum, auto
from pathlib import Path
from typing import Final, NamedTuple, Self

from benchmarks import host
from benchmarks.generator import HOST, Target
from benchmarks.plan import SERVER

START_S: Final = 15
STOP_S: Final = 15
MOST_PLAYERS: Final = 20_000

_MODULES: Final = {"twisted": "twisted_lines"}  # a module `twisted` would stand in the way of the package


class Sink(Enum):
    """Where a server's log goes."""

    PIPE = auto()
    """To a process on the generator's core that counts the lines: a container engine reads a pipe too."""
    NOWHERE = auto()
    """To the null device."""


class Certificate(NamedTuple):
    """What a server over TLS shows, as files."""

    chain: Path
    key: Path


def make_certificate(folder: Path) -> Certificate:
    """Make a certificate of its own signature, of the kind that the project's servers use."""
    certificate = Certificate(folder / "certificate.pem", folder / "key.pem")
    kind = ["-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-days", "1"]
    names = ["-subj", "/CN=localhost", "-addext", "subjectAltName=DNS:localhost"]
    files = ["-out", str(certificate.chain), "-keyout", str(certificate.key)]
    subprocess.run(["openssl", "req", *kind, *names, *files], check=True, capture_output=True)
    return certificate


def _command(name: str, port: int, certificate: Certificate | None) -> tuple[list[str], dict[str, str]]:
    """Return what starts a server, and what to add to its environment."""
    if name != SERVER:
        module = f"benchmarks.reference.{_MODULES.get(name, name)}"
        return [sys.executable, "-m", module, str(port), *map(str, certificate or ())], {}
    environment = {
        "GAME_HOST": HOST,
        "GAME_PLAYER_PORT": str(port),
        "GAME_ADMIN_PORT": "0",
        "GAME_MAX_PLAYERS": str(MOST_PLAYERS),
        "GAME_DRAIN_TIMEOUT": "1",
    }
    if certificate:
        environment |= {
            "GAME_TLS_CERT": str(certificate.chain),
            "GAME_TLS_KEY": str(certificate.key),
            "GAME_ADMIN_TLS": "off",
        }
    return [sys.executable, "-m", "services.server"], environment


class Subject:
    """A server; a context manager that starts and stops it."""

    def __init__(
        self,
        name: str,
        *,
        certificate: Certificate | None = None,
        sink: Sink = Sink.PIPE,
        environment: Mapping[str, str] | None = None,
    ) -> None:
        self.name = name
        self.port = host.free_port()
        self._tls = None
        if certificate:
            self._tls = ssl.create_default_context(cafile=certificate.chain)
        self._command, own = _command(name, self.port, certificate)
        self._environment = {**os.environ, **own, **(environment or {})}
        self._sink = sink
        self.lines = 0
        """How many lines the server had logged when it had stopped."""

    @property
    def target(self) -> Target:
        """Where it listens."""
        return Target(self.port, self._tls)

    @property
    def pid(self) -> int:
        """Its process."""
        return self._process.pid

    def __enter__(self) -> Self:
        """Start it, and wait until it listens."""
        self._counter = None
        output: int | None = subprocess.DEVNULL
        if self._sink is Sink.PIPE:
            self._counter = subprocess.Popen(["wc", "-l"], stdin=subprocess.PIPE, stdout=subprocess.PIPE)
            assert self._counter.stdin  # noqa: S101 - for the type checker
            output = self._counter.stdin.fileno()
        self._process = subprocess.Popen(
            self._command, stdin=subprocess.DEVNULL, stdout=output, env=self._environment
        )
        host.settle_on(host.SERVER_CORE, self.pid)
        until = time.monotonic() + START_S
        while time.monotonic() < until and self._process.poll() is None:
            try:
                socket.create_connection((HOST, self.port), timeout=1).close()
            except OSError:
                time.sleep(0.02)
            else:
                return self
        self.__exit__()
        raise RuntimeError(f"{self.name} does not listen: what it says about that stands above")

    def __exit__(self, *_: object) -> None:
        self._process.terminate()
        try:
            self._process.wait(STOP_S)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()
        if self._counter:
            self.lines = int(self._counter.communicate()[0])
