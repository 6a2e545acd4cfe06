"""Log events to bytes: a line is joined from parts, most of which are made once.

A busy server logs hundreds of thousands of events a second; rendering each of them by structlog costs more
than the game itself (docs/performance.md). A test holds these lines to those that structlog would write.
"""

from __future__ import annotations

from functools import lru_cache
from typing import TYPE_CHECKING, Final, NamedTuple

from services.runtime.logging import LEVELS, encode_json
from services.server.game.log_events import LogEvent

if TYPE_CHECKING:
    from services.protocol.messages import Address
    from services.runtime.logging import LogSink
    from services.server.game.conversation import LogRecord
    from services.server.game.log_events import Value

SERVICE: Final = "server"

MOST_COUNTS: Final = 1 << 12
"""Numbers of guesses whose text is kept; hardly any game has more."""


class GuessCounts(dict[int, bytes]):
    """The end of a line that gives a number of guesses, by that number."""

    def __missing__(self, guesses: int) -> bytes:
        """Make it, and keep it unless it is rare."""
        end = b"%d}\n" % guesses
        if guesses < MOST_COUNTS:
            self[guesses] = end
        return end


GUESS_COUNTS: Final = GuessCounts()

_TEMPLATES: Final = {
    event: b"".join(b'"%b":%%b,' % name.encode() for name in event.fields) for event in LogEvent
}


class LogLine(NamedTuple):
    """A line of the log without its time, its session and its number of guesses."""

    head: bytes
    """Between the time and the session's fields."""
    tail: bytes
    """After the session's fields, up to the number of guesses if there is one."""
    has_count: bool
    """Whether the line ends with the number of guesses."""


def session_fields(session: str, peer: Address) -> bytes:
    """Return the fields that are on each line of one session, as they stand in it."""
    return b'"session":"%b","peer":"%b %d",' % (session.encode(), peer.host.encode(), peer.port)


class Observer:
    """Logs the events of sessions; `hold` the sink while it does."""

    def __init__(self, sink: LogSink, *, level: str) -> None:
        self._sink = sink
        self.counted = dict.fromkeys((event for event in LogEvent if not event.is_guess), 0)
        """How often each event came; guesses are counted by themselves, in `ServerContext.guesses`."""
        self._heads = {
            event: b'"level":"%b","event":"%b","service":"%b",'
            % (event.level.encode(), event.event.encode(), SERVICE.encode())
            for event in LogEvent
            if LEVELS[event.level] >= LEVELS[level]
        }
        """The beginning of each line that is wanted at this level."""

    def line(self, record: LogRecord) -> LogLine | None:
        """Return the line of a record; None if it is not wanted at this level."""
        event, values = record
        head = self._heads.get(event)
        if head is None:
            return None
        fields = _fields(event, values)
        if event.count_field:
            return LogLine(head, b'%b"%b":' % (fields, event.count_field.encode()), has_count=True)
        return LogLine(head, fields[:-1] + b"}\n", has_count=False)

    def record(self, session: bytes, event: LogEvent, *values: Value) -> None:
        """Log and count an event whose values are hardly ever the same; `session` is its `session_fields`."""
        self.counted[event] += 1
        head = self._heads.get(event)
        if head is not None:
            self._sink.parts += (self._sink.stamp, head, session, _fields(event, values)[:-1], b"}\n")


def _fields(event: LogEvent, values: tuple[Value, ...]) -> bytes:
    """Return the fields of an event as JSON, each with a comma after it."""
    return _TEMPLATES[event] % tuple(map(_encoded, values))


def _encoded(value: Value) -> bytes:
    return _quoted(value) if isinstance(value, str) else b"%a" % value


@lru_cache(maxsize=1024)
def _quoted(text: str) -> bytes:
    return encode_json(text).encode()
