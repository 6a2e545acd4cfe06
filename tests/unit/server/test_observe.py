"""Facts to log lines: the prepared path and structlog's write the same."""

from __future__ import annotations

import json
import os
from typing import TYPE_CHECKING

import pytest
import structlog
from hypothesis import given
from hypothesis import strategies as st

from services.protocol.codec import encode
from services.protocol.messages import Address, Guessed, Verdict
from services.protocol.rules import CLASSIC, Rules
from services.runtime.logging import LogFormat, configure
from services.server.game.conversation import shown
from services.server.game.facts import Fact
from services.server.observe import (
    ENDS,
    MOST_ENDS,
    SERVICE,
    WIDEST_RANGE,
    Bound,
    Observer,
    ends_of_guesses,
    guessed_event,
    ordinary_answers,
)
from tests.support.log_contract import check_line

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from services.runtime.logging import LogSink
    from services.server.game.facts import Value

BOUND = Bound("a1b2c3-7", Address("2001:db8::7", 50124))
RECORDED: list[tuple[Fact, tuple[Value, ...]]] = [
    (Fact.CONNECTION_PROBED, (0.000123,)),
    (Fact.HANDSHAKE_ADVANCED, ("Hello", "Greetings")),
    (Fact.HANDSHAKE_COMPLETED, ("classic",)),
    (Fact.HANDSHAKE_REFUSED, ("say Hello first", shown(b'\x1b[2J"\\\xff\x7f'))),
    (Fact.GUESS_JUDGED, (15, "Far", 1)),
    (Fact.ROUND_GUESS_JUDGED, (15, "Far", 1, 2)),
    (Fact.GUESS_TOO_LATE, (15, 2)),
    (Fact.GUESS_REJECTED, (shown(b"{}'\t"),)),
    (Fact.GAME_WON, (3,)),
    (Fact.ADMIN_LISTED, (0,)),
    (Fact.ADMIN_SEATED, (200,)),
    (Fact.ADMIN_REFUSED, ("another administrator is watching",)),
    (Fact.ADMIN_LEFT, ("peer closed",)),
    (Fact.SESSION_CLOSED, ("won", 3, 12.000001)),
]


@pytest.fixture(autouse=True)
def _structlog_as_it_was() -> Iterator[None]:
    yield
    structlog.reset_defaults()


def recorded(fact: Fact, *values: Value, prepared: bool, level: str = "debug") -> list[str]:
    """Return the lines that a fact makes, less their time."""
    return logged(lambda sink: Observer(sink, prepared=prepared, level=level).record(BOUND, fact, values))


def logged(act: Callable[[LogSink], None], level: str = "debug") -> list[str]:
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


@pytest.mark.parametrize(
    ("fact", "values"), RECORDED, ids=lambda one: one.event if isinstance(one, Fact) else ""
)
def test_both_paths_write_the_same_line(fact: Fact, values: tuple[Value, ...]) -> None:
    """A fact's line, which keeps the contract, is the same by either path but for its time."""
    [line] = recorded(fact, *values, prepared=True)

    assert recorded(fact, *values, prepared=False) == [line]


def test_every_fact_is_tried() -> None:
    """The test above tries every fact that there is."""
    assert {fact for fact, _ in RECORDED} == set(Fact)


@given(st.binary(max_size=80), st.text(max_size=20))
def test_no_input_makes_a_difference(octets: bytes, reason: str) -> None:
    """Whatever was said, both paths write it as one line, and the same (P-6)."""
    values = (shown(reason.encode()), shown(octets))
    [line] = recorded(Fact.HANDSHAKE_REFUSED, *values, prepared=True)

    assert recorded(Fact.HANDSHAKE_REFUSED, *values, prepared=False) == [line]
    assert json.loads('{"x":""' + line.removeprefix('"'))["input"] == shown(octets)


@pytest.mark.parametrize("attempt", [1, 63, 64, 1_000, MOST_ENDS - 1, MOST_ENDS, 123_456])
def test_the_ready_made_line_of_a_guess_is_the_ordinary_one(attempt: int) -> None:
    """The parts that are joined for an ordinary guess make the line that its fact makes, at any attempt."""
    answer = ordinary_answers(CLASSIC, 21)[b"My Guess is: 15\r\n"]

    def join(sink: LogSink) -> None:
        head = Observer(sink, prepared=True, level="info").guess_head
        sink.parts += (sink.stamp, head, BOUND.text, answer.log_part, *ends_of_guesses(attempt, 1))

    guess = (15, Verdict.FAR.value, attempt)
    assert logged(join) == recorded(Fact.GUESS_JUDGED, *guess, prepared=False)


@pytest.mark.parametrize("first", [1, 60, 5_000, MOST_ENDS - 5, MOST_ENDS + 5])
def test_the_ends_of_consecutive_guesses_follow_each_other(first: int) -> None:
    """Guesses that come together are counted one by one, and only so many ends are kept."""
    assert ends_of_guesses(first, 16) == [b"%d}\n" % attempt for attempt in range(first, first + 16)]
    assert len(ENDS) <= MOST_ENDS


def test_ready_made_answers_say_what_they_should() -> None:
    """An ordinary guess has its reply and its event ready, and the winning guess has not (P-4, A-4)."""
    answers = ordinary_answers(CLASSIC, 21)

    assert answers[b"20\n"].reply == b"Close\r\n"
    event = guessed_event(BOUND.peer, answers[b"Guess: 7\r\n"].event_part)
    assert event == encode(Guessed(BOUND.peer, 7, Verdict.FAR))
    assert b"21\r\n" not in answers


def test_a_wide_range_has_no_ready_made_answers() -> None:
    """Tables are made for ranges up to a width; beyond it they are empty, and guesses are parsed."""
    assert ordinary_answers(Rules(1, WIDEST_RANGE), 5)
    assert ordinary_answers(Rules(1, WIDEST_RANGE + 1), 5) == {}


@pytest.mark.parametrize("prepared", [True, False])
def test_the_level_keeps_lines_back(*, prepared: bool) -> None:
    """What is below the level is not written, by either path."""
    assert recorded(Fact.CONNECTION_PROBED, 0.1, prepared=prepared, level="info") == []
    assert recorded(Fact.GAME_WON, 1, prepared=prepared, level="info")


@pytest.mark.parametrize(
    ("prepared", "level", "short_way"),
    [(True, "info", True), (False, "info", False), (False, "error", True)],
)
def test_guesses_go_the_short_way_only_where_their_lines_do(
    *, prepared: bool, level: str, short_way: bool
) -> None:
    """Where a guess has a line, and lines are not prepared, every guess is parsed and recorded."""
    observers = []
    logged(lambda sink: observers.append(Observer(sink, prepared=prepared, level=level)))

    assert observers[0].answers_ordinary is short_way
