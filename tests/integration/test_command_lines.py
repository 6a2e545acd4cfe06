"""What may be typed wrong or be missing, at every program: one line that says what to do."""

from __future__ import annotations

import os
import select
import subprocess
import sys
import tomllib
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from services.admin import cli as admin
from services.certs import cli as certs
from services.conformance import cli as conformance
from services.player import cli as player
from services.runtime.output_file import output_file, output_folder
from services.runtime.program import EXTRAS
from services.tap import cli as tap

if TYPE_CHECKING:
    from collections.abc import Callable

PROGRAMS: dict[str, Callable[[list[str], dict[str, str]], int]] = {
    "admin": admin.run,
    "certs": certs.run,
    "conformance": conformance.run,
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
    ("typed", "named"),
    [
        ("conformance server localhost --junit /nonexistent/report.xml", "--junit"),
        ("conformance server localhost --gradescope /", "--gradescope"),
        ("conformance client --trace /nonexistent/trace", "--trace"),
        ("conformance server localhost --html /dev/null", "--html"),
        ("conformance server localhost --timeout nan", "--timeout"),
        ("conformance server localhost --timeout -1", "--timeout"),
        ("conformance server localhost --handshake-timeout 1e400", "--handshake-timeout"),
        ("conformance server localhost --wait inf", "--wait"),
        ("conformance server localhost --crowd 0", "--crowd"),
        ("conformance server localhost --close-distance -1", "--close-distance"),
        ("conformance server localhost --server-command 'x", "--server-command"),
        ("conformance batch . --jobs 0", "--jobs"),
        ("conformance batch . --time nan", "--time"),
        ("conformance batch . --csv /nonexistent/marks.csv", "--csv"),
        ("conformance batch . --reports /dev/null/x", "--reports"),
        ("tap --html /nonexistent/tap.html", "--html"),
        ("tap --listen 65535", "TAP_ADMIN_PORT"),
        ("tap --to localhost:65535", "GAME_ADMIN_PORT"),
        ("tap --to 4000", "GAME_HOST"),
        ("player --host 4000", "--host"),
        ("conformance server 4000", "HOST"),
        ("player --ca /dev/zero", "GAME_TLS_CA"),
        ("certs --out=", "--out"),
    ],
)
def test_what_cannot_be_used_is_told_before_the_work(
    typed: str, named: str, capsys: pytest.CaptureFixture[str]
) -> None:
    """A file that cannot be written, a number that is none, a port for a host: no run is for nothing."""
    program, *arguments = typed.split()

    assert PROGRAMS[program](arguments, {}) == 2
    assert named in capsys.readouterr().err.splitlines()[-1]


@pytest.mark.parametrize(
    ("typed", "status", "said"), [("--help", 0, "GAME_PLAYER_PORT"), ("5000", 2, "5000")]
)
def test_the_server_takes_no_arguments(typed: str, status: int, said: str) -> None:
    """Who types one is told where the settings are, and no server is started."""
    done = subprocess.run(
        [sys.executable, "-m", "services.server", typed],
        capture_output=True,
        text=True,
        check=False,
        timeout=30,
    )
    assert done.returncode == status
    assert "[SETTING=VALUE ...] guessing-server" in done.stdout + done.stderr
    assert said in done.stdout + done.stderr


def test_a_folder_that_is_gone_is_one_line(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """A client is judged in the folder that the kit was started in; where it was deleted, the kit says so."""
    gone = tmp_path / "gone"
    gone.mkdir()
    monkeypatch.chdir(gone)
    gone.rmdir()

    assert conformance.run(["client", "--sandbox", "--", "true"], {}) == 2
    assert "No such file or directory" in capsys.readouterr().err


def test_files_that_can_be_written_are_left_as_they_are(tmp_path: Path) -> None:
    """What is there, or not, stays so until there is something to write; a FIFO's reader sees no end."""
    kept = tmp_path / "report.xml"
    kept.write_text("old")
    os.mkfifo(tmp_path / "fifo")

    assert output_file(str(kept)) == kept
    assert kept.read_text() == "old"
    assert not output_file(str(tmp_path / "new.xml")).exists()
    assert output_file(str(tmp_path / "fifo")) == tmp_path / "fifo"
    assert output_folder(str(tmp_path / "a" / "b")).is_dir()


def run_lacking(
    package: str, module: str, arguments: tuple[str, ...], settings: dict[str, str], stdout: int
) -> subprocess.CompletedProcess[str]:
    """Run a program where a package is not installed."""
    lacking = f"""
import runpy, sys
class Lacking:
    def find_spec(self, name, *_):
        if name == {package!r}:
            raise ModuleNotFoundError(name=name)
sys.meta_path.insert(0, Lacking())
sys.argv = {[module, *arguments]!r}
runpy.run_module({module!r}, run_name="__main__")
"""
    return subprocess.run(
        [sys.executable, "-c", lacking],
        env={"GAME_PLAYER_PORT": "0", "GAME_ADMIN_PORT": "0", **settings},
        cwd=PYPROJECT.parent,
        stdin=subprocess.DEVNULL,
        stdout=stdout,
        stderr=subprocess.PIPE,
        text=True,
        check=False,
        timeout=30,
    )


def check_told(done: subprocess.CompletedProcess[str], package: str) -> None:
    """See the one line that says what to install."""
    extra = f".[{EXTRAS[package]}]" if EXTRAS[package] else "."
    assert done.stderr.endswith(f": needs {package}, which is not installed: pip install '{extra}'\n")
    assert len(done.stderr.splitlines()) == 1
    assert done.returncode == 1


@pytest.mark.parametrize(
    ("module", "arguments", "settings", "package"),
    [
        ("services.server", (), {"GAME_METRICS_PORT": "9"}, "prometheus_client"),
        ("services.server", (), {"GAME_STATE_URL": "valkey://localhost"}, "valkey"),
        ("services.server", (), {}, "structlog"),
        ("services.admin", ("watch",), {}, "uvicorn"),
        ("services.admin", ("scores",), {}, "rich"),
        ("services.certs", ("--out", "/nowhere"), {}, "cryptography"),
    ],
)
def test_a_package_that_is_missing_is_one_line(
    module: str, arguments: tuple[str, ...], settings: dict[str, str], package: str
) -> None:
    """It says what to install, and there is no traceback."""
    check_told(run_lacking(package, module, arguments, settings, subprocess.DEVNULL), package)


@pytest.mark.parametrize(
    ("module", "arguments"),
    [
        ("services.admin", ("watch",)),
        ("services.admin", ("scores",)),
        ("services.player", ("--bot", "smart")),
    ],
)
def test_what_draws_is_missed_on_a_terminal(module: str, arguments: tuple[str, ...]) -> None:
    """Where there is a picture to draw, and nothing to draw it with, the line comes before the picture."""
    screen_fd, program_fd = os.openpty()
    try:
        done = run_lacking("rich", module, arguments, {"TERM": "xterm"}, program_fd)
        check_told(done, "rich")
        assert not select.select([screen_fd], [], [], 0)[0]
    finally:
        os.close(screen_fd)
        os.close(program_fd)


@pytest.mark.parametrize(
    ("module", "arguments", "loaded"),
    [
        *((f"services.{program}", (), "services.runtime.output") for program in ("server", *PROGRAMS)),
        *((f"services.{program}", (), "argparse") for program in PROGRAMS),
        ("services.server", (), "ssl"),
        ("services.admin", ("watch",), "uvicorn"),
        ("services.admin", ("scores",), "rich"),
    ],
)
def test_ctrl_c_ends_a_program_that_is_loading(
    module: str, arguments: tuple[str, ...], loaded: str, tmp_path: Path
) -> None:
    """Whatever is being loaded, it is a quiet end with status 130; also where Python would lose it."""
    interrupting = f"""
import os, runpy, signal, sys
class Interrupting:
    def find_spec(self, name, *_):
        if name == {loaded!r}:
            Interrupting.__del__ = lambda _: os.kill(os.getpid(), signal.SIGINT)
            Interrupting()  # what is raised in a destructor is told, and goes nowhere
sys.meta_path.insert(0, Interrupting())
sys.argv = {[module, *arguments]!r}
runpy.run_module({module!r}, run_name="__main__")
"""
    done = subprocess.run(
        [sys.executable, "-c", interrupting],
        env={"GAME_PLAYER_PORT": "0", "GAME_ADMIN_PORT": "0", "GAME_PORT": "9"},
        cwd=tmp_path,
        capture_output=True,
        text=True,
        check=False,
        timeout=30,
    )

    assert (done.returncode, done.stdout, done.stderr) == (130, "", "")


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
