"""JSON lines on standard output: how structlog is set up, and the sink that its lines go to.

The contract of the events themselves is docs/logs.md.
"""

import asyncio
import contextlib
import json
import os
import select
import stat
import sys
import time
from collections.abc import Callable
from datetime import UTC, datetime
from enum import StrEnum
from typing import Any, Final

import structlog

from services.protocol.printable import printable

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
        self._fd = fd
        self._backlog = bytearray()
        self._blocked = False
        self._is_full = False
        """Whether it is so for lack of room, and the kernel will tell when there is some."""
        self._drained_by: asyncio.AbstractEventLoop | None = None
        """The loop that waits for the reader, while it does."""
        self._dropped_lines = 0
        self._second = 0
        self._second_text = b""
        # A pipe that nobody reads must not stop the game, nor a terminal that somebody holds by Ctrl-S.
        mode = os.fstat(fd).st_mode
        self._shared = stat.S_ISFIFO(mode) or stat.S_ISSOCK(mode)
        if self._shared:
            os.set_blocking(fd, False)
        elif os.isatty(fd):
            # The shell uses the same terminal, and expects to wait for it: its mode must stay. A second
            # opening has a mode of its own.
            with contextlib.suppress(OSError):
                self._fd = os.open(os.ttyname(fd), os.O_WRONLY | os.O_NOCTTY | os.O_NONBLOCK)
        self._given_fd = fd

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
                written = os.write(self._fd, self._backlog)
            except BlockingIOError:
                if self._blocked or not self._wait():
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

    def _wait(self) -> bool:
        poll = select.poll()
        poll.register(self._fd, select.POLLOUT)
        return bool(poll.poll(BLOCKED_AFTER_MS))

    def drain_by(self, loop: asyncio.AbstractEventLoop) -> None:
        """Let the loop write what was kept, as soon as the reader takes it; call it now and then."""
        if self._is_full and not self._drained_by:
            loop.add_writer(self._fd, self._drain)
            self._drained_by = loop

    def _drain(self) -> None:
        self.flush()
        if self._drained_by and not self._is_full:
            self._drained_by.remove_writer(self._fd)
            self._drained_by = None

    def close(self) -> None:
        """Write what is left, and give the descriptor back as it was found."""
        self.flush()
        if self._shared:
            with contextlib.suppress(OSError):
                os.set_blocking(self._fd, True)
        elif self._fd != self._given_fd:
            os.close(self._fd)
            self._fd = self._given_fd


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
        if isinstance(value, str) and name != "exception":
            event[name] = printable(value)
    return event


def _console(fd: int) -> Callable[[bytes], bytes]:
    """Return what makes lines for people of lines for programs."""
    pretty = structlog.dev.ConsoleRenderer(colors=os.isatty(fd) and sys.platform != "win32")

    def render(lines: bytes) -> bytes:
        return "".join(f"{pretty(None, '', json.loads(line))}\n" for line in lines.splitlines()).encode()

    return render


def configure(service: str, log_format: LogFormat, level: str, fd: int = 1) -> LogSink:
    """Send the events of all structlog loggers to a new sink on `fd`, with `service` in each."""

    def name_service(
        _logger: Any, _method: str, event: structlog.typing.EventDict
    ) -> structlog.typing.EventDict:
        event["service"] = service
        return event

    sink = LogSink(fd, None if log_format is LogFormat.JSON else _console(fd))
    structlog.configure(
        processors=[
            structlog.processors.add_log_level,
            _time,
            name_service,
            _printable,
            structlog.processors.ExceptionRenderer(),
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
