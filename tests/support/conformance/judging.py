"""Run the kit against the reference and its mutants, each a process of its own on free ports."""

from __future__ import annotations

import contextlib
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
from tests.support.conformance.server_mutants import MUTANTS

CLIENTS = {"client": client_checks.CHECKS, "admin": admin_checks.CHECKS}
ROOT = Path(__file__).parents[3]
OWN_CLIENTS = {
    "player": ("client", ["services.player", "--port", "{port}"]),
    "bot": (
        "client",
        ["services.player", "--port", "{port}", "--bot", "smart", "--games", "1", "--think", "0-0"],
    ),
    "who": ("admin", ["services.admin", "who", "--port", "{port}"]),
    "watch": ("admin", ["services.admin", "watch", "--port", "{port}"]),
}
STUDENT = ROOT / "tests/support/conformance/submissions/student/server.py"
SEED = 7
SERVER_PORTS = (10_000, 30_000)
HANDSHAKE_S = 1.0
IDLE_S = 1.5
MAX_PLAYERS = 40


def free_ports(count: int) -> list[int]:
    """Find ports of loopback that nobody listens on.

    They are none of those that the kernel gives to clients: a server that lacks SO_REUSEADDR could not have
    one that a client has used a moment ago.
    """
    ports: list[int] = []
    while len(ports) < count:
        with socket.socket() as trial, contextlib.suppress(OSError):
            trial.bind(("127.0.0.1", random.randrange(*SERVER_PORTS)))
            ports.append(trial.getsockname()[1])
    return ports


def judge_server_mutant(mutant: str | None = None) -> Report:
    """Judge the reference server, or one of its mutants."""
    module = "tests.support.conformance.server_mutants"
    idle_s = MUTANTS[mutant].short_idle_s if mutant else IDLE_S
    command = [sys.executable, "-m", module, *([mutant] if mutant else [])]
    return judge_command(command, Level.EXTENDED, idle_s)


def judge_student() -> Report:
    """Judge the half-finished server."""
    return judge_command([sys.executable, "-u", str(STUDENT)], Level.ROBUST)


def judge_command(command: list[str], level: Level, idle_s: float | None = None) -> Report:
    """Judge a server that takes its ports from the environment."""
    player_port, admin_port = free_ports(2)
    environ = {
        **os.environ,
        "PYTHONPATH": str(ROOT),
        "GAME_PLAYER_PORT": str(player_port),
        "GAME_ADMIN_PORT": str(admin_port),
        "GAME_HANDSHAKE_TIMEOUT": f"{HANDSHAKE_S:g}",
        "GAME_IDLE_TIMEOUT": f"{idle_s or 300:g}",
        "GAME_MAX_PLAYERS": str(MAX_PLAYERS),
    }
    server = JudgedServer(
        Opening("127.0.0.1", player_port),
        Opening("127.0.0.1", admin_port),
        Pace(quiet_s=0.15),
        Limits(handshake_timeout_s=HANDSHAKE_S, idle_timeout_s=idle_s, max_players=MAX_PLAYERS),
        random.Random(SEED),
        program=Program(command, environ),
    )
    report = Report("server", level, SEED)
    judge_server(server, report)
    return report


def judge_client_mutant(kind: str, mutant: str | None = None) -> Report:
    """Judge a reference client, `client` or `admin`, or one of its mutants."""
    module = f"tests.support.conformance.{kind}_mutants"
    return judge_client_command(kind, [module, "{port}", *([mutant] if mutant else [])], patience_s=1.5)


def judge_client_command(kind: str, arguments: list[str], patience_s: float = 2.0) -> Report:
    """Judge a client that is a module of Python; `{port}` stands for the port that it has to connect to."""
    with listen(0) as listener:
        port = str(listener.getsockname()[1])
        command = [sys.executable, "-m", *(port if part == "{port}" else part for part in arguments)]
        program = Program(command, {**os.environ, "PYTHONPATH": str(ROOT)})
        report = Report(kind, Level.EXTENDED, SEED)
        client = JudgedClient(listener, Pace(patience_s=patience_s), program, lambda _: None)
        judge_client(client, report, checks=CLIENTS[kind])
    return report
