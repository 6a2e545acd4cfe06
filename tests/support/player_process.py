"""The player as a process of its own: bots and their log, or a person whose input is piped."""

from __future__ import annotations

import os
import subprocess
import sys
from contextlib import contextmanager
from typing import TYPE_CHECKING

from tests.support.log_contract import check_line

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tests.support.log_contract import Event

TIMEOUT_S = 30.0


def arguments(port: int, *more: str) -> list[str]:
    """Return how to start the player against a port of loopback."""
    return ["-m", "services.player", "--host", "127.0.0.1", "--port", str(port), *more]


def environ(**more: str) -> dict[str, str]:
    """Return an environment that says nothing about the game."""
    own = {name: value for name, value in os.environ.items() if not name.startswith(("GAME_", "NO_COLOR"))}
    return {**own, "TERM": "xterm-256color", **more}


def piped(port: int, keys: str | bytes, *more: str, **environment: str) -> subprocess.CompletedProcess[str]:
    """Play with piped input, to the end."""
    done = subprocess.run(
        [sys.executable, *arguments(port, *more)],
        input=keys.encode() if isinstance(keys, str) else keys,
        capture_output=True,
        timeout=TIMEOUT_S,
        env=environ(**environment),
        check=False,
    )
    return subprocess.CompletedProcess(done.args, done.returncode, done.stdout.decode(), done.stderr.decode())


class Bots:
    """A process of bots, and its log."""

    def __init__(self, process: subprocess.Popen[str]) -> None:
        self.process = process
        self.log: list[Event] = []

    def wait_for(self, name: str, count: int = 1) -> Event:
        """Read the log until so many such events have come, and return the last of them."""
        assert self.process.stdout
        for line in self.process.stdout:
            event = check_line(line.rstrip("\n"))
            self.log.append(event)
            if event["event"] == name:
                count -= 1
                if not count:
                    return event
        raise AssertionError(f"no {name} in {self.log}")

    def finish(self) -> int:
        """Read the rest of the log and return the exit status."""
        assert self.process.stdout
        self.log += [check_line(line.rstrip("\n")) for line in self.process.stdout]
        return self.process.wait(TIMEOUT_S)

    def named(self, name: str) -> list[Event]:
        """Return the events of a name that were read so far."""
        return [event for event in self.log if event["event"] == name]


@contextmanager
def bots(port: int, *more: str) -> Iterator[Bots]:
    """Run bots against a port of loopback."""
    process = subprocess.Popen(
        [sys.executable, *arguments(port, *more)],
        stdout=subprocess.PIPE,
        text=True,
        env=environ(),
    )
    try:
        yield Bots(process)
    finally:
        process.kill()
        process.wait()
        assert process.stdout
        process.stdout.close()
