"""JSON lines on standard output: how structlog is set up, and the sink that its lines go to.

The contract of the events themselves is docs/logs.md.
"""

import asyncio
import json
import os
import sys
import time
from collections.abc import Callable
from datetime import UTC, datetime
from enum import StrEnum
from typing import Any, Final

import structlog

from services.protocol.printable import printable
from services.runtime.output import Output

BACKLOG_OCTETS: Final = 4 << 20
"""What is kept for a sink that does not take it: some seconds of a busy server's lines."""

BLOCKED_AFTER_MS: Final = 100
"""How long a full pipe may hold up the play before it counts as blocked. A reader that is merely slow frees
room sooner, and so loses no line; one that stands still costs the players this long, once."""


class LogFormat(StrEnum):
    """What a log line looks like."""

    JSON = "json"
    CONSOLE = "console"


LEVELS: Final = {"debug": 10, "info": 20, "warning": 30, "error": 40}
"""The words that GAME_LOG_LEVEL takes."""


class LogSink:
    """Takes finished lines, writes many of them at once, and never waits long for whoever reads them.

    Lines that find no room are dropped and counted; the count is logged as soon as lines flow again.
    """

    def __init__(self, fd: int, render: Callable[[bytes], bytes] | None = None) -> None:
        self._render = render
        """What becomes of the lines before they are written: people read other ones than programs."""
        self.parts: list[bytes] = []
        """Lines, or consecutive parts of lines, that the next flush writes."""
        self.dropped_lines = 0
        """How many lines were lost since the start."""
        self.held = False
        """Whether somebody has promised to flush: a turn of the reactor does so before it sends replies."""
        self.stamp = b""
        """The start of each line of the current turn, time included."""
        self._output = Output(fd)
        self._backlog = bytearray()
        self._blocked = False
        self._is_full = False
        """Whether it is so for lack of room, and the kernel will tell when there is some."""
        self._drained_by: asyncio.AbstractEventLoop | None = None
        """The loop that waits for the reader, while it does."""
        self._dropped_lines = 0
        self._second = 0
        self._second_text = b""

    def hold(self) -> None:
        """Keep lines back until `flush`, and give them all the same time."""
        self.held = True
        now_s = time.time()
        second = int(now_s)
        if second != self._second:
            self._second = second
            self._second_text = time.strftime(
                '{"timestamp":"%Y-%m-%dT%H:%M:%S.', time.gmtime(second)
            ).encode()
        self.stamp = b'%b%06dZ",' % (self._second_text, (now_s - second) * 1_000_000)

    def write(self, line: str) -> None:
        """Take one line, its terminator included."""
        self.parts.append(line.encode())
        if not self.held:
            self.flush()

    def flush(self) -> None:
        """Hand everything to the kernel, or keep what it does not take."""
        self.held = False
        if self.parts:
            batch = b"".join(self.parts)
            self.parts.clear()
            if self._render:
                batch = self._render(batch)
            if len(self._backlog) + len(batch) > BACKLOG_OCTETS:
                lines = batch.count(b"\n")
                self._dropped_lines += lines
                self.dropped_lines += lines
            else:
                self._backlog += batch
        if self._backlog:
            self._write_backlog()

    def _write_backlog(self) -> None:
        while self._backlog:
            try:
                written = self._output.write(self._backlog)
            except BlockingIOError:
                if self._blocked or not self._output.wait(BLOCKED_AFTER_MS):
                    self._blocked = self._is_full = True
                    return
            except OSError:  # a full disk, a reader that is gone: the next flush tries again
                self._blocked, self._is_full = True, False
                return
            else:
                del self._backlog[:written]
        self._blocked = self._is_full = False
        if self._dropped_lines:
            lines, self._dropped_lines = self._dropped_lines, 0
            structlog.get_logger().warning("log_lines_dropped", lines=lines)

    def drain_by(self, loop: asyncio.AbstractEventLoop) -> None:
        """Let the loop write what was kept, as soon as the reader takes it; call it now and then."""
        if self._is_full and not self._drained_by:
            loop.add_writer(self._output.fd, self._drain)
            self._drained_by = loop

    def _drain(self) -> None:
        self.flush()
        if self._drained_by and not self._is_full:
            self._drained_by.remove_writer(self._output.fd)
            self._drained_by = None

    def close(self) -> None:
        """Write what there is room for, and give up what was opened."""
        self.flush()
        self._output.close()


class _SinkLogger:
    """What structlog calls with a rendered line."""

    def __init__(self, sink: LogSink) -> None:
        self._sink = sink

    def msg(self, message: str) -> None:
        self._sink.write(message + "\n")

    debug = info = warning = error = exception = critical = msg


_encode = json.JSONEncoder(separators=(",", ":"), default=str).encode


def encode_json(value: Any, **_: Any) -> str:
    """Return JSON in pure printable ASCII: nothing in it can forge a line or steer a terminal."""
    # json escapes all control characters but this one, and everything beyond ASCII.
    return _encode(value).replace("\x7f", "\\u007f")


FIRST_FIELDS: Final = ("timestamp", "level", "event", "service", "session", "peer")


def _order(_logger: Any, _method: str, event: structlog.typing.EventDict) -> structlog.typing.EventDict:
    first = [name for name in FIRST_FIELDS if name in event]
    others = [name for name in event if name not in first]
    return {name: event[name] for name in (*first, *others)}


def _time(_logger: Any, _method: str, event: structlog.typing.EventDict) -> structlog.typing.EventDict:
    event["timestamp"] = datetime.now(UTC).strftime("%Y-%m-%dT%H:%M:%S.%fZ")
    return event


def _printable(_logger: Any, _method: str, event: structlog.typing.EventDict) -> structlog.typing.EventDict:
    for name, value in event.items():
        if isinstance(value, str):
            # A traceback has lines of its own.
            lines = value.split("\n") if name == "exception" else [value]
            event[name] = "\n".join(map(printable, lines))
    return event


def _console(*, coloured: bool) -> Callable[[bytes], bytes]:
    """Return what makes lines for people of lines for programs, in the characters of their terminal."""
    pretty = structlog.dev.ConsoleRenderer(colors=coloured)
    encoding = getattr(sys.stdout, "encoding", None) or "utf-8"

    def render(lines: bytes) -> bytes:
        text = "".join(f"{pretty(None, '', json.loads(line))}\n" for line in lines.splitlines())
        return text.encode(encoding, "replace")

    return render


def configure(
    service: str, log_format: LogFormat, level: str, fd: int = 1, *, coloured: bool = False
) -> LogSink:
    """Send the events of all structlog loggers to a new sink on `fd`, with `service` in each.

    `coloured` concerns lines for people alone (services.runtime.terminal).
    """

    def name_service(
        _logger: Any, _method: str, event: structlog.typing.EventDict
    ) -> structlog.typing.EventDict:
        event["service"] = service
        return event

    sink = LogSink(fd, None if log_format is LogFormat.JSON else _console(coloured=coloured))
    structlog.configure(
        processors=[
            structlog.processors.add_log_level,
            _time,
            name_service,
            structlog.processors.ExceptionRenderer(),
            _printable,
            _order,
            structlog.processors.JSONRenderer(serializer=encode_json),
        ],
        wrapper_class=structlog.make_filtering_bound_logger(LEVELS[level]),
        logger_factory=lambda *_: _SinkLogger(sink),
        cache_logger_on_first_use=False,
    )
    return sink


def default_format(fd: int = 1) -> LogFormat:
    """Return what GAME_LOG_FORMAT is when unset: for people on a terminal, for programs elsewhere."""
    return LogFormat.CONSOLE if os.isatty(fd) else LogFormat.JSON
