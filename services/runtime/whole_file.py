"""Write a file whole or not at all: whoever reads it meets no half of it, whatever ends the program."""

from __future__ import annotations

import os
import tempfile
from pathlib import Path


def write_whole(path: Path, text: str) -> None:
    """Put a text in the place of a file, with the rights that it had, or that a new file gets.

    What is no file, such as `/dev/stdout` or a pipe, is written to as it is, and so is a file in a folder in
    which no other may be made.

    Raises:
        OSError: it cannot be written; what was there before is there still.
    """
    place = path.resolve()
    if place.exists() and not place.is_file():
        place.write_text(text, encoding="utf-8")
        return
    try:
        descriptor, name = tempfile.mkstemp(prefix=f".{place.name}.", dir=place.parent)
    except PermissionError:
        place.write_text(text, encoding="utf-8")
        return
    os.close(descriptor)
    draft = Path(name)
    try:
        draft.write_text(text, encoding="utf-8")
        draft.chmod(place.stat().st_mode & 0o777 if place.exists() else 0o666 & ~_umask())
        draft.replace(place)
    except BaseException:
        draft.unlink(missing_ok=True)
        raise


def _umask() -> int:
    mask = os.umask(0o077)
    os.umask(mask)
    return mask
