"""Files that a user names for output: whether they can be written is told before the work, not after it."""

from __future__ import annotations

from argparse import ArgumentTypeError
from pathlib import Path


def output_file(text: str) -> Path:
    """Return a file that can be written, for argparse; nothing is left of trying."""
    path = Path(text)
    is_new = not path.exists()
    try:
        if path.is_file() or path.is_dir() or not path.exists():  # who reads a FIFO would see its end
            path.open("ab").close()
            if is_new:
                path.resolve().unlink()
    except OSError as error:
        raise _unwritable(text, error) from None
    return path


def output_folder(text: str) -> Path:
    """Return a folder, made if it was not there, for argparse."""
    path = Path(text)
    try:
        path.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise _unwritable(text, error) from None
    return path


def _unwritable(text: str, error: OSError) -> ArgumentTypeError:
    return ArgumentTypeError(f"cannot write there: {error.strerror} ({text!r})")
