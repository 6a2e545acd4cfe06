"""What a report shows of a timeline, pure: repetitions once, and what led to the mismatch."""

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from itertools import takewhile
from typing import Final

from services.conformance.timeline import KEPT_EVENTS, Event, EventKind, Timeline

SHOWN_EVENTS: Final = 40
SHOWN_AFTER: Final = 6
"""Of these, so many may have come after the mismatch."""
SHOWN_PRINTED: Final = 8
"""Beside these, so many pieces of what was printed."""
LONGEST_TURN: Final = 8
"""So many events make one turn at most: to connect, ask who is playing, read the list and close."""
LIKE: Final = 4
"""So many turns that differ in numbers alone are told by the first and the last."""
LEFT_OUT: Final = {EventKind.EXPECTED, EventKind.PRINTED}


@dataclass(frozen=True, slots=True)
class Gap:
    """What is not shown, in its place."""

    words: str
    events: int
    first_s: float
    last_s: float


Item = Event | Gap


def excerpt(timeline: Timeline, most: int | None = SHOWN_EVENTS) -> list[Item]:
    """Choose what to show of a check that failed; with `most` as None, all that was kept."""
    if most is None:
        return _with_omitted(timeline.events, timeline.omitted_events, EventKind.EXPECTED)
    events = list(takewhile(lambda event: event.kind is not EventKind.OVER, timeline.events))
    items = _cut(folded(_with_omitted(events, timeline.omitted_events)), most)
    return _with_printed(items, [event for event in events if event.kind is EventKind.PRINTED])


def _with_omitted(events: Iterable[Event], omitted: int, *hidden: EventKind) -> list[Item]:
    """Leave out what says little, and put a gap where the recorder has dropped events."""
    hidden = hidden or tuple(LEFT_OUT)
    items: list[Item] = []
    kept = 0
    for event in events:
        kept += event.kind not in {EventKind.PRINTED, EventKind.MISMATCH}
        if omitted and kept == KEPT_EVENTS // 2 + 1:
            items.append(Gap(f"{omitted} events are not shown", omitted, event.at_s, event.at_s))
            omitted = 0
        if event.kind not in hidden:
            items.append(event)
    return items


def folded(items: Sequence[Item]) -> list[Item]:
    """Tell of turns that differ in numbers alone the first and the last."""
    shapes = [_shape(item) for item in items]
    kept: list[Item] = []
    at = 0
    while at < len(items):
        length, turns = _turns(shapes, at)
        if turns < LIKE:
            kept.append(items[at])
            at += 1
            continue
        last = at + (turns - 1) * length
        kept += items[at : at + length]
        kept.append(_gap(items[at + length : last], f"{turns - 2} more like it"))
        kept += items[last : last + length]
        at = last + length
    return kept


def _turns(shapes: Sequence[object], at: int) -> tuple[int, int]:
    """Return how long a turn is that is done again and again from here, and how often it is done."""
    for length in range(1, LONGEST_TURN + 1):
        turn = shapes[at : at + length]
        turns = 1
        while shapes[at + turns * length : at + (turns + 1) * length] == turn:
            turns += 1
        if turns >= LIKE:
            return length, turns
    return 1, 1


def _shape(item: Item) -> object:
    if isinstance(item, Gap) or item.kind is EventKind.MISMATCH:
        return item
    return item.kind, re.sub(rb"\d+", b"#", item.data), re.sub(r"\d+", "#", item.text)


def _gap(items: Sequence[Item], words: str = "") -> Gap:
    events = sum(item.events if isinstance(item, Gap) else 1 for item in items)
    first, last = items[0], items[-1]
    return Gap(
        words or f"{events} events are not shown",
        events,
        first.first_s if isinstance(first, Gap) else first.at_s,
        last.last_s if isinstance(last, Gap) else last.at_s,
    )


def _cut(items: Sequence[Item], most: int) -> list[Item]:
    """Keep the beginning, and what led to the mismatch."""
    if len(items) <= most:
        return list(items)
    head = most // 4
    size = most - head
    wrong = max(
        (at for at, item in enumerate(items) if isinstance(item, Event) and item.kind is EventKind.MISMATCH),
        default=len(items),
    )
    start = min(max(head, wrong + SHOWN_AFTER - size), len(items) - size)
    before, after = items[head:start], items[start + size :]
    return [
        *items[:head],
        *([_gap(before)] if before else []),
        *items[start : start + size],
        *([_gap(after)] if after else []),
    ]


def _with_printed(items: Sequence[Item], printed: Iterable[Event]) -> list[Item]:
    """Put what was printed in its place, unless that is in a gap, or the same was printed before."""
    gaps = [item for item in items if isinstance(item, Gap)]
    shown: list[Event] = []
    shapes = set()
    for event in printed:
        if len(shown) < SHOWN_PRINTED and not any(gap.first_s <= event.at_s <= gap.last_s for gap in gaps):
            shape = _shape(event)
            if shape not in shapes:
                shapes.add(shape)
                shown.append(event)
    return sorted([*items, *shown], key=_time_s)


def _time_s(item: Item) -> float:
    return item.first_s if isinstance(item, Gap) else item.at_s
