"""A server under measure: started, bound to its core, its log read, stopped."""

import contextlib
import os
import ssl
import subprocess
import sys
import time
from abc import ABC, abstractmethod
from collections.abc import Iterator, Mapping, Sequence
from enum import Enum, auto
from pathlib import Path
from typing import Final, NamedTuple, TypeVar

from benchmarks import host
from benchmarks.generator import HOST, LoadError, Target, open_player
from benchmarks.plan import SERVER

START_S: Final = 30
STOP_S: Final = 15
MOST_PLAYERS: Final = 20_000

_MODULES: Final = {"twisted": "twisted_lines"}  # a module `twisted` would stand in the way of the package
_PACKAGES: Final = Path(sys.prefix) / "bench"
"""Where packages are that reference servers alone need."""


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


class Subject(ABC):
    """A server that can be measured; `running` starts it and stops it."""

    def __init__(self, name: str) -> None:
        self.name = name
        self.answered = 0
        """How many guesses it has answered to the generator."""

    @property
    @abstractmethod
    def target(self) -> Target:
        """Where it listens."""

    @property
    @abstractmethod
    def pid(self) -> int:
        """Its process."""

    @abstractmethod
    def start(self) -> None:
        """Start it, without waiting for it."""

    @abstractmethod
    def is_alive(self) -> bool:
        """Tell whether it has not ended."""

    @abstractmethod
    def stop(self) -> None:
        """Stop it, if it was started."""

    def wait_until_it_listens(self) -> None:
        """Wait until a game can be begun: somebody may take connections on its behalf before it does."""
        until = time.monotonic() + START_S
        while time.monotonic() < until and self.is_alive():
            with contextlib.suppress(OSError, LoadError):
                open_player(self.target).close()
                return
            time.sleep(0.02)
        raise RuntimeError(f"{self.name} does not listen: what it says about that stands above")


AnySubject = TypeVar("AnySubject", bound=Subject)


@contextlib.contextmanager
def running(*subjects: AnySubject) -> Iterator[Sequence[AnySubject]]:
    """Start servers together, and stop them at the end."""
    try:
        for subject in subjects:
            subject.start()
        for subject in subjects:
            subject.wait_until_it_listens()
        yield subjects
    finally:
        for subject in subjects:
            subject.stop()


class Process(Subject):
    """A server as a process of this machine: the project's, or a reference server."""

    def __init__(
        self,
        name: str,
        *,
        certificate: Certificate | None = None,
        sink: Sink = Sink.PIPE,
        environment: Mapping[str, str] | None = None,
        shown_as: str | None = None,
    ) -> None:
        super().__init__(shown_as or name)
        port = host.free_port()
        context = ssl.create_default_context(cafile=certificate.chain) if certificate else None
        self._target = Target(port, context)
        self._command, own = _command(name, port, certificate)
        self._environment = {**os.environ, **own, **(environment or {})}
        self._sink = sink
        self._process: subprocess.Popen[bytes] | None = None
        self._counter: subprocess.Popen[bytes] | None = None
        self.lines = 0
        """How many lines it had logged when it had stopped."""

    @property
    def target(self) -> Target:
        """Where it listens."""
        return self._target

    @property
    def pid(self) -> int:
        """Its process."""
        return self._process.pid if self._process else 0

    def start(self) -> None:
        """Start it, without waiting for it."""
        output: int | None = subprocess.DEVNULL
        if self._sink is Sink.PIPE:
            self._counter = subprocess.Popen(["wc", "-l"], stdin=subprocess.PIPE, stdout=subprocess.PIPE)
            output = self._counter.stdin.fileno() if self._counter.stdin else None
        self._process = subprocess.Popen(
            self._command, stdin=subprocess.DEVNULL, stdout=output, env=self._environment
        )
        host.settle_on(host.SERVER_CORE, self._process.pid)

    def is_alive(self) -> bool:
        """Tell whether it has not ended."""
        return self._process is not None and self._process.poll() is None

    def stop(self) -> None:
        """Stop it, if it was started, and count what it logged."""
        if self._process:
            self._process.terminate()
            try:
                self._process.wait(STOP_S)
            except subprocess.TimeoutExpired:
                self._process.kill()
                self._process.wait()
        if self._counter:
            self.lines = int(self._counter.communicate()[0])
            self._counter = None


def _command(name: str, port: int, certificate: Certificate | None) -> tuple[list[str], dict[str, str]]:
    """Return what starts a server, and what to add to its environment."""
    if name != SERVER:
        module = f"benchmarks.reference.{_MODULES.get(name, name)}"
        command = [sys.executable, "-m", module, str(port), *map(str, certificate or ())]
        return command, {"PYTHONPATH": str(_PACKAGES)}
    environment = server_environment(port)
    if certificate:
        environment |= {
            "GAME_TLS_CERT": str(certificate.chain),
            "GAME_TLS_KEY": str(certificate.key),
            "GAME_ADMIN_TLS": "off",
        }
    return [sys.executable, "-m", "services.server"], environment


def server_environment(port: int) -> dict[str, str]:
    """Return the server's settings: room for all connections, and a short end."""
    return {
        "GAME_HOST": HOST,
        "GAME_PLAYER_PORT": str(port),
        "GAME_ADMIN_PORT": "0",
        "GAME_MAX_PLAYERS": str(MOST_PLAYERS),
        "GAME_DRAIN_TIMEOUT": "0.1",
        "GAME_MAX_LINE_RATE": "0",  # one connection of the load asks for more than any player
    }
