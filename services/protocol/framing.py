"""Bytes to lines (clauses F-1 to F-3). What a line means is the codec's business."""

from typing import Final

from services.protocol import refusals
from services.protocol.errors import LineTooLongError

MAX_LINE_OCTETS: Final = 512
"""Longest line, terminator included (clause F-2): IRC's figure, and far more than any message needs."""


class LineBuffer:
    """Cuts a stream of bytes into lines, however the stream arrives."""

    __slots__ = ("overlong", "unterminated")

    def __init__(self) -> None:
        self.unterminated = b""
        """What has come of a line whose end has not."""
        self.overlong: LineTooLongError | None = None
        """Set once a line was too long: of that line only the beginning is kept, and nothing after it."""

    def feed(self, data: bytes) -> list[bytes]:
        """Return the lines that `data` completes, without their terminators."""
        return [line[:-1].removesuffix(b"\r") for line in self.feed_whole(data)]

    def take_unterminated(self) -> bytes:
        """Return the line whose end has not come as if it had."""
        line, self.unterminated = self.unterminated.removesuffix(b"\r"), b""
        return line + b"\r\n"

    def feed_whole(self, data: bytes) -> list[bytes]:
        """Return the lines that `data` completes, as they came."""
        if self.overlong:
            return []
        *lines, rest = (self.unterminated + data).split(b"\n") if self.unterminated else data.split(b"\n")
        # The usual chunk is one short line; only a long one needs a closer look.
        if len(data) >= MAX_LINE_OCTETS - len(self.unterminated):
            for index, line in enumerate((*lines, rest)):
                if len(line) >= MAX_LINE_OCTETS:
                    self.overlong = LineTooLongError(refusals.line_too_long(MAX_LINE_OCTETS))
                    lines, rest = lines[:index], line[:MAX_LINE_OCTETS]
                    break
        self.unterminated = rest
        return [line + b"\n" for line in lines]
