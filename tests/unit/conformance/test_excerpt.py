"""What a report shows of a timeline: repetitions once, what was printed, and where it went wrong."""

from __future__ import annotations

from services.conformance.excerpt import Gap, excerpt
from services.conformance.report import timeline_lines
from services.conformance.timeline import KEPT_EVENTS, EventKind, Recorder


def recorder() -> Recorder:
    """Make a recorder for which a second passes with each event."""
    return Recorder(iter(range(100_000)).__next__)


def words(recorder: Recorder) -> list[str]:
    """Return the lines of the timeline, without the times."""
    return [" ".join(line.split()[1:]) for line in timeline_lines(recorder.timeline())][1:]


def test_polls_are_told_by_the_first_and_the_last() -> None:
    """Turns that differ in numbers alone, each on a connection of its own, are folded."""
    taken = recorder()
    for poll in range(96):
        number = taken.opened("admin", f"127.0.0.1 {50_000 + poll}", "127.0.0.1 4001")
        taken.note(EventKind.SENT, number, data=b"Who\r\n")
        taken.note(EventKind.RECEIVED, number, data=b"127.0.0.1 %d\r\n" % (40_000 + poll))
        taken.note(EventKind.CLOSED, number)
    taken.mark(96, "expected nobody; came somebody")
    shown = words(taken)
    assert [line.split()[0] for line in shown] == ["a1"] * 4 + ["94"] + ["a96"] * 5
    assert shown[4] == "94 more like it"
    assert "96 connections" in next(timeline_lines(taken.timeline()))


def test_few_turns_are_shown() -> None:
    """Three turns are not folded, nor those that differ in more than numbers."""
    taken = recorder()
    for said in (b"a", b"b", b"c", b"d", b"1", b"2", b"3"):
        taken.note(EventKind.SENT, 1, data=said)
    assert len(words(taken)) == 7


def test_printed_output_pushes_nothing_out() -> None:
    """However much is printed between them, what was said is shown, and each piece of print once."""
    taken = recorder()
    for turn in range(30):
        taken.note(EventKind.SENT, 1, data=bytes([ord("A") + turn]))
        for _ in range(30):
            taken.note(EventKind.PRINTED, data=b"player %d\n" % turn)
    shown = words(taken)
    assert sum(line.startswith("1 >") for line in shown) == 30
    assert sum("printed" in line for line in shown) == 1


def test_what_is_printed_in_one_burst_is_one_event() -> None:
    """A traceback that comes letter by letter is joined, until something else happens or time passes."""
    times = iter([0.0, *(at / 1000 for at in range(10)), 5.0, 5.1])
    taken = Recorder(times.__next__)
    for letter in "Traceback~":
        taken.note(EventKind.PRINTED, data=letter.encode())
    taken.note(EventKind.PRINTED, data=b"later")
    assert [event.data for event in taken.timeline().events] == [b"Traceback~", b"later"]


def test_kits_own_end_is_left_out() -> None:
    """What followed the end of the check is in the whole timeline alone."""
    taken = recorder()
    taken.note(EventKind.SENT, 1, data=b"Hello")
    taken.over()
    taken.over()
    taken.note(EventKind.CLOSED, 1)
    taken.note(EventKind.PRINTED, data=b"Traceback")
    assert len(excerpt(taken.timeline())) == 1
    whole = list(timeline_lines(taken.timeline(), most=None))
    assert sum("the check is over" in line for line in whole) == 1
    assert "Traceback" in whole[-1]


def test_dropped_events_are_counted_in_their_place() -> None:
    """Where the recorder has dropped events, a gap says how many."""
    taken = recorder()
    for at in range(2 * KEPT_EVENTS):
        taken.note(EventKind.SENT, 1, data=bytes([65 + at % 26, 65 + at // 26 % 26, 65 + at // 676]))
    for most in (40, None):
        gaps = [item for item in excerpt(taken.timeline(), most) if isinstance(item, Gap)]
        assert sum(gap.events for gap in gaps) == (2 * KEPT_EVENTS - 40 if most else KEPT_EVENTS)
