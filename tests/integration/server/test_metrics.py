"""The server's figures for Prometheus, over loopback."""

from __future__ import annotations

import os
import socket
import subprocess
import sys
import urllib.request

from prometheus_client.parser import text_string_to_metric_families

from tests.support.play import start_a_game, win
from tests.support.server_process import ServerProcess
from tests.support.valkey_container import free_port


def figures(port: int) -> dict[str, float]:
    """Return what is read at the port, by name and label."""
    with urllib.request.urlopen(f"http://127.0.0.1:{port}/metrics", timeout=10) as answer:
        text = answer.read().decode()
    return {
        sample.name + "".join(sample.labels.values()): sample.value
        for family in text_string_to_metric_families(text)
        for sample in family.samples
    }


def test_the_figures_are_those_of_the_games() -> None:
    """Games under way, guesses and what sessions did are counted, beside the process's own figures."""
    port = free_port()
    with ServerProcess(GAME_METRICS_PORT=str(port)) as server:
        player, _, _ = start_a_game(server)
        with player:
            during = figures(port)
            guesses = 1 + win(player)
        server.wait_for("session_closed", reason="won")
        after = figures(port)
    assert during["guessing_game_games"] == 1
    assert during["guessing_game_connections"] >= 1
    assert after["guessing_game_games"] == 0
    assert after["guessing_game_events_totalgame_won"] == during["guessing_game_events_totalgame_won"] + 1
    assert after["guessing_game_guesses_total"] - during["guessing_game_guesses_total"] == guesses - 1
    assert after["guessing_game_lobby_operations_total"] == 0
    assert after["guessing_game_lobby_reachable"] == 1
    assert after["guessing_game_log_dropped_lines_total"] == 0
    assert after["process_resident_memory_bytes"] > 0


def test_a_port_that_is_taken_is_told() -> None:
    """Where the figures' port cannot be had the server ends with one line that names the setting."""
    plain = {name: text for name, text in os.environ.items() if not name.startswith("GAME_")}
    ports = {"GAME_PLAYER_PORT": "0", "GAME_ADMIN_PORT": "0"}
    with socket.create_server(("", 0)) as taken:
        ended = subprocess.run(
            [sys.executable, "-m", "services.server"],
            env={**plain, **ports, "GAME_METRICS_PORT": str(taken.getsockname()[1])},
            capture_output=True,
            text=True,
            check=False,
        )
    assert ended.stderr.startswith("GAME_METRICS_PORT: cannot listen on port ")
    assert len(ended.stderr.splitlines()) == 1
    assert ended.returncode == 1
