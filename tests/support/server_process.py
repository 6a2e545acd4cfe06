"""The server as a process of its own on free ports of loopback, each line of its log held to the contract."""

from __future__ import annotations

import contextlib
import json
import os
import select
import signal
import subprocess
import sys
import tempfile
import threading
import time
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple, Self

from benchmarks.host import processor_s
from tests.support.line_client import LineClient, handed_over
from tests.support.log_contract import Events, check_line

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from types import TracebackType

    from tests.support.log_contract import Event

TIMEOUT_S = 20.0
"""No wait for a log line is longer than this; a test that gets here has failed."""

TAIL_PAUSE_S = 0.02
"""How long to wait before looking for more in a log that is a file: the kernel does not tell."""

SETTLED_S = 0.05
"""A server that did nothing for so long, on a busy machine too, waits for somebody."""

IDLE_S = 0.6
"""Long enough for two looks at the deadlines."""

LOOPS: tuple[tuple[str, ...], ...] = ((), ("uvloop",), ("uvloop", "epoll"))
"""What to start a server without, to see it on either event loop, and on a system that has no epoll."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Alteration:
    """What is changed in a server, see tests.support.altered_server."""

    without: Sequence[str] = ()
    values: Mapping[str, Any] = field(default_factory=dict)
    failing: Sequence[str] = ()
    descriptors: int = 0
    send_buffer_octets: int = 0

    def command(self) -> list[str]:
        """Return what to run."""
        changes = {
            "without": list(self.without),
            "values": dict(self.values),
            "failing": list(self.failing),
            "descriptors": self.descriptors,
            "send_buffer_octets": self.send_buffer_octets,
        }
        if not any(changes.values()):
            return [sys.executable, "-m", "services.server"]
        return [sys.executable, "-m", "tests.support.altered_server", json.dumps(changes)]


AS_IT_IS = Alteration()


class Terminal(NamedTuple):
    """The two ends of a pseudo terminal."""

    screen_fd: int
    program_fd: int


class ServerProcess:
    """A server that runs until the block ends."""

    def __init__(
        self,
        altered: Alteration = AS_IT_IS,
        log: Path | Terminal | None = None,
        /,
        **settings: str,
    ) -> None:
        """Start a server; its log goes to a pipe that is read, or to a file or terminal that is followed."""
        self._fails_on_purpose = bool(altered.failing)
        self._complaints = tempfile.TemporaryFile()  # noqa: SIM115  closed with the process
        with contextlib.ExitStack() as stack:
            match log:
                case Path():
                    stdout = stack.enter_context(log.open("ab")).fileno()
                    self._log_fd = os.open(log, os.O_RDONLY)
                case Terminal():
                    stdout, self._log_fd = log.program_fd, os.dup(log.screen_fd)
                case _:
                    self._log_fd, stdout = os.pipe()
                    stack.callback(os.close, stdout)
            self._process = subprocess.Popen(
                altered.command(),
                env={
                    **{name: value for name, value in os.environ.items() if not name.startswith("GAME_")},
                    "GAME_HOST": "127.0.0.1",
                    "GAME_PLAYER_PORT": "0",
                    "GAME_ADMIN_PORT": "0",
                    "GAME_LOG_FORMAT": "json",
                    **settings,
                },
                cwd=Path(__file__).parents[2],
                stdin=subprocess.DEVNULL,
                stdout=stdout,
                stderr=self._complaints,
                start_new_session=True,  # as in a container: no terminal that could be closed
            )
        self.timeout_s = TIMEOUT_S
        """How long to wait for a log line."""
        self._events = Events()
        self._breaches: list[AssertionError] = []
        self._news = threading.Condition()
        self._ended = False
        self._may_read = threading.Event()
        self._may_read.set()
        self._has_lost_its_reader = False
        self._ignored: tuple[bytes, ...] = ()
        self._follows = log is not None
        """Whether there may be more where nothing is, until the process has ended."""
        self._reader = threading.Thread(target=self._read)
        self._reader.start()

    def __enter__(self) -> Self:
        try:
            listening = self.wait_for("server_listening")
        except BaseException:
            self._end()
            raise
        self.player = ("127.0.0.1", int(listening["player_port"]))
        self.admin = ("127.0.0.1", int(listening["admin_port"]))
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        complaints = self._end()
        if error is None:
            if self._breaches:
                raise self._breaches[0]
            assert self._fails_on_purpose or not self.events("session_failed")
            assert not self.events("callback_failed")
            assert not complaints, complaints

    @property
    def pid(self) -> int:
        """The process's id."""
        return self._process.pid

    @property
    def ports(self) -> dict[str, str]:
        """The settings for another server on the same ports."""
        return {"GAME_PLAYER_PORT": str(self.player[1]), "GAME_ADMIN_PORT": str(self.admin[1])}

    def hang_up(self) -> None:
        """Ask the server to load its certificates again."""
        self._process.send_signal(signal.SIGHUP)

    def signal(self, number: signal.Signals) -> None:
        """Send a signal."""
        self._process.send_signal(number)

    def wait(self) -> int:
        """Wait for the end, and return the exit status."""
        status = self._process.wait(TIMEOUT_S)
        self._reader.join(TIMEOUT_S)
        return status

    def new_player(self, *asked: str, **options: Any) -> LineClient:
        """Connect to the player port, and have some lines answered."""
        return _asked(LineClient(self.player, **{"timeout_s": TIMEOUT_S, **options}), asked)

    def new_admin(self, *asked: str, **options: Any) -> LineClient:
        """Connect to the administrator port, and have some lines answered."""
        return _asked(LineClient(self.admin, **{"timeout_s": TIMEOUT_S, **options}), asked)

    # --- the log

    def events(self, name: str, **fields: object) -> list[Event]:
        """Return what was logged so far under a name, with these fields."""
        with self._news:
            return self._events.found(name, **fields)

    def all_events(self) -> list[Event]:
        """Return all that was logged so far."""
        with self._news:
            return self._events.found()

    def wait_for(self, name: str, count: int = 1, **fields: object) -> Event:
        """Wait until so many such events are logged, and return the last of them."""
        with self._news:
            self._news.wait_for(
                lambda: self._ended or len(self._events.found(name, **fields)) >= count, self.timeout_s
            )
            assert not self._breaches, self._breaches[0]
            found = self._events.found(name, **fields)
            assert len(found) >= count, f"no {count} {name} {fields} among {self._events.found()[-10:]}"
            return found[count - 1]

    def settle(self) -> None:
        """Wait until the server has nothing more to do."""
        used_s, until_s = -1.0, time.monotonic() + TIMEOUT_S
        while used_s != (used_s := processor_s(self.pid)):
            assert time.monotonic() < until_s, "the server is busy with nothing"
            threading.Event().wait(SETTLED_S)

    def idle_share(self) -> float:
        """Return how much of a core the server uses while nobody asks anything of it."""
        before_s, began_s = processor_s(self.pid), time.monotonic()
        threading.Event().wait(IDLE_S)
        return (processor_s(self.pid) - before_s) / (time.monotonic() - began_s)

    def stop_reading(self) -> None:
        """Leave the pipe of the log unread, but for what is being read."""
        self._may_read.clear()

    def read_again(self) -> None:
        """Read the pipe of the log."""
        self._may_read.set()

    def lose_the_reader(self) -> None:
        """Close the pipe of the log, as a program that reads it and ends."""
        self._has_lost_its_reader = True
        self._reader.join()
        os.close(self._log_fd)

    def ignore(self, *names: str) -> None:
        """Look no more at lines of these names: under a heavy load that would cost too much."""
        self._ignored = tuple(f'"event":"{name}"'.encode() for name in names)

    def _read(self) -> None:
        rest = b""
        while piece := self._next_piece():
            *lines, rest = (rest + piece).split(b"\n")
            if self._ignored:
                lines = [line for line in lines if not any(name in line for name in self._ignored)]
            with self._news:
                for line in lines:
                    try:
                        self._events.add(check_line(line.decode()))
                    except AssertionError as breach:
                        self._breaches.append(breach)
                self._news.notify_all()
        with self._news:
            self._ended = True
            self._news.notify_all()

    def _next_piece(self) -> bytes:
        while True:
            self._may_read.wait()
            if self._has_lost_its_reader:
                return b""
            ended = self._process.poll() is not None
            readable, _, _ = select.select([self._log_fd], [], [], TAIL_PAUSE_S)
            piece = os.read(self._log_fd, 1 << 16) if readable else b""
            if piece or (ended if self._follows else readable):
                return piece
            if readable:  # the end of a file is
                threading.Event().wait(TAIL_PAUSE_S)

    def _end(self) -> bytes:
        self._process.kill()
        self._process.wait()
        self._may_read.set()
        self._reader.join()
        if not self._has_lost_its_reader:
            os.close(self._log_fd)
        with self._complaints:
            self._complaints.seek(0)
            return self._complaints.read()


def _asked(client: LineClient, lines: tuple[str, ...]) -> LineClient:
    with handed_over(client):
        for line in lines:
            client.ask(line)
    return client
