"""A submission in its folder: what is refused before anything of it is read or run."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

import pytest

from services.conformance import submission
from services.conformance.submission import UnfitError, build_in, command_in, inspect

if TYPE_CHECKING:
    from pathlib import Path


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """Return the folder of a submission, beside which somebody else's lies."""
    (tmp_path / "ada").mkdir()
    (tmp_path / "ada" / "server.py").write_text("")
    (tmp_path / "grace").mkdir()
    (tmp_path / "grace" / "command").write_text("python3 server.py")
    return tmp_path / "ada"


def test_links_within_are_taken(folder: Path) -> None:
    """A link to a file of the same submission is no reason to refuse it."""
    (folder / "src").mkdir()
    (folder / "src" / "main.py").symlink_to("../server.py")
    (folder / "circle").symlink_to("circle")
    inspect(folder)


@pytest.mark.parametrize("target", ["/etc/passwd", "../grace/command", "../../..", "src/../../grace"])
def test_links_that_lead_out_are_refused(folder: Path, target: str) -> None:
    """A link that leads out of the submission is refused and named, to a file or to a folder (G-12)."""
    (folder / "src").mkdir()
    (folder / "x").symlink_to(target)
    with pytest.raises(UnfitError, match="refused: x is a link that leads out of the submission"):
        inspect(folder)


def test_link_in_place_of_the_folder_is_refused(folder: Path) -> None:
    """A submission that is itself a link is refused."""
    (folder.parent / "eve").symlink_to("grace")
    with pytest.raises(UnfitError, match="it is a symbolic link"):
        inspect(folder.parent / "eve")


def test_what_is_no_file_is_refused(folder: Path) -> None:
    """A pipe, which would be read for ever, is refused."""
    os.mkfifo(folder / "pipe")
    with pytest.raises(UnfitError, match="pipe is neither a file nor a folder"):
        inspect(folder)


def test_size_is_bounded(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Too many files, or too many octets, are refused before they are copied."""
    monkeypatch.setattr(submission, "MOST_OCTETS", 1 << 20)
    with (folder / "big").open("wb") as file:
        file.truncate((1 << 20) + 1)
    with pytest.raises(UnfitError, match="larger than 1 MiB"):
        inspect(folder)
    monkeypatch.setattr(submission, "MOST_FILES", 1)
    with pytest.raises(UnfitError, match="more than 1 files"):
        inspect(folder)


@pytest.mark.parametrize(
    "octets", [b"python3 server.py", b"python3 server.py\r\n", b"\xef\xbb\xbfpython3 server.py\r\n\r\n"]
)
def test_command_of_any_editor_is_understood(folder: Path, octets: bytes) -> None:
    """Line ends and a byte order mark of an editor on Windows are forgiven."""
    (folder / "command").write_bytes(octets)
    assert command_in(folder, "server") == "python3 server.py"


def test_command_of_a_kind_goes_first(folder: Path) -> None:
    """One folder may hold several programs, each with its own command."""
    (folder / "command").write_text("python3 server.py")
    (folder / "client.command").write_text("python3 client.py")
    assert command_in(folder, "client") == "python3 client.py"
    assert command_in(folder, "server") == "python3 server.py"


@pytest.mark.parametrize("octets", [None, b"", b"\r\n", b"a\0b"])
def test_no_command_is_named(folder: Path, octets: bytes | None) -> None:
    """A missing or empty command is a reason of its own."""
    if octets is not None:
        (folder / "command").write_bytes(octets)
    with pytest.raises(UnfitError, match="command"):
        command_in(folder, "server")


def test_makefile_is_a_build(folder: Path) -> None:
    """A submission with a Makefile is built by make, one without is not built."""
    assert build_in(folder) == ""
    (folder / "Makefile").write_text("all:\n")
    assert build_in(folder) == "make"
