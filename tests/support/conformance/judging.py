"""Run the kit against the reference and its mutants, each a process of its own on free ports."""

from __future__ import annotations

import contextlib
import gc
import os
import random
import socket
import sys
import tempfile
import traceback
from pathlib import Path
from typing import IO, TYPE_CHECKING

from services.conformance import admin_checks, client_checks
from services.conformance.client_run import judge_client
from services.conformance.clock import Clock
from services.conformance.connection import Endpoint, Timing
from services.conformance.judged import JudgedServer, Limits
from services.conformance.program import Program, spawn
from services.conformance.results import Level, Report
from services.conformance.scripted_server import JudgedClient, listen
from services.conformance.server_run import CHECKS, judge_server
from tests.support.conformance import admin_mutants, client_mutants
from tests.support.conformance.server_mutants import MUTANTS, SERVERS

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from services.conformance.checks import Check
    from services.conformance.program import Spawn

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
CLIENT_MUTANTS = {"client": client_mutants, "admin": admin_mutants}
STUDENT = ROOT / "tests/support/conformance/submissions/student/server.py"
SEED = 7
SERVER_PORTS = (10_000, 30_000)
HANDSHAKE_S = 2.0
IDLE_S = 3.0
"""So long no server on a busy machine is kept from its next turn."""
MAX_PLAYERS = 40
MOST_DESCRIPTORS = 1024


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


class Forked:
    """A program of the tests, forked off: much cheaper than an interpreter for each check."""

    def __init__(self, run: Callable[[], None], environ: Mapping[str, str]) -> None:
        keyboard, typed = os.pipe()
        output, printed = os.pipe()
        gc.freeze()
        self.pid = os.fork()
        if self.pid == 0:
            os.setsid()
            for end, number in ((keyboard, 0), (printed, 1), (printed, 2)):
                os.dup2(end, number)
            os.closerange(3, MOST_DESCRIPTORS)
            sys.stdin, sys.stdout, sys.stderr = open(0), open(1, "w"), open(2, "w")  # noqa: SIM115
            os.environ.update(environ)
            status = 0
            try:
                run()
            except BaseException:  # noqa: BLE001 - as the interpreter would end
                traceback.print_exc()
                status = 1
            sys.stdout.flush()
            sys.stderr.flush()
            os._exit(status)
        os.close(keyboard)
        os.close(printed)
        self.stdin: IO[bytes] | None = os.fdopen(typed, "wb", buffering=0)
        self.stdout: IO[bytes] | None = os.fdopen(output, "rb", buffering=0)

    def wait(self, timeout: float | None = None) -> int:
        """Wait for the end, which the kit has seen to."""
        return os.waitstatus_to_exitcode(os.waitpid(self.pid, 0)[1])


def judge_server_mutant(mutant: str | None = None) -> Report:
    """Judge the reference server, or one of its mutants; it takes its ports from the environment."""
    idle_s = MUTANTS[mutant].short_idle_s if mutant in MUTANTS else IDLE_S
    server = SERVERS[mutant]
    player_port, admin_port = free_ports(2)
    cut_off = Path(tempfile.gettempdir()) / f"cut-off-{player_port}-{os.getpid()}"
    environ = {
        **os.environ,
        "PYTHONPATH": str(ROOT),
        "CUT_OFF": str(cut_off),
        "GAME_PLAYER_PORT": str(player_port),
        "GAME_ADMIN_PORT": str(admin_port),
        "GAME_HANDSHAKE_TIMEOUT": f"{HANDSHAKE_S:g}",
        "GAME_IDLE_TIMEOUT": f"{idle_s or 300:g}",
        "GAME_MAX_PLAYERS": str(MAX_PLAYERS),
    }
    program = Program([mutant or "reference"], environ, spawn=_spawn(lambda: server().run()))
    subject = JudgedServer(
        Endpoint("127.0.0.1", player_port),
        Endpoint("127.0.0.1", admin_port, name="admin"),
        Timing(quiet_s=0.15),
        Limits(
            handshake_timeout_s=HANDSHAKE_S,
            idle_timeout_s=idle_s,
            max_players=MAX_PLAYERS,
            cut=f"touch {cut_off}",
            mend=f"rm -f {cut_off}",
        ),
        random.Random(SEED),
        program=program,
        clock=Clock(program.usage),
    )
    report = Report("server", Level.EXTENDED, SEED)
    judge_server(subject, report, checks=CHECKS)
    return report


def _spawn(run: Callable[[], None] | None) -> Spawn:
    return (lambda _, environ: Forked(run, environ)) if run else spawn


def judge_client_mutant(kind: str, mutant: str | None = None) -> Report:
    """Judge a reference client, `client` or `admin`, or one of its mutants."""
    module = CLIENT_MUTANTS[kind]
    client = module.MUTANTS[mutant] if mutant else module.REFERENCE
    return _judge_client(kind, lambda _: [], lambda port: client(port).run())


def judge_encrypted_client(name: str) -> Report:
    """Judge how a client that begins with TLS takes a server that does not speak it."""
    checks = [check for check in client_checks.CHECKS if check.name == "never-falls-back"]
    client = client_mutants.ENCRYPTED[name]
    return _judge_client("client", lambda _: [], lambda port: client(port).run(), checks)


def judge_client_command(kind: str, arguments: list[str]) -> Report:
    """Judge a client that is a module of Python; `{port}` stands for the port that it has to connect to."""

    def command(port: int) -> list[str]:
        return [sys.executable, "-m", *(part.replace("{port}", str(port)) for part in arguments)]

    return _judge_client(kind, command, None)


def _judge_client(
    kind: str,
    command: Callable[[int], list[str]],
    run: Callable[[int], None] | None,
    checks: Sequence[Check[JudgedClient]] | None = None,
) -> Report:
    with listen(0) as listener:
        port = listener.getsockname()[1]
        forked = (lambda: run(port)) if run else None
        program = Program(command(port), {**os.environ, "PYTHONPATH": str(ROOT)}, spawn=_spawn(forked))
        report = Report(kind, Level.EXTENDED, SEED)
        client = JudgedClient(listener, Timing(), program, lambda _: None, clock=Clock(program.usage))
        judge_client(client, report, checks=checks or CLIENTS[kind])
    return report
