"""The program: what it prints, how it ends, and two of it at once."""

from __future__ import annotations

import subprocess
import sys
from typing import TYPE_CHECKING

from services.certs import cli
from tests.support.log_contract import check_line

if TYPE_CHECKING:
    from pathlib import Path

    import pytest


def run(out: Path, capfd: pytest.CaptureFixture[str], **environ: str) -> dict[str, str]:
    """Run the program, which must succeed; give its one log line."""
    assert cli.run(["--out", str(out)], environ) == 0
    return check_line(capfd.readouterr().out.removesuffix("\n"))


def contents(out: Path) -> dict[str, bytes]:
    """All files of the set by name."""
    return {str(path.relative_to(out)): path.read_bytes() for path in out.rglob("*.pem") if path.is_file()}


def test_the_first_run_makes_the_set_and_the_second_keeps_it(
    tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    """The program says what it did, why, and until when; a second run changes nothing."""
    first = run(tmp_path, capfd)
    before = contents(tmp_path)
    second = run(tmp_path, capfd)

    assert (first["event"], first["reason"]) == ("certificates_made", "there is none yet")
    assert (first["service"], first["level"]) == ("certs", "info")
    assert first["names"] == "localhost, server, 127.0.0.1, ::1"
    assert second["event"] == "certificates_kept"
    assert first["valid_until"] == second["valid_until"]
    assert contents(tmp_path) == before


def test_new_names_make_a_new_set(tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> None:
    """When GAME_TLS_NAMES changes the set is made again."""
    run(tmp_path, capfd)

    line = run(tmp_path, capfd, GAME_TLS_NAMES="game.example.org")

    assert (line["event"], line["reason"]) == ("certificates_made", "the server's names have changed")


def test_the_folder_may_come_from_the_environment(tmp_path: Path) -> None:
    """GAME_CERTS_OUT is as good as --out, which beats it."""
    assert cli.run([], {"GAME_CERTS_OUT": str(tmp_path / "a")}) == 0
    assert cli.run(["--out", str(tmp_path / "b")], {"GAME_CERTS_OUT": str(tmp_path / "c")}) == 0

    assert {path.name for path in tmp_path.iterdir()} == {"a", "b"}


def test_bad_settings_are_one_line_each(tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> None:
    """A bad name ends the program with 2 and one line; nothing is made."""
    assert cli.run(["--out", str(tmp_path / "out")], {"GAME_TLS_NAMES": "ga!me"}) == 2

    assert capfd.readouterr().err.splitlines() == [
        "GAME_TLS_NAMES: holds what is neither a host name nor an address, mend 'ga!me' (got 'ga!me')"
    ]
    assert not (tmp_path / "out").exists()


def test_a_folder_that_cannot_be_used_is_one_line(tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> None:
    """A folder that cannot be made ends the program with 1 and one line that names the setting."""
    (tmp_path / "file").touch()

    assert cli.run(["--out", str(tmp_path / "file/out")], {}) == 1

    (line,) = capfd.readouterr().err.splitlines()
    assert line.startswith("GAME_CERTS_OUT (--out): Not a directory")


def test_many_runs_at_once_make_one_set(tmp_path: Path) -> None:
    """Programs that start together all succeed, one of them makes the set, the others keep it."""
    command = [sys.executable, "-m", "services.certs", "--out", str(tmp_path)]
    runs = [subprocess.Popen(command, stdout=subprocess.PIPE, text=True) for _ in range(4)]
    events = [check_line(each.communicate(timeout=40)[0].removesuffix("\n"))["event"] for each in runs]

    assert [each.returncode for each in runs] == [0] * 4
    assert sorted(events) == ["certificates_kept"] * 3 + ["certificates_made"]
