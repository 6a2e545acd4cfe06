"""The health check as the engine runs it: a process of its own, which tells a server that serves."""

from __future__ import annotations

import os
import signal
import subprocess
import sys

import pytest

from tests.support.server_process import ServerProcess

CHECK = "services.server.healthcheck"
DEAR = {"asyncio", "dataclasses", "inspect", "logging", "ssl", "structlog", "typing"}
"""What a check cannot afford, each some milliseconds to load; there are more, and these bring them."""


def check(*command: str, **settings: str) -> subprocess.CompletedProcess[str]:
    """Run it, and return how it ended."""
    plain = {name: text for name, text in os.environ.items() if not name.startswith("GAME_")}
    return subprocess.run(
        [sys.executable, *(command or ("-m", CHECK))],
        env=plain | settings,
        capture_output=True,
        text=True,
        check=False,
        timeout=20,
    )


def where(server: ServerProcess) -> dict[str, str]:
    """Return the settings that the server has."""
    return {"GAME_HOST": "127.0.0.1", **server.ports}


def test_it_says_whether_the_server_serves() -> None:
    """It is 0 beside a server and 1 without one, and leaves no session in the log."""
    with ServerProcess() as server:
        settings = where(server)
        assert check(**settings).returncode == 0
        server.signal(signal.SIGTERM)
        assert server.wait() == 0
        assert not server.events("session_closed")
    assert check(**settings).returncode == 1


@pytest.mark.parametrize("host", ["", "::", "0.0.0.0", "127.0.0.1", "::1", "[::1]", "localhost"])
def test_it_goes_where_the_server_listens(host: str) -> None:
    """With the settings of the server it finds the server, and nobody else."""
    with ServerProcess(GAME_HOST=host) as server:
        assert check(**{**where(server), "GAME_HOST": host}).returncode == 0
        server.signal(signal.SIGSTOP)
        assert check(**{**where(server), "GAME_HOST": host}).returncode == 1


def test_a_server_that_hangs_is_not_healthy() -> None:
    """The kernel goes on accepting for a server that stands still; the health check is not fooled."""
    with ServerProcess() as server:
        server.signal(signal.SIGSTOP)
        assert check(**where(server)).returncode == 1
        server.signal(signal.SIGCONT)
        assert check(**where(server)).returncode == 0


def test_it_is_cheap() -> None:
    """It loads nothing that takes longer to load than to ask: on a busy machine it is still in time."""
    report = f"import {CHECK}, sys; print(*sys.modules)"
    assert not DEAR & set(check("-c", report).stdout.split())


def test_a_deaf_resolver_does_not_hold_it_up() -> None:
    """Where no name service answers it ends by itself, and not with 0."""
    assert check("-m", "tests.support.deaf_resolver", CHECK, GAME_HOST="game.example").returncode != 0


def test_settings_that_no_server_starts_with_are_not_healthy() -> None:
    """There is no server with a port or a host like this, and the check says so without a traceback."""
    for settings in ({"GAME_PLAYER_PORT": "70000"}, {"GAME_ADMIN_PORT": "x"}, {"GAME_HOST": "a..b"}):
        ended = check(**settings)
        assert (ended.returncode, ended.stderr) == (1, "")
