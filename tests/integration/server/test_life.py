"""The server as a process: how it starts, how it does not, and how it ends."""

from __future__ import annotations

import os
import signal
import subprocess
import sys

import pytest

from tests.support.line_client import LineClient
from tests.support.server_process import ServerProcess


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_a_signal_stops_it_in_order(number: signal.Signals) -> None:
    """Who is not at play is told at once, who is may finish for a while; the exit status is 0 (P-6)."""
    with (
        ServerProcess(GAME_DRAIN_TIMEOUT="0.5") as server,
        server.new_player("Hello") as greeted,
        server.new_player("Hello", "Game") as player,
        server.new_admin("Hello", "Watch") as admin,
    ):
        server.signal(number)
        server.wait_for("server_stopping", players=1)
        assert greeted.read_rest() == b"Refused: server is stopping\r\n"
        assert player.ask("0") == "Pick a number between 1-30"
        assert player.read_rest() == b"Refused: server is stopping\r\n"
        assert admin.read_rest().endswith(b"Refused: server is stopping\r\n")
        assert server.wait() == 0
        server.wait_for("server_stopped")


def test_a_second_signal_ends_it_at_once() -> None:
    """Whoever cannot wait for the games to end need not."""
    with ServerProcess(GAME_DRAIN_TIMEOUT="600") as server, server.new_player("Hello", "Game") as player:
        server.signal(signal.SIGTERM)
        server.wait_for("server_stopping")
        server.signal(signal.SIGTERM)
        assert server.wait() == 0
        assert player.read_rest() == b"Refused: server is stopping\r\n"


def test_its_ports_are_free_again_after_a_kill() -> None:
    """A server killed during play can be started again at once, on the same ports."""
    with ServerProcess() as server, server.new_player("Hello", "Game"):
        ports = {"GAME_PLAYER_PORT": str(server.player[1]), "GAME_ADMIN_PORT": str(server.admin[1])}
        server.signal(signal.SIGKILL)
        server.wait()
        with ServerProcess(**ports) as again, again.new_player() as player:
            assert player.ask("Hello") == "Greetings"


def start(module: str, **settings: str) -> subprocess.CompletedProcess[str]:
    """Run a program that ends by itself, and return how it did."""
    plain = {name: text for name, text in os.environ.items() if not name.startswith("GAME_")}
    command = [sys.executable, "-m", module]
    return subprocess.run(command, env=plain | settings, capture_output=True, text=True, check=False)


def test_a_port_in_use_is_one_clear_line() -> None:
    """The line names the setting; there is no traceback, and the exit status is 1."""
    with ServerProcess() as server:
        second = start("services.server", GAME_HOST="127.0.0.1", GAME_PLAYER_PORT=str(server.player[1]))

    assert second.stderr.startswith("GAME_PLAYER_PORT: cannot listen on 127.0.0.1, port ")
    assert len(second.stderr.splitlines()) == 1
    assert second.returncode == 1


@pytest.mark.parametrize("host", ["", "::"])
def test_everywhere_is_both_families_on_both_ports(host: str) -> None:
    """Who listens on all addresses serves IPv4 and IPv6, whichever way that is spelled."""
    with ServerProcess(GAME_HOST=host) as server:
        for address in ("127.0.0.1", "::1"):
            for port, greetings in ((server.player[1], "Greetings"), (server.admin[1], "Admin-Greetings")):
                with LineClient((address, port)) as client:
                    assert client.ask("Hello") == greetings


def test_bad_settings_are_all_named() -> None:
    """Every fault has its line; the exit status is 2."""
    ended = start("services.server", GAME_LOW="x", GAME_PLAYER_PORT="70000", GAME_LOG_LEVEL="loud")

    assert sorted(line.partition(":")[0] for line in ended.stderr.splitlines()) == [
        *("GAME_LOG_LEVEL", "GAME_LOW", "GAME_PLAYER_PORT"),
    ]
    assert ended.returncode == 2
