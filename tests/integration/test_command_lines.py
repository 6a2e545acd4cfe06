"""What may be typed wrong or be missing, at every program: one line that says what to do."""

from __future__ import annotations

import subprocess
import sys
import tomllib
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from services.admin import cli as admin
from services.player import cli as player
from services.runtime.program import EXTRAS
from services.tap import cli as tap

if TYPE_CHECKING:
    from collections.abc import Callable

PROGRAMS: dict[str, Callable[[list[str], dict[str, str]], int]] = {
    "admin": admin.run,
    "player": player.run,
    "tap": tap.run,
}
PYPROJECT = Path(__file__).parents[2] / "pyproject.toml"


@pytest.mark.parametrize(
    "typed",
    [
        *("admin watch --dashboard :", "admin watch --dashboard ::", "admin watch --dashboard localhost:"),
        *("admin watch --dashboard=", "admin watch --history=", "admin who --port=", "admin who --ca="),
        *("player --host=", "player --games=", "tap --listen :", "tap --to=", "tap --admin-listen="),
    ],
)
def test_a_flag_without_its_value_is_one_line(typed: str, capsys: pytest.CaptureFixture[str]) -> None:
    """What is given nothing is not taken for left out: no page would be served, and no game recorded."""
    program, *arguments = typed.split()

    assert PROGRAMS[program](arguments, {}) == 2
    complaint = capsys.readouterr().err
    flag = next(word for word in arguments if word.startswith("--")).rstrip("=")
    assert complaint.startswith(f"guessing-{program}: {flag}: ")
    assert len(complaint.splitlines()) == 1


@pytest.mark.parametrize(
    ("module", "arguments", "settings", "package"),
    [
        ("services.server", (), {"GAME_METRICS_PORT": "9"}, "prometheus_client"),
        ("services.server", (), {"GAME_STATE_URL": "valkey://localhost"}, "valkey"),
        ("services.server", (), {}, "structlog"),
        ("services.admin", ("watch",), {}, "rich"),
        ("services.admin", ("watch",), {}, "uvicorn"),
        ("services.player", ("--bot", "smart"), {}, "rich"),
        ("services.certs", ("--out", "/nowhere"), {}, "cryptography"),
    ],
)
def test_a_package_that_is_missing_is_one_line(
    module: str, arguments: tuple[str, ...], settings: dict[str, str], package: str
) -> None:
    """It says what to install, and there is no traceback."""
    blocked = f"import runpy, sys; sys.modules[{package!r}] = None; "
    run = f"sys.argv = {[module, *arguments]!r}; runpy.run_module({module!r}, run_name='__main__')"
    done = subprocess.run(
        [sys.executable, "-c", blocked + run],
        env={"GAME_PLAYER_PORT": "0", "GAME_ADMIN_PORT": "0", **settings},
        cwd=PYPROJECT.parent,
        capture_output=True,
        text=True,
        check=False,
        timeout=30,
    )
    extra = f".[{EXTRAS[package]}]" if EXTRAS[package] else "."
    assert done.stderr.endswith(f": needs {package}, which is not installed: pip install '{extra}'\n")
    assert len(done.stderr.splitlines()) == 1
    assert done.returncode == 1


def test_extras_are_those_of_the_project() -> None:
    """Each package that may be missing is brought by the extra that is named for it."""
    project = tomllib.loads(PYPROJECT.read_text())["project"]
    wanted = {"": project["dependencies"], **project["optional-dependencies"]}
    given = {
        extra: {one.partition(">=")[0].replace("-", "_") for one in packages}
        for extra, packages in wanted.items()
    }
    assert all(package in given[extra] for package, extra in EXTRAS.items())
    assert set().union(*given.values()) - EXTRAS.keys() == {"uvloop"}  # nothing needs it
