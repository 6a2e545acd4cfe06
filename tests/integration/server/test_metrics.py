"""The server's figures for Prometheus, over loopback."""

from __future__ import annotations

import contextlib
import os
import socket
import subprocess
import sys
import urllib.request
from pathlib import Path

import pytest
from prometheus_client.parser import text_string_to_metric_families

from tests.support.play import start_a_game, win
from tests.support.server_process import Alteration, ServerProcess
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


TIMEOUT_S = 20.0
ASK = b"GET /metrics HTTP/1.1\r\nHost: localhost\r\n"
FEW = 300
"""Descriptors, as where `ulimit -n` is low."""


def answer(port: int, request: bytes, host: str = "127.0.0.1") -> bytes:
    """Return the whole answer to a request."""
    with socket.create_connection((host, port), timeout=TIMEOUT_S) as sock:
        sock.sendall(request)
        return b"".join(iter(lambda: sock.recv(1 << 16), b""))


@pytest.mark.parametrize("without", [(), ("uvloop",)])
def test_silent_connections_keep_nobody_out(without: tuple[str, ...]) -> None:
    """With 290 silent connections and 300 descriptors, players play, figures are read, no thread is begun."""
    port = free_port()
    altered = Alteration(without=without, descriptors=FEW)
    with ServerProcess(altered, GAME_METRICS_PORT=str(port)) as server, contextlib.ExitStack() as stack:
        before = figures(port)["process_open_fds"]
        threads = set(Path(f"/proc/{server.pid}/task").iterdir())
        for _ in range(290):
            stack.enter_context(socket.create_connection(("127.0.0.1", port), timeout=TIMEOUT_S))
        for _ in range(20):
            player, _, _ = start_a_game(server)
            stack.enter_context(player)
            assert figures(port)["process_open_fds"] < before + 60
        assert set(Path(f"/proc/{server.pid}/task").iterdir()) == threads
        assert not server.events("accept_failed")


@pytest.mark.parametrize("sent", [b"", b"GET /metrics HTTP/1.1\r\n", ASK + b"\r\n"])
def test_a_visit_has_a_deadline(sent: bytes) -> None:
    """Whoever says nothing, half of a request, or does not go after the answer, is cut."""
    port = free_port()
    altered = Alteration(values={"services.server.metrics.VISIT_TIMEOUT_S": 0.3})
    with ServerProcess(altered, GAME_METRICS_PORT=str(port)):
        assert answer(port, sent).startswith(b"HTTP/1.1 200 OK" if sent.startswith(ASK) else b"")


def test_odd_requests_are_answered_or_cut() -> None:
    """What is no GET, has no end, asks for an odd format or comes by IPv6: each gets what it may have."""
    port = free_port()
    with ServerProcess(GAME_METRICS_PORT=str(port), GAME_HOST="::") as server:
        head, _, body = answer(port, b"HEAD / HTTP/1.1\r\n\r\n").partition(b"\r\n\r\n")
        assert (head.partition(b" ")[2][:3], body) == (b"200", b"")
        assert answer(port, b"\r\n\r\n").startswith(b"HTTP/1.1 405 ")
        with contextlib.suppress(ConnectionError):
            assert answer(port, ASK + b"X: " + b"x" * 20_000) == b""
        assert b" 200 " in answer(port, ASK + b"Accept: text/plain;version=x\r\n\r\n")
        assert b"gzip" in answer(port, ASK + b"Accept-Encoding: gzip\r\n\r\n")
        assert b"games 0.0" in answer(port, ASK + b"\r\n", "::1")
        assert not server.events("callback_failed")


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
    assert ended.stderr.startswith("GAME_METRICS_PORT: cannot listen on all addresses, port ")
    assert len(ended.stderr.splitlines()) == 1
    assert ended.returncode == 1
