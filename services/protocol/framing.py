"""Bytes to lines (clauses F-1 to F-3). What a line means is the codec's affair."""

from typing import Final

from services.protocol.errors import LineTooLongError

MAX_LINE_OCTETS: Final = 512
"""Longest line, terminator included (clause F-2): IRC's figure, and far more than any message needs."""


class LineBuffer:
    """Cuts a stream of bytes into lines, however the stream arrives."""

    __slots__ = ("_rest", "overlong")

    def __init__(self) -> None:
        self._rest = b""
        self.overlong: LineTooLongError | None = None
        """Set once a line was too long: of that line only the beginning is kept, and nothing after it."""

    @property
    def unterminated(self) -> bytes:
        """What has come of a line whose end has not."""
        return self._rest

    def feed(self, data: bytes) -> list[bytes]:
        """Return the lines that `data` completes, without their terminators."""
        if self.overlong:
            return []
        *lines, rest = (self._rest + data).split(b"\n") if self._rest else data.split(b"\n")
        # The usual chunk is one short line; only a long one needs a closer look.
        if len(data) >= MAX_LINE_OCTETS - len(self._rest):
            for index, line in enumerate((*lines, rest)):
                if len(line) >= MAX_LINE_OCTETS:
                    self.overlong = LineTooLongError(f"line longer than {MAX_LINE_OCTETS} octets")
                    lines, rest = lines[:index], line[:MAX_LINE_OCTETS]
                    break
        self._rest = rest
        return [line.removesuffix(b"\r") for line in lines]
