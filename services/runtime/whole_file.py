"""Write a file whole or not at all: whoever reads it meets no half of it, whatever ends the program."""

from __future__ import annotations

import errno
import os
import tempfile
from pathlib import Path
from typing import Final

_NO_ROOM_BESIDE: Final = {errno.EACCES, errno.EPERM, errno.EROFS}
"""Why no other file may be made in a folder, though one that is there may be written."""


def write_whole(path: Path, text: str) -> None:
    """Put a text in the place of a file, with the rights that it had, or that a new file gets.

    What is no file, such as `/dev/stdout` or a pipe, is written to as it is, and so is a file in a folder in
    which no other may be made, or that is mounted, as single files are into containers. What UTF-8 lacks,
    such as an octet of a file's name that is none of it, is written escaped.

    Raises:
        OSError: it cannot be written; what was there before is there still.
    """
    place = path.resolve()
    if place.exists() and not place.is_file():
        _write(place, text)
        return
    try:
        descriptor, name = tempfile.mkstemp(prefix=f".{place.name[:40]}.", dir=place.parent)
    except OSError as error:
        if error.errno not in _NO_ROOM_BESIDE:
            raise
        _write(place, text)
        return
    os.fchmod(descriptor, 0o600)  # whatever the umask
    os.close(descriptor)
    draft = Path(name)
    try:
        _write(draft, text)
        draft.chmod(place.stat().st_mode & 0o777 if place.exists() else 0o666 & ~_umask())
        _replace(place, draft, text)
    finally:
        draft.unlink(missing_ok=True)


def _replace(place: Path, draft: Path, text: str) -> None:
    try:
        draft.replace(place)
    except OSError as error:
        if error.errno != errno.EBUSY:  # a mount cannot be replaced
            raise
        _write(place, text)


def _write(place: Path, text: str) -> None:
    # Lines end as they do in the text: CSV has its own way.
    place.write_text(text, encoding="utf-8", errors="backslashreplace", newline="")


def _umask() -> int:
    mask = os.umask(0o077)
    os.umask(mask)
    return mask
