"""Log events to bytes: the lines are those that structlog would write."""

from __future__ import annotations

import json
import os
from typing import TYPE_CHECKING

import pytest
import structlog
from hypothesis import given
from hypothesis import strategies as st

from services.protocol.messages import Address
from services.runtime.logging import LEVELS, LogFormat, configure
from services.server.game.conversation import LogRecord, shown
from services.server.game.log_events import LogEvent
from services.server.observe import GUESS_COUNTS, MOST_COUNTS, SERVICE, Observer, session_fields
from tests.support.log_contract import check_line

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from services.runtime.logging import LogSink
    from services.server.game.log_events import Value

SESSION, PEER = "a1b2c3-7", Address("2001:db8::7", 50124)
LOGGED: list[tuple[LogEvent, tuple[Value, ...]]] = [
    (LogEvent.CONNECTION_PROBED, (0.000123,)),
    (LogEvent.HANDSHAKE_ADVANCED, ("Hello", "Greetings")),
    (LogEvent.HANDSHAKE_COMPLETED, ("classic",)),
    (LogEvent.PLAYER_NAMED, ("Ada_1",)),
    (LogEvent.HANDSHAKE_REFUSED, ("say Hello first", shown(b'\x1b[2J"\\\xff\x7f'))),
    (LogEvent.FRAMING_RELAXED, ("unterminated",)),
    (LogEvent.GUESS_JUDGED, (15, "Far")),
    (LogEvent.ROUND_GUESS_JUDGED, (15, "Far", 1)),
    (LogEvent.GUESS_TOO_LATE, (15, 2)),
    (LogEvent.GUESS_REJECTED, (shown(b"{}'\t"),)),
    (LogEvent.GAME_WON, ()),
    (LogEvent.ADMIN_LISTED, (0,)),
    (LogEvent.ADMIN_SEATED, (200,)),
    (LogEvent.ADMIN_REFUSED, ("another administrator is watching",)),
    (LogEvent.ADMIN_LEFT, ("peer closed",)),
    (LogEvent.SESSION_CLOSED, ("won", 3, 12.000001)),
    (LogEvent.SESSION_CLOSED, ("won", 3, 1e-06)),
]
GUESSES = 3


@pytest.fixture(autouse=True)
def _structlog_as_it_was() -> Iterator[None]:
    yield
    structlog.reset_defaults()


def written(act: Callable[[LogSink], None], level: str = "debug") -> list[str]:
    """Return the lines that are written, less their time."""
    reading, writing = os.pipe()
    sink = configure(SERVICE, LogFormat.JSON, level, writing)
    sink.hold()
    act(sink)
    sink.close()
    os.close(writing)
    with os.fdopen(reading) as stream:
        lines = stream.read().splitlines()
    for line in lines:
        check_line(line)
    return [line.partition("Z")[2] for line in lines]


def joined(event: LogEvent, *values: Value, guesses: int = GUESSES, level: str = "debug") -> list[str]:
    """Return the lines that an observer's parts are joined to."""

    def join(sink: LogSink) -> None:
        line = Observer(sink, level=level).line(LogRecord(event, values))
        if line is not None:
            end = GUESS_COUNTS[guesses] if line.has_count else b""
            sink.parts += (sink.stamp, line.head, session_fields(SESSION, PEER), line.tail, end)

    return written(join, level)


def by_structlog(event: LogEvent, *values: Value, guesses: int = GUESSES) -> list[str]:
    """Return the lines that structlog writes of the same fields."""
    fields = dict(zip(event.fields, values, strict=True))
    counted = {event.count_field: guesses} if event.count_field else {}

    def log(_: LogSink) -> None:
        logger = structlog.get_logger(session=SESSION, peer=str(PEER))
        logger.log(LEVELS[event.level], event.event, **fields, **counted)

    return written(log)


@pytest.mark.parametrize(
    ("event", "values"), LOGGED, ids=lambda one: one.event if isinstance(one, LogEvent) else ""
)
def test_a_line_is_what_structlog_would_write(event: LogEvent, values: tuple[Value, ...]) -> None:
    """An event's line, which keeps the contract, is structlog's but for its time."""
    [line] = joined(event, *values)

    assert by_structlog(event, *values) == [line]


@pytest.mark.parametrize("event", [LogEvent.SESSION_CLOSED, LogEvent.CONNECTION_PROBED])
def test_an_event_that_is_logged_at_once_has_the_same_line(event: LogEvent) -> None:
    """What is hardly ever the same is logged without keeping its parts, and in the same form."""
    values = next(values for one, values in LOGGED if one is event)
    observers: list[Observer] = []

    def record(sink: LogSink) -> None:
        observers.append(Observer(sink, level="debug"))
        observers[0].record(session_fields(SESSION, PEER), event, *values)

    assert written(record) == joined(event, *values)
    assert observers[0].counted[event] == 1


def test_every_event_is_tried() -> None:
    """The tests above try every event that there is."""
    assert {event for event, _ in LOGGED} == set(LogEvent)


@given(st.binary(max_size=80), st.text(max_size=20))
def test_no_input_makes_a_difference(octets: bytes, reason: str) -> None:
    """Whatever was said, it is written as one line, and as structlog would (P-6)."""
    values = (shown(reason.encode()), shown(octets))
    [line] = joined(LogEvent.HANDSHAKE_REFUSED, *values)

    assert by_structlog(LogEvent.HANDSHAKE_REFUSED, *values) == [line]
    assert json.loads('{"x":""' + line.removeprefix('"'))["input"] == shown(octets)


@pytest.mark.parametrize("attempt", [1, 63, 64, 1_000, MOST_COUNTS - 1, MOST_COUNTS, 123_456])
def test_the_line_of_a_guess_ends_with_its_number(attempt: int) -> None:
    """A guess's line is the same by either way at any attempt, and only so many ends are kept."""
    guess = (15, "Far")
    expected = by_structlog(LogEvent.GUESS_JUDGED, *guess, guesses=attempt)

    assert joined(LogEvent.GUESS_JUDGED, *guess, guesses=attempt) == expected
    assert len(GUESS_COUNTS) <= MOST_COUNTS


def test_the_level_keeps_lines_back() -> None:
    """What is below the level is not written, and is counted all the same."""
    assert joined(LogEvent.CONNECTION_PROBED, 0.1, level="info") == []
    assert joined(LogEvent.GAME_WON, level="info")
    observers: list[Observer] = []

    def record(sink: LogSink) -> None:
        observers.append(Observer(sink, level="info"))
        observers[0].record(b"", LogEvent.CONNECTION_PROBED, 0.1)

    assert written(record, "info") == []
    assert observers[0].counted[LogEvent.CONNECTION_PROBED] == 1
