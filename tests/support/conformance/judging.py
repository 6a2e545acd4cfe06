"""Run the kit against the reference and its mutants, each a process of its own on free ports."""

from __future__ import annotations

import os
import random
import socket
import sys
from pathlib import Path

from services.conformance import admin_checks, client_checks
from services.conformance.client_run import judge_client
from services.conformance.judged import JudgedServer, Limits
from services.conformance.program import Program
from services.conformance.results import Level, Report
from services.conformance.server_run import judge_server
from services.conformance.stage import JudgedClient, listen
from services.conformance.wire import Opening, Pace

CLIENTS = {"client": client_checks.CHECKS, "admin": admin_checks.CHECKS}
ROOT = Path(__file__).parents[3]
SEED = 7
HANDSHAKE_S = 1.0
IDLE_S = 4.0
MAX_PLAYERS = 40


def free_ports(count: int) -> list[int]:
    """Find ports of loopback that nobody listens on."""
    sockets = [socket.socket() for _ in range(count)]
    for each in sockets:
        each.bind(("127.0.0.1", 0))
    ports = [each.getsockname()[1] for each in sockets]
    for each in sockets:
        each.close()
    return ports


def judge_server_mutant(mutant: str | None = None, level: Level = Level.EXTENDED) -> Report:
    """Judge the reference server, or one of its mutants."""
    module = "tests.support.conformance.server_mutants"
    return judge_command([sys.executable, "-m", module, *([mutant] if mutant else [])], level)


def judge_command(command: list[str], level: Level) -> Report:
    """Judge a server that takes its ports from the environment."""
    player_port, admin_port = free_ports(2)
    environ = {
        **os.environ,
        "PYTHONPATH": str(ROOT),
        "GAME_PLAYER_PORT": str(player_port),
        "GAME_ADMIN_PORT": str(admin_port),
        "GAME_HANDSHAKE_TIMEOUT": f"{HANDSHAKE_S:g}",
        "GAME_IDLE_TIMEOUT": f"{IDLE_S:g}",
        "GAME_MAX_PLAYERS": str(MAX_PLAYERS),
    }
    server = JudgedServer(
        Opening("127.0.0.1", player_port),
        Opening("127.0.0.1", admin_port),
        Pace(quiet_s=0.15),
        Limits(handshake_timeout_s=HANDSHAKE_S, idle_timeout_s=IDLE_S, max_players=MAX_PLAYERS),
        random.Random(SEED),
        program=Program(command, environ),
    )
    report = Report("server", level, SEED)
    judge_server(server, report)
    return report


def judge_client_mutant(kind: str, mutant: str | None = None) -> Report:
    """Judge a reference client, `client` or `admin`, or one of its mutants."""
    module = f"tests.support.conformance.{kind}_mutants"
    with listen(0) as listener:
        port = listener.getsockname()[1]
        command = [sys.executable, "-m", module, str(port), *([mutant] if mutant else [])]
        program = Program(command, {**os.environ, "PYTHONPATH": str(ROOT)})
        report = Report(kind, Level.EXTENDED, SEED)
        client = JudgedClient(listener, Pace(patience_s=1.5), program, lambda _: None)
        judge_client(client, report, checks=CLIENTS[kind])
    return report
