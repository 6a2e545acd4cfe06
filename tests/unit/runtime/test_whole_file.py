"""How a file is written whole or not at all."""

from __future__ import annotations

import errno
import os
from pathlib import Path
from typing import Any

import pytest

from services.runtime.whole_file import write_whole


def test_a_new_file_has_the_rights_of_any_other(tmp_path: Path) -> None:
    """A page that others may read is not made private by the way it is written."""
    (tmp_path / "other").touch()
    write_whole(tmp_path / "page", "text")
    assert (tmp_path / "page").read_text() == "text"
    assert (tmp_path / "page").stat().st_mode == (tmp_path / "other").stat().st_mode


def test_what_was_there_is_replaced(tmp_path: Path) -> None:
    """A file keeps its rights and a symbolic link its place; nothing else is left in the folder."""
    page, link = tmp_path / "page", tmp_path / "link"
    page.write_text("old")
    page.chmod(0o640)
    link.symlink_to(page)
    write_whole(link, "new")
    assert link.is_symlink()
    assert page.read_text() == "new"
    assert page.stat().st_mode & 0o777 == 0o640
    assert sorted(tmp_path.iterdir()) == [link, page]


def test_an_interrupted_write_leaves_what_was_there(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Whatever happens in the middle, the old text is whole and no draft is left."""

    def interrupted(self: Path, text: str, **_: object) -> None:
        self.write_bytes(text[:2].encode())
        raise KeyboardInterrupt

    page = tmp_path / "page"
    page.write_text("old text")
    monkeypatch.setattr(Path, "write_text", interrupted)
    with pytest.raises(KeyboardInterrupt):
        write_whole(page, "new text")
    assert page.read_text() == "old text"
    assert list(tmp_path.iterdir()) == [page]


@pytest.mark.parametrize(
    ("refused", "reason"),
    [
        ("tempfile.mkstemp", errno.EACCES),
        ("tempfile.mkstemp", errno.EROFS),
        ("pathlib.Path.replace", errno.EBUSY),
    ],
)
def test_a_file_that_alone_may_be_written(
    refused: str, reason: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A file that is mounted into a container, read-only or not, is written in its place, and left alone."""

    def refuse(*_: object, **__: object) -> None:
        raise OSError(reason, "refused")

    monkeypatch.setattr(refused, refuse)
    write_whole(tmp_path / "page", "text")
    assert (tmp_path / "page").read_text() == "text"
    assert list(tmp_path.iterdir()) == [tmp_path / "page"]


def test_other_faults_are_told(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A disk that is full leaves what was there, and no draft."""

    def refuse(*_: object, **__: object) -> None:
        raise OSError(errno.ENOSPC, "full")

    (tmp_path / "page").write_text("old text")
    for refused in ("pathlib.Path.replace", "tempfile.mkstemp"):
        monkeypatch.setattr(refused, refuse)
        with pytest.raises(OSError, match="full"):
            write_whole(tmp_path / "page", "new text")
    assert (tmp_path / "page").read_text() == "old text"
    assert list(tmp_path.iterdir()) == [tmp_path / "page"]


def test_whatever_text_is_written_as_it_is(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Line ends stay, what is no UTF-8 is escaped; a umask that forbids all forbids nothing to the draft."""
    modes = []
    usual = Path.write_text

    def write_text(self: Path, text: str, **how: Any) -> int:
        modes.append(self.stat().st_mode & 0o777)
        return usual(self, text, **how)

    monkeypatch.setattr(Path, "write_text", write_text)
    before = os.umask(0o777)
    try:
        write_whole(tmp_path / "page", "a\r\n\udcff\n")
    finally:
        os.umask(before)
    assert modes == [0o600]
    assert (tmp_path / "page").read_bytes() == b"a\r\n\\udcff\n"


def test_a_device_is_written_to(tmp_path: Path) -> None:
    """A pipe stays a pipe."""
    pipe = tmp_path / "pipe"
    os.mkfifo(pipe)
    reader = os.open(pipe, os.O_RDONLY | os.O_NONBLOCK)
    write_whole(pipe, "text")
    assert os.read(reader, 100) == b"text"
    assert pipe.is_fifo()
    os.close(reader)
