"""How a file is written whole or not at all."""

from __future__ import annotations

import os
from pathlib import Path

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

    def interrupted(self: Path, text: str, encoding: str) -> None:
        with self.open("w", encoding=encoding) as file:
            file.write(text[:2])
        raise KeyboardInterrupt

    page = tmp_path / "page"
    page.write_text("old text")
    monkeypatch.setattr(Path, "write_text", interrupted)
    with pytest.raises(KeyboardInterrupt):
        write_whole(page, "new text")
    assert page.read_text() == "old text"
    assert list(tmp_path.iterdir()) == [page]


def test_a_folder_in_which_nothing_may_be_made(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A file that alone may be written, as one that is mounted into a container, is written in its place."""

    def forbidden(**_: object) -> None:
        raise PermissionError

    monkeypatch.setattr("tempfile.mkstemp", forbidden)
    write_whole(tmp_path / "page", "text")
    assert (tmp_path / "page").read_text() == "text"


def test_a_device_is_written_to(tmp_path: Path) -> None:
    """A pipe stays a pipe."""
    pipe = tmp_path / "pipe"
    os.mkfifo(pipe)
    reader = os.open(pipe, os.O_RDONLY | os.O_NONBLOCK)
    write_whole(pipe, "text")
    assert os.read(reader, 100) == b"text"
    assert pipe.is_fifo()
    os.close(reader)
