"""A Valkey in a container of its own, to be used, stopped, paused and emptied by tests."""

from __future__ import annotations

import os
import secrets
import socket
import time
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

import docker
from valkey import Valkey
from valkey.exceptions import ConnectionError as NotConnectedError

from tests.support.reaper import reaped

if TYPE_CHECKING:
    from collections.abc import Iterator

    from docker.models.containers import Container

IMAGE = os.environ.get("VALKEY_IMAGE", "valkey/valkey:8")
PORT = 6379
START_TIMEOUT_S = 20.0


class ValkeyContainer:
    """A Valkey that forgets everything when it is restarted."""

    def __init__(self, container: Container, port: int) -> None:
        self.container = container
        self.address = "127.0.0.1", port
        self.url = f"valkey://127.0.0.1:{port}"

    def wait(self) -> None:
        """Wait until it answers."""
        deadline_s = time.monotonic() + START_TIMEOUT_S
        while True:
            try:
                self.command("PING")
            except NotConnectedError:
                assert time.monotonic() < deadline_s, self.container.logs().decode()
                time.sleep(0.02)
            else:
                return

    def command(self, *words: str | int) -> Any:
        """Have a command executed."""
        with Valkey(*self.address) as client:
            return client.execute_command(*words)

    def restart(self) -> None:
        """Stop it without notice, and start it empty."""
        self.container.kill()
        self.container.start()
        self.wait()


def free_port() -> int:
    """Return a port of loopback that nobody uses now; it has to stay the same over restarts."""
    with socket.create_server(("127.0.0.1", 0)) as listener:
        return int(listener.getsockname()[1])


@contextmanager
def running_valkey() -> Iterator[ValkeyContainer]:
    """Start a Valkey on a free port, and leave nothing behind."""
    project = f"guessing-game-test-{secrets.token_hex(4)}"
    with reaped(project):
        yield from _running(project)


def _running(project: str) -> Iterator[ValkeyContainer]:
    engine = docker.from_env()
    port = free_port()
    container = engine.containers.run(
        IMAGE,
        labels={"com.docker.compose.project": project},
        entrypoint=["valkey-server"],
        command=["--save", "", "--protected-mode", "no"],
        ports={f"{PORT}/tcp": ("127.0.0.1", port)},
        detach=True,
    )
    try:
        running = ValkeyContainer(container, port)
        running.wait()
        yield running
    finally:
        engine.close()
