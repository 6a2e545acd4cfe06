"""What happened during a check, as a value: bounded, in order, and the same after a journey as JSON."""

from __future__ import annotations

from services.conformance.report import event_in_words
from services.conformance.timeline import (
    KEPT_EVENTS,
    KEPT_OCTETS,
    PROGRAM,
    EventKind,
    Recorder,
    Timeline,
    joined,
)


def recorded(events: int = 1, connections: int = 1) -> Timeline:
    """Record connections that each send so often; a second passes with each event."""
    recorder = Recorder(iter(range(100_000)).__next__)
    numbers = [
        recorder.opened("player", f"127.0.0.1 {50_000 + number}", "127.0.0.1 4000")
        for number in range(connections)
    ]
    for _ in range(events):
        for number in numbers:
            recorder.note(EventKind.SENT, number, data=b"Hello\r\n")
    return recorder.timeline()


def test_events_are_kept_in_order_by_connection() -> None:
    """Each connection has its number and its events, those of the program have none."""
    timeline = recorded(events=2, connections=2)
    assert [lane.number for lane in timeline.lanes] == [1, 2]
    assert [event.kind for event in timeline.of(2)] == [EventKind.OPENED, EventKind.SENT, EventKind.SENT]
    assert timeline.of(PROGRAM) == ()
    assert timeline.mismatch is None


def test_long_timeline_loses_its_middle() -> None:
    """Of very many events the first and the last are kept, and the others counted."""
    timeline = recorded(events=5 * KEPT_EVENTS)
    assert len(timeline.events) == KEPT_EVENTS
    assert timeline.omitted_events == 4 * KEPT_EVENTS + 1
    assert timeline.events[0].kind is EventKind.OPENED
    assert timeline.events[-1].at_s == 5 * KEPT_EVENTS + 1


def test_long_message_is_cut() -> None:
    """Of what was sent at once the beginning is kept, and the rest counted."""
    recorder = Recorder(iter(range(9)).__next__)
    recorder.note(EventKind.PRINTED, data=b"x" * (KEPT_OCTETS + 7))
    (event,) = recorder.timeline().events
    assert (len(event.data), event.omitted_octets) == (KEPT_OCTETS, 7)
    assert (
        event_in_words(event, 10) == f"  the program printed: {'x' * 10}… ({KEPT_OCTETS + 7} octets in all)"
    )


def test_json_gives_the_same_again() -> None:
    """A timeline survives JSON, whatever octets are in it."""
    recorder = Recorder(iter(range(9)).__next__)
    number = recorder.opened("admin", "a 1", "b 2")
    recorder.note(EventKind.RECEIVED, number, data=bytes(range(256)))
    recorder.note(EventKind.MISMATCH, number, text="expected A; came B")
    timeline = recorder.timeline()
    assert Timeline.from_json(timeline.as_json()) == timeline
    assert timeline.mismatch is timeline.events[-1]


def test_timelines_are_joined_one_behind_the_other() -> None:
    """Joined timelines number their connections on, and the second begins where the first has ended."""
    whole = joined([recorded(events=1), recorded(events=1)])
    assert [lane.number for lane in whole.lanes] == [1, 2]
    assert [event.connection for event in whole.events] == [1, 1, 2, 2]
    times = [event.at_s for event in whole.events]
    assert times == sorted(times)
