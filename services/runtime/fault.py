"""What keeps a program from doing what it was told to, as its user reads it."""

from __future__ import annotations

from typing import ClassVar, Final

FAILED: Final = 1
BAD_USAGE: Final = 2
INTERRUPTED: Final = 130

NO_THREAD: Final = (
    "no thread may be started: too many processes, or too little memory "
    "(ulimit -u and -v, or a container's limits)"
)
NO_MEMORY: Final = "not enough memory: raise the limit (ulimit -v, or that of the container)"


class Fault(Exception):  # noqa: N818  its kinds are errors, of the user or of the world
    """The text is one clear line for each thing that is wrong."""

    status: ClassVar[int] = FAILED
    """What the program exits with."""
