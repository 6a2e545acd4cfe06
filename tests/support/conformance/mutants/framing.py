"""Servers that frame lines wrongly, on purpose."""

from __future__ import annotations

import contextlib
import re
import socket
import struct
from typing import TYPE_CHECKING

from services.protocol.codec import encode
from services.protocol.errors import ProtocolError
from services.protocol.framing import LineBuffer
from services.protocol.messages import (
    Greetings,
    Prompt,
    Ready,
    Refused,
    Verdict,
)
from services.protocol.state import State
from tests.support.conformance.mutants.mutant import Mutant

if TYPE_CHECKING:
    from services.protocol.messages import (
        Message,
        Request,
    )
    from tests.support.conformance.reference_server import Connection


class LfOnly(Mutant):
    """Ends its lines with LF alone."""

    breaks = "crlf"

    def encode(self, message: Message) -> bytes:
        return encode(message).replace(b"\r", b"")


class NoLineEnd(Mutant):
    """Does not end its replies to players at all."""

    breaks = "crlf two-lines lines-in-order long-line"
    names = "ends none of its own lines"

    def encode(self, message: Message) -> bytes:
        line = encode(message)
        return (
            line.rstrip(b"\r\n")
            if isinstance(message, Greetings | Ready | Verdict | Prompt | Refused)
            else line
        )


class SplitReplies(Mutant):
    """Sends the line end by itself."""

    breaks = "one-write"

    def send(self, connection: Connection, data: bytes) -> None:
        super().send(connection, data[:-2])
        super().send(connection, data[-2:])


class Banner(Mutant):
    """Speaks first."""

    breaks = "no-banner"
    names = "banner"

    def welcome(self, connection: Connection) -> None:
        if connection.state is State.CONNECTED:
            self.send(connection, b"Welcome to the game!\r\n")


class FirstLineOnly(Mutant):
    """Answers only the first of the lines that come together."""

    breaks = "two-lines lines-in-order admin-lines"

    def cut(self, connection: Connection, data: bytes) -> list[bytes]:
        return super().cut(connection, data)[:1]


class PieceIsLine(Mutant):
    """Takes each piece that comes for a line."""

    breaks = "split-line slow-typist admin-lines unterminated unterminated-timeout dripping-timeout long-line"

    def cut(self, connection: Connection, data: bytes) -> list[bytes]:
        return data.rstrip(b"\r\n").replace(b"\r", b"").split(b"\n")


class CrlfOnly(Mutant):
    """Understands no lone LF."""

    breaks = "lone-lf"

    def cut(self, connection: Connection, data: bytes) -> list[bytes]:
        begun = connection.lines.unterminated
        return super().cut(connection, re.sub(rb"(?<!\r)\n", b"?", begun + data)[len(begun) :])


class NoLineLimit(Mutant):
    """Gathers a line forever."""

    breaks = "long-line"

    def cut(self, connection: Connection, data: bytes) -> list[bytes]:
        *lines, rest = (connection.lines.unterminated + data).split(b"\n")
        connection.lines = LineBuffer()
        connection.lines.unterminated = rest
        return [line.removesuffix(b"\r") for line in lines]


class ShortLimit(Mutant):
    """Takes a line of 512 octets to be too long."""

    breaks = "longest-line"

    def parse(self, line: bytes) -> Request:
        if len(line) > 500:
            raise ProtocolError("line longer than 512 octets")
        return super().parse(line)


class ForgetsHalfClosed(Mutant):
    """Does not answer who half-closes."""

    breaks = "half-close"

    def answer(self, connection: Connection, request: Request) -> None:
        connection.sock.settimeout(0.002)
        with contextlib.suppress(TimeoutError):
            if not connection.sock.recv(1, socket.MSG_PEEK):
                connection.state = State.CLOSED
                return
        super().answer(connection, request)


class ExecutesUnterminated(Mutant):
    """Executes what a half-closing client left without an end."""

    breaks = "unterminated"

    def ended(self, connection: Connection) -> None:
        if connection.lines.unterminated == b"Game" and connection.state is State.GREETED:
            self.send(connection, b"Ready\r\n")


class Resets(Mutant):
    """Closes with a reset."""

    breaks = "closes-after-correct refusal no-reset who-closes long-line unterminated out-of-turn"
    breaks += " admin-out-of-turn too-many-invalid full seat-taken watcher-refused bad-names"

    def close(self, connection: Connection) -> None:
        connection.sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        connection.sock.close()


class ResetsWhenMoreWasSent(Mutant):
    """Closes at once, so that what was sent too late makes the kernel reset the connection."""

    breaks = "no-reset"

    def close(self, connection: Connection) -> None:
        connection.sock.close()
