"""What a stream can show: whether it is a terminal, can be drawn on again and again, and has colours.

One answer for every program. Whether there is a terminal decides the form: pictures for people, lines for
programs; no variable does. Colours follow NO_COLOR (https://no-color.org), FORCE_COLOR and TERM.
"""

from __future__ import annotations

import sys
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final, Self, TextIO

if TYPE_CHECKING:
    from collections.abc import Mapping

_PLAIN_TERMS: Final = {"", "dumb", "unknown"}
"""Terminals that know no escape codes."""


@dataclass(frozen=True, slots=True)
class Terminal:
    """What can be shown on a stream."""

    is_terminal: bool
    """Whether a person reads it; else, a program."""
    draws: bool
    """Whether it can be drawn on again and again."""
    coloured: bool
    encoding: str

    @classmethod
    def of(cls, stream: TextIO, environ: Mapping[str, str]) -> Self:
        """Find out about a stream."""
        is_terminal = stream.isatty()
        draws = is_terminal and (environ.get("TERM", "") not in _PLAIN_TERMS or sys.platform == "win32")
        forced = environ.get("FORCE_COLOR", "") not in {"", "0"}
        coloured = not environ.get("NO_COLOR") and (draws or forced)
        return cls(is_terminal, draws, coloured, stream.encoding or "ascii")

    def can_show(self, text: str) -> bool:
        """Tell whether the encoding has all these characters."""
        try:
            text.encode(self.encoding)
        except (UnicodeEncodeError, LookupError):
            return False
        return True
