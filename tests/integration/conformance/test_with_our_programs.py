"""Our own programs hold every level: the kit is the black-box test of them all."""

from __future__ import annotations

import json
import os
import shlex
import sys
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING, Any

import pytest

from services.conformance.cli import run
from services.conformance.results import is_bad
from tests.support.certificates import make_cast
from tests.support.conformance.judging import OWN_CLIENTS, free_ports, judge_client_command
from tests.support.server_process import ServerProcess

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping
    from concurrent.futures import Future
    from pathlib import Path

    from services.conformance.results import Report

# The silence between pieces of a line, stretched on a busy machine, has to fit into the idle timeout.
LIMITS = {"GAME_HANDSHAKE_TIMEOUT": "2", "GAME_IDLE_TIMEOUT": "6", "GAME_MAX_PLAYERS": "260"}
TOLD = ["--handshake-timeout", "2", "--idle-timeout", "6", "--max-players", "260"]
ROUNDS = {"one-secret", "too-late", "told-of-rounds", "cut-off"}
ENCRYPTION = {
    "plain-text-harmless",
    "plain-text",
    "admin-plain-text",
    "admin-certificate",
    "stalled-handshake",
}
PROCESS = {"rebound", "idle-costs-nothing"}
"""What can be seen only of a server that the kit has started."""


def judge(
    capsys: pytest.CaptureFixture[str], *arguments: str, environ: Mapping[str, str] = os.environ
) -> dict[str, str]:
    """Judge at the highest level; return the outcome of each check, once none has failed."""
    status = run([*arguments[:1], "--level", "extended", "--json", *arguments[1:]], environ)
    output = capsys.readouterr()
    report: dict[str, Any] = json.loads(output.out)
    assert [check for check in report["checks"] if check["outcome"] in {"fail", "not judged"}] == []
    assert status == 0, output.err
    return {check["name"]: check["outcome"] for check in report["checks"]}


def not_applicable(outcomes: Mapping[str, str]) -> set[str]:
    """Return the checks that had no object."""
    return {name for name, outcome in outcomes.items() if outcome == "not applicable"}


@pytest.mark.usefixtures("clients")
def test_server_holds_every_level(capsys: pytest.CaptureFixture[str]) -> None:
    """Our server passes all but encryption, shared rounds, and what only its own process can show."""
    with ServerProcess(**LIMITS) as server:
        ports = ["--player-port", str(server.player[1]), "--admin-port", str(server.admin[1])]
        outcomes = judge(capsys, "server", "127.0.0.1", *ports, *TOLD)
    assert not_applicable(outcomes) == ROUNDS | ENCRYPTION | PROCESS


def test_server_killed_and_started_again(capsys: pytest.CaptureFixture[str]) -> None:
    """Started by the kit for each check, our server has its ports back at once and idles without cost."""
    player_port, admin_port = free_ports(2)
    command = f"{shlex.quote(sys.executable)} -m services.server"
    ports = ["--player-port", str(player_port), "--admin-port", str(admin_port)]
    only = ["--only", ",".join((*PROCESS, "survives", "leaves-mid-game", "vanished-player", "word-guess"))]
    environ = {**os.environ, **LIMITS, "GAME_HOST": "127.0.0.1"}
    outcomes = judge(
        capsys, "server", "127.0.0.1", *ports, *only, "--server-command", command, environ=environ
    )
    assert set(outcomes.values()) == {"pass"}


def test_encrypted_server_holds_every_level(capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    """Both ports encrypted, everything holds as it does in plain text."""
    cast = make_cast(tmp_path)
    # Fewer players: with TLS, on a busy machine, the first would be disconnected before the last have come.
    limits = {**LIMITS, "GAME_MAX_PLAYERS": "60"}
    settings = {
        "GAME_TLS_CERT": str(cast.server.cert),
        "GAME_TLS_KEY": str(cast.server.key),
        "GAME_TLS_CLIENT_CA": str(cast.ca),
        "GAME_PLAYER_TLS": "required",
    }
    with ServerProcess(**limits, **settings) as server:
        ports = ["--player-port", str(server.player[1]), "--admin-port", str(server.admin[1])]
        own = ["--cert", str(cast.administrator.cert), "--key", str(cast.administrator.key)]
        outcomes = judge(
            capsys, "server", "localhost", *ports, *TOLD, "--ca", str(cast.ca), *own, "--max-players", "60"
        )
    assert not_applicable(outcomes) == ROUNDS | PROCESS | {"half-close", "unterminated"}


def test_shared_rounds_hold_every_level(capsys: pytest.CaptureFixture[str]) -> None:
    """With one secret for all players, everything holds that still has a meaning."""
    with ServerProcess(**LIMITS, GAME_ROUND="shared") as server:
        ports = ["--player-port", str(server.player[1]), "--admin-port", str(server.admin[1])]
        outcomes = judge(capsys, "server", "127.0.0.1", *ports, *TOLD)
    assert not_applicable(outcomes) == ENCRYPTION | PROCESS | {"own-secret", "cut-off"}


@pytest.fixture(scope="module")
def clients() -> Iterator[dict[str, Future[Report]]]:
    """Judge our clients, two at once, while the servers are judged."""
    with ThreadPoolExecutor(2) as pool:
        yield {name: pool.submit(judge_client_command, *client) for name, client in OWN_CLIENTS.items()}


@pytest.mark.timeout(120)  # each may have to wait for those before it
@pytest.mark.parametrize(
    ("client", "without"),
    [
        ("player", {"never-falls-back"}),
        ("bot", {"never-falls-back"}),
        ("who", {"follows-events", "reads-names", "pong", "seat-taken"}),
        ("watch", {"ends-with-the-list"}),
    ],
)
def test_client_holds_every_level(client: str, without: set[str], clients: dict[str, Future[Report]]) -> None:
    """Our player, by hand and by itself, and our administrator, asking and watching, pass all."""
    report = clients[client].result()
    assert [result for result in report.results if is_bad(result.outcome)] == []
    assert not_applicable({result.name: result.outcome for result in report.results}) == without
