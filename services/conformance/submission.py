"""A submission as it lies in its folder: whether it may be taken in, and how it is started and built.

It is a stranger's. Nothing of it is run here, and no link in it is followed out of it.
"""

import os
import stat
from pathlib import Path
from typing import Final

COMMAND_FILE: Final = "command"
MAKEFILES: Final = ("Makefile", "makefile", "GNUmakefile")
MOST_COMMAND_OCTETS: Final = 16 << 10
MOST_OCTETS: Final = 64 << 20
"""What a submission may hold in all: it is copied into memory before it is built and run."""
MOST_FILES: Final = 5000


class UnfitError(Exception):
    """The submission cannot be taken in; the message says why."""


def inspect(folder: Path) -> None:
    """See that a submission is a folder of plain files, of bounded size, and that no link leads out of it.

    Raises:
        UnfitError: it is not; what it would lead to has not been opened.
    """
    if folder.is_symlink():
        raise UnfitError("refused: it is a symbolic link, not a folder")
    top = folder.resolve()
    octets = files = 0
    for parent, folders, names in os.walk(folder, onerror=_cannot_read):
        for name in (*folders, *names):
            path = Path(parent, name)
            shown = path.relative_to(folder)
            files += 1
            status = path.lstat()
            octets += status.st_size
            if stat.S_ISLNK(status.st_mode):
                # Where it is run, a link that does not lead to a place of its own would lead elsewhere.
                if path.readlink().is_absolute() or not _end_of(path).is_relative_to(top):
                    raise UnfitError(f"refused: {shown} is a link that leads out of the submission")
            elif not (stat.S_ISREG(status.st_mode) or stat.S_ISDIR(status.st_mode)):
                raise UnfitError(f"refused: {shown} is neither a file nor a folder")
            if files > MOST_FILES:
                raise UnfitError(f"refused: it holds more than {MOST_FILES} files")
            if octets > MOST_OCTETS:
                raise UnfitError(f"refused: it is larger than {MOST_OCTETS >> 20} MiB")


def _end_of(link: Path) -> Path:
    try:
        return link.resolve()
    except RuntimeError:  # links in a circle
        return link


def _cannot_read(error: OSError) -> None:
    raise UnfitError(f"cannot be read: {error}") from error


def command_in(folder: Path, kind: str) -> str:
    """Return how a submission that was inspected is started, in words for the shell.

    `KIND.command` (as `client.command`) goes before `command`, so that one folder can hold all programs of
    a student.

    Raises:
        UnfitError: it does not say.
    """
    for name in (f"{kind}.{COMMAND_FILE}", COMMAND_FILE):
        try:
            with (folder / name).open("rb") as file:
                octets = file.read(MOST_COMMAND_OCTETS)
        except FileNotFoundError:
            continue
        except OSError as error:
            raise UnfitError(f"{name} cannot be read: {error.strerror}") from error
        # As an editor on Windows writes it: with a mark before it, and its own line ends.
        text = octets.decode("utf-8-sig", "replace").replace("\r\n", "\n").replace("\r", "\n").strip()
        if not text or "\0" in text:
            raise UnfitError(f"{name} does not say how to start the program")
        return text
    raise UnfitError(f"no file {COMMAND_FILE!r} that says how to start the program, and no --command")


def build_in(folder: Path) -> str:
    """Return how a submission is built if nobody says: by its Makefile, if it has one."""
    return "make" if any((folder / name).is_file() for name in MAKEFILES) else ""
