"""The kit's command line: its exit status, its files, and what it says when nobody is there."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from typing import TYPE_CHECKING
from xml.etree import ElementTree as ET

import pytest

from services.conformance.cli import run
from tests.support.conformance.classroom import FOLDER
from tests.support.conformance.judging import STUDENT, free_ports
from tests.support.server_process import ServerProcess

if TYPE_CHECKING:
    from pathlib import Path


def test_nobody_there_is_status_2(capsys: pytest.CaptureFixture[str]) -> None:
    """Where nothing listens, one line says so and the status is 2."""
    (port,) = free_ports(1)
    assert run(["server", "127.0.0.1", "--player-port", str(port)], os.environ) == 2
    assert capsys.readouterr().err == f"conformance: nothing listens on 127.0.0.1 port {port}\n"


def test_a_name_that_is_none_is_told_from_a_server_that_does_not_run(
    capsys: pytest.CaptureFixture[str],
) -> None:
    """Who mistypes a host is not sent to look at the server."""
    assert run(["server", "no-such-host.invalid"], os.environ) == 2
    (line,) = capsys.readouterr().err.splitlines()
    assert line.startswith("conformance: no-such-host.invalid port 4000: ")


def test_localhost_in_a_container_is_told_from_the_machine(capsys: pytest.CaptureFixture[str]) -> None:
    """In a container the line says that localhost is the container, and what the machine is called."""
    (port,) = free_ports(1)
    container = {**os.environ, "GAME_MACHINE_OF_CONTAINER": "host.docker.internal"}
    assert run(["server", "localhost", "--player-port", str(port)], container) == 2
    (line,) = capsys.readouterr().err.splitlines()
    assert "localhost is this container: name the machine host.docker.internal" in line


def test_command_that_does_not_start_is_status_2(capsys: pytest.CaptureFixture[str]) -> None:
    """A server's command that cannot be run is named."""
    (port,) = free_ports(1)
    arguments = ["server", "127.0.0.1", "--player-port", str(port), "--server-command", "./no-such-program"]
    assert run(arguments, os.environ) == 2
    assert "no-such-program" in capsys.readouterr().err


def test_a_win_by_chance_does_not_fail_what_is_about_something_else(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """Of a server that dies of a game that is won, the line ends are judged even if the first guess wins."""
    wins_at_once = (FOLDER / "sara" / "server.py").read_text().replace("random.randint(1, 30)", "1")
    (tmp_path / "server.py").write_text(wins_at_once)
    player_port, admin_port = free_ports(2)
    command = f"{sys.executable} {tmp_path / 'server.py'}"
    ports = ["--player-port", str(player_port), "--admin-port", str(admin_port)]
    arguments = ["server", "localhost", *ports, "--server-command", command, "--only", "crlf"]

    listening = {"GAME_PLAYER_PORT": str(player_port), "GAME_ADMIN_PORT": str(admin_port)}
    assert run(arguments, {**os.environ, **listening}) == 0
    assert "1 of 1 chosen checks passed" in capsys.readouterr().out


def test_silence_is_believed_before_the_server_loses_its_patience(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """However slow the machine, the kit is never silent for as long as the timeouts that it was told."""
    monkeypatch.setattr("services.conformance.cli.measured_stretch", lambda: 8.0)
    with ServerProcess(GAME_HANDSHAKE_TIMEOUT="1") as server:
        ports = ["--player-port", str(server.player[1]), "--admin-port", str(server.admin[1])]
        only = ["--handshake-timeout", "1", "--only", "no-banner"]
        assert run(["server", "127.0.0.1", *ports, *only], os.environ) == 0
    assert "1 of 1 chosen checks passed" in capsys.readouterr().out


def test_client_that_never_comes_is_status_2(capsys: pytest.CaptureFixture[str]) -> None:
    """A client that ends without connecting is shown with what it printed."""
    command = [sys.executable, "-c", "print('wrong port')"]
    assert run(["client", "--listen", "0", "--", *command], os.environ) == 2
    assert "wrong port" in capsys.readouterr().err


def test_without_docstrings_there_are_no_checks() -> None:
    """Where Python drops what the checks say (-OO), the kit says so instead of printing nothing for each."""
    command = [sys.executable, "-OO", "-m", "services.conformance", "server", "--list"]
    done = subprocess.run(command, capture_output=True, text=True, check=False)

    assert (done.returncode, done.stdout) == (2, "")
    assert "without -OO" in done.stderr
    assert len(done.stderr.splitlines()) == 1


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM, signal.SIGHUP])
def test_however_the_kit_is_ended_so_is_the_program(tmp_path: Path, number: signal.Signals) -> None:
    """Ctrl-C, SIGTERM or a terminal that is closed: nothing that the kit has started outlives it."""
    fifo = tmp_path / "fifo"
    os.mkfifo(fifo)
    judged = (
        f"import time; held = open({str(fifo)!r}, 'w'); held.write('begun'); held.flush(); time.sleep(60)"
    )
    command = [sys.executable, "-m", "services.conformance", "client", "--listen", "0"]
    with subprocess.Popen([*command, "--", sys.executable, "-c", judged], stderr=subprocess.DEVNULL) as kit:
        with fifo.open() as held:
            assert held.read(5) == "begun"
            kit.send_signal(number)
            assert held.read() == ""  # nobody holds the other end any more
        assert kit.wait() == 130


@pytest.mark.parametrize("arguments", [[], ["server"], ["server", "x", "--level", "perfect"], ["nobody"]])
def test_bad_usage_is_status_2(arguments: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    """What cannot be understood is explained, and the status is 2."""
    assert run(arguments, os.environ) == 2
    assert "usage" in capsys.readouterr().err


def test_help_tells_what_holds_if_nothing_is_said(capsys: pytest.CaptureFixture[str]) -> None:
    """The help names the level, the wait and the limits that are taken where none is given."""
    assert run(["server", "--help"], os.environ) == 0
    told = " ".join(capsys.readouterr().out.split())
    for default in ("(default: robust)", "(default: 1.2)", "(default: 20)", "--server-command: 127.0.0.1"):
        assert default in told


def test_batch_without_submissions_is_status_2(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """An empty folder is told from one whose submissions fail."""
    assert run(["batch", str(tmp_path)], os.environ) == 2
    assert "holds no folders" in capsys.readouterr().err


def test_level_that_does_not_hold_is_status_1(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """A level that does not hold gives status 1, a report on standard output and the files asked for."""
    player_port, admin_port = free_ports(2)
    junit = tmp_path / "report.xml"
    arguments = [
        "server", "127.0.0.1", "--player-port", str(player_port), "--admin-port", str(admin_port),
        "--server-command", f"{sys.executable} -u {STUDENT}", "--level", "classic",
        "--timeout", "1", "--seed", "11", "--json", "--junit", str(junit),
        "--gradescope", str(tmp_path / "results.json"), "--html", str(tmp_path / "page"),
    ]  # fmt: skip
    assert run(arguments, os.environ) == 1
    report = json.loads(capsys.readouterr().out)
    assert report["seed"] == 11
    assert report["level"] == "classic"
    assert {check["level"] for check in report["checks"]} == {"classic"}
    suites = ET.parse(junit).getroot()  # noqa: S314 - made a line before
    assert [suite.get("name") for suite in suites] == ["classic"]
    assert json.loads((tmp_path / "results.json").read_text(encoding="utf-8"))["score"] == report["points"]
    assert "What to mend" in (tmp_path / "page/index.html").read_text(encoding="utf-8")
