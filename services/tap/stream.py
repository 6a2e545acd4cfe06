"""One direction of a tapped connection, pure: bytes to lines, and how the bytes came.

The protocol's own `LineBuffer` stops at a line that is too long, as a server must. A tap goes on, and forgets
the rest of such a line.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Final

from services.protocol.framing import MAX_LINE_OCTETS

SMALL_CHUNK_OCTETS: Final = 1024
"""A chunk of this size and more may have been cut by the network, and not by its sender."""


@dataclass(frozen=True, slots=True)
class Line:
    """A line as it came."""

    octets: bytes
    """Without its terminator; of a line that is too long, its beginning."""
    terminator: bytes
    """CR LF, LF alone, or nothing where the stream ended instead."""
    pieces: int = 1
    """In how many pieces its sender wrote it, as far as can be seen from here."""
    is_too_long: bool = False


@dataclass(slots=True)
class LineStream:
    """Cuts one direction into lines; it keeps no more than one line."""

    _rest: bytearray = field(default_factory=bytearray)
    _pieces: int = 0
    _is_too_long: bool = False

    @property
    def unterminated(self) -> bytes:
        """What has come of a line whose end has not."""
        return bytes(self._rest)

    def feed(self, data: bytes) -> list[Line]:
        """Return the lines that `data` completes."""
        *ends, rest = data.split(b"\n")
        lines = []
        for part in ends:
            self._keep(part, was_cut=False)
            lines.append(self._take(b"\n"))
        if rest:
            self._keep(rest, was_cut=len(data) < SMALL_CHUNK_OCTETS)
        return lines

    def end(self) -> list[Line]:
        """Return what the end of the stream leaves without a terminator, if anything."""
        return [self._take(b"")] if self._rest else []

    def _keep(self, part: bytes, *, was_cut: bool) -> None:
        room = MAX_LINE_OCTETS - len(self._rest)
        # The terminator counts, and one LF at least is still to come (clause F-2).
        self._is_too_long |= len(part) >= room
        self._rest += part[:room]
        self._pieces += was_cut

    def _take(self, newline: bytes) -> Line:
        octets = bytes(self._rest)
        terminator = newline
        if newline and octets.endswith(b"\r") and not self._is_too_long:
            octets, terminator = octets[:-1], b"\r\n"
        line = Line(octets, terminator, max(1, self._pieces + bool(newline)), self._is_too_long)
        self._rest.clear()
        self._pieces, self._is_too_long = 0, False
        return line
