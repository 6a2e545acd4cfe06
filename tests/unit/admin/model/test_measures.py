"""Rates and levels over time, with time as an argument."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from services.admin.model.measures import STEP_S, STEPS, WINDOW_S, Meter, Point, Timeline


def test_meter_counts_the_last_minute_only() -> None:
    """What happened a minute ago no longer counts; what happened since then does."""
    meter = Meter()
    for now in (0.0, 0.9, 30.0):
        meter.add(now)

    assert meter.per_minute(59.9) == 3
    assert meter.per_minute(60.0) == 1
    assert meter.per_minute(90.0) == 0


def test_meter_forgets_while_it_counts() -> None:
    """A meter that nobody reads stays as small as one that is read."""
    meter = Meter()
    for now in range(10 * WINDOW_S):
        meter.add(float(now))

    assert meter.per_minute(10 * WINDOW_S - 1) == WINDOW_S
    assert len(meter._seconds) == WINDOW_S


@given(st.lists(st.floats(0, 300), max_size=60), st.floats(0, 100))
def test_meter_equals_a_recount(moments: list[float], later: float) -> None:
    """For any moments in order, the rate is the number of those in the last sixty seconds, to the second."""
    moments.sort()
    meter = Meter()
    for moment in moments:
        meter.add(moment)
    now = (moments[-1] if moments else 0.0) + later

    assert meter.per_minute(now) == sum(int(moment) > int(now) - WINDOW_S for moment in moments)


def test_meter_bears_a_clock_that_is_set_back() -> None:
    """An event from before the last one counts with the last one."""
    meter = Meter()
    meter.add(100.0)
    meter.add(40.0)

    assert meter.per_minute(100.0) == 2


def test_timeline_is_empty_at_first() -> None:
    """Before anything was recorded there is nothing to draw."""
    assert Timeline().points(5.0) == []


def test_timeline_holds_a_level_until_it_changes() -> None:
    """The points between two records carry the earlier level; within a step the last record counts."""
    timeline = Timeline()
    timeline.record(1, 0.0)
    timeline.record(2, 0.5)
    timeline.record(5, 3 * STEP_S)

    assert timeline.points(4 * STEP_S) == [
        Point(0, 2),
        Point(STEP_S, 2),
        Point(2 * STEP_S, 2),
        Point(3 * STEP_S, 5),
        Point(4 * STEP_S, 5),
    ]


def test_timeline_shows_a_gap() -> None:
    """Where the level was not known the points say so."""
    timeline = Timeline()
    timeline.record(3, 0.0)
    timeline.record(None, STEP_S)

    assert [point.level for point in timeline.points(2 * STEP_S)] == [3, None, None]


def test_timeline_keeps_its_span() -> None:
    """Old points fall off, the level that the span begins with stays, and the memory is bounded."""
    timeline = Timeline()
    timeline.record(7, 0.0)
    for step in range(1, 3 * STEPS):
        timeline.record(step, step * STEP_S)
    points = timeline.points(3 * STEPS * STEP_S)

    assert len(points) == STEPS
    assert points[0].level == 2 * STEPS + 1
    assert len(timeline._changes) <= STEPS + 1


def test_timeline_keeps_the_level_from_before_the_span() -> None:
    """A level that has not changed for longer than the span still fills it."""
    timeline = Timeline()
    timeline.record(7, 0.0)

    assert {point.level for point in timeline.points(10 * STEPS * STEP_S)} == {7}
    assert len(timeline.points(10 * STEPS * STEP_S)) == STEPS
