"""Names of hosts, as every program is given them: those that are none, and those that nobody looks up."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from typing import TYPE_CHECKING

import pytest

from services.admin import cli as admin
from services.certs import cli as certs
from services.conformance import cli as conformance
from services.player import cli as player
from services.server import program as server
from services.tap import cli as tap

if TYPE_CHECKING:
    from collections.abc import Callable

TIMEOUT_S = 30.0

CLIENTS = {
    "person": ("services.player",),
    "bots": ("services.player", "--bot", "smart"),
    "who": ("services.admin", "who"),
    "watch": ("services.admin", "watch"),
}

PROGRAMS: dict[str, Callable[[list[str], dict[str, str]], int]] = {
    "player": player.run,
    "admin": admin.run,
    "server": lambda _, variables: server.run(variables),
    "conformance": conformance.run,
    "certs": certs.run,
    "tap": tap.run,
}

SETTINGS = [
    "player --host a..b",
    "player GAME_HOST=a..b",
    "admin who --host a..b",
    "admin watch GAME_HOST=a..b",
    "admin watch --dashboard a..b:0",
    "server GAME_HOST=a..b",
    "server GAME_STATE_URL=valkey://a..b",
    "server GAME_STATE_URL=valkey://[::1",
    "server GAME_STATE_URL=valkey://valkey:99999",
    "conformance server a..b",
    "conformance server localhost --player-port 99999",
    "certs GAME_TLS_NAMES=a..b",
    "certs GAME_TLS_NAMES=fe80::1%eth0",
    "player --host fe80::1",
    "tap --listen [fe80::1]:4000",
    "tap TAP_HOST=a..b",
]


def environ(**more: str) -> dict[str, str]:
    """Return an environment that says nothing about the game."""
    own = {name: value for name, value in os.environ.items() if not name.startswith("GAME_")}
    return {**own, **more}


@pytest.mark.parametrize("typed", SETTINGS)
def test_what_is_no_host_is_one_line(typed: str, capsys: pytest.CaptureFixture[str]) -> None:
    """Whichever program and whichever setting it is: bad usage, and one line that shows the value."""
    program, *words = typed.split()
    arguments = [word for word in words if not word.startswith("GAME_")]
    variables = dict(word.split("=", 1) for word in words if word.startswith("GAME_"))

    assert PROGRAMS[program](arguments, variables) == 2
    complaint = capsys.readouterr().err.splitlines()[-1]
    assert any(shown in complaint for shown in ("a..b", "valkey://", "99999", "fe80::1"))


@pytest.mark.parametrize("arguments", CLIENTS.values(), ids=CLIENTS.keys())
def test_ctrl_c_does_not_wait_for_a_name_service(arguments: tuple[str, ...]) -> None:
    """While no name service answers, Ctrl-C ends each client as usual."""
    with subprocess.Popen(
        [sys.executable, "-m", "tests.support.deaf_resolver", *arguments, "--host", "game.example"],
        env=environ(),
        stdout=subprocess.DEVNULL,
        stderr=subprocess.PIPE,
        text=True,
    ) as program:
        try:
            assert program.stderr
            assert program.stderr.readline() == "looking up\n"
            program.send_signal(signal.SIGINT)
            assert program.wait(TIMEOUT_S) == 130
        finally:
            program.kill()
