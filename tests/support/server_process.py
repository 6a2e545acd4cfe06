"""The server as a process of its own on free ports of loopback, each line of its log held to the contract."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import threading
from typing import TYPE_CHECKING, Self

from tests.support.line_client import LineClient
from tests.support.log_contract import check_line

if TYPE_CHECKING:
    from types import TracebackType

    from tests.support.log_contract import Event

TIMEOUT_S = 20.0
"""No wait for a log line is longer than this; a test that gets here has failed."""


class ServerProcess:
    """A server that runs until the block ends."""

    def __init__(self, **settings: str) -> None:
        self._process = subprocess.Popen(
            [sys.executable, "-m", "services.server"],
            env={
                **{name: value for name, value in os.environ.items() if not name.startswith("GAME_")},
                "GAME_HOST": "127.0.0.1",
                "GAME_PLAYER_PORT": "0",
                "GAME_ADMIN_PORT": "0",
                "GAME_LOG_FORMAT": "json",
                **settings,
            },
            stdout=subprocess.PIPE,
            text=True,
        )
        self._events: list[Event] = []
        self._breaches: list[AssertionError] = []
        self._news = threading.Condition()
        self._ended = False
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
        self._end()
        if error is None and self._breaches:
            raise self._breaches[0]

    @property
    def pid(self) -> int:
        """The process's id."""
        return self._process.pid

    def hang_up(self) -> None:
        """Ask the server to load its certificates anew."""
        self._process.send_signal(signal.SIGHUP)

    def signal(self, number: signal.Signals) -> None:
        """Send a signal."""
        self._process.send_signal(number)

    def wait(self) -> int:
        """Wait for the end, and return the exit status."""
        status = self._process.wait(TIMEOUT_S)
        self._reader.join(TIMEOUT_S)
        return status

    def new_player(self, *asked: str) -> LineClient:
        """Connect to the player port, and have some lines answered."""
        return _asked(LineClient(self.player, timeout_s=TIMEOUT_S), asked)

    def new_admin(self, *asked: str) -> LineClient:
        """Connect to the administrator port, and have some lines answered."""
        return _asked(LineClient(self.admin, timeout_s=TIMEOUT_S), asked)

    def events(self, name: str, **fields: object) -> list[Event]:
        """Return what was logged so far under a name, with these fields."""
        with self._news:
            return self._logged(name, fields)

    def wait_for(self, name: str, count: int = 1, **fields: object) -> Event:
        """Wait until so many such events are logged, and return the last of them."""
        with self._news:
            self._news.wait_for(lambda: self._ended or len(self._logged(name, fields)) >= count, TIMEOUT_S)
            assert not self._breaches, self._breaches[0]
            found = self._logged(name, fields)
            assert len(found) >= count, f"no {count} {name} {fields} among {self._events}"
            return found[count - 1]

    def _logged(self, name: str, fields: dict[str, object]) -> list[Event]:
        wanted = {"event": name, **fields}.items()
        return [event for event in self._events if wanted <= event.items()]

    def _read(self) -> None:
        assert self._process.stdout
        for line in self._process.stdout:
            with self._news:
                try:
                    self._events.append(check_line(line.removesuffix("\n")))
                except AssertionError as breach:
                    self._breaches.append(breach)
                self._news.notify_all()
        with self._news:
            self._ended = True
            self._news.notify_all()

    def _end(self) -> None:
        self._process.kill()
        self._process.wait()
        self._reader.join()
        assert self._process.stdout
        self._process.stdout.close()


def _asked(client: LineClient, lines: tuple[str, ...]) -> LineClient:
    for line in lines:
        client.ask(line)
    return client
