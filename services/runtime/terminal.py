"""What standard output is, decided in one place: a terminal, one that can be drawn on, one with colours."""

from __future__ import annotations

import os
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import Mapping

_DUMB: Final = {"", "dumb", "unknown"}
"""Values of TERM that promise no more than lines of text."""


@dataclass(frozen=True, slots=True)
class Terminal:
    """What may be sent to a descriptor."""

    is_terminal: bool
    """Whether people look at it: that alone decides the form of the output."""
    is_drawable: bool
    """Whether its cursor can be moved."""
    is_coloured: bool

    @classmethod
    def find(cls, environ: Mapping[str, str], fd: int = 1) -> Terminal:
        """Find out by the descriptor, and by NO_COLOR, FORCE_COLOR and TERM."""
        is_terminal = os.isatty(fd)
        is_drawable = is_terminal and environ.get("TERM", "") not in _DUMB
        if environ.get("NO_COLOR"):
            return cls(is_terminal, is_drawable, is_coloured=False)
        return cls(is_terminal, is_drawable, is_drawable or bool(environ.get("FORCE_COLOR")))
