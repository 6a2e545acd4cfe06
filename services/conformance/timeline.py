"""What happened during one check, as a value: the model that every report is built on.

A `Result` has a `Timeline`. It lists the connections of the check, and events in the order in which the kit
saw them:
who sent which bytes when, which reply was expected, where it went wrong, what the judged program printed
meanwhile,
when it was started and how it ended. All times are seconds since the check began.

A `Recorder` takes the events down while the check runs, from any thread, within bounds: a peer that sends
without
end fills neither memory nor a report. What is left out is counted (`omitted_octets`, `omitted_events`).
"""

import threading
import time
from collections.abc import Callable, Iterable
from dataclasses import dataclass, replace
from enum import StrEnum
from typing import Any, Final

KEPT_OCTETS: Final = 400
"""Of what was sent or came at once, an event keeps this much."""
KEPT_EVENTS: Final = 400
"""A timeline keeps its first and its last events, half of these each."""
KEPT_MARKS: Final = 20
BURST_S: Final = 0.1
"""What a program prints within this time, and while nothing else happens, is one event: many write letter by
letter."""
PROGRAM: Final = 0
"""The `connection` of events that belong to no connection, but to the judged program."""


class EventKind(StrEnum):
    """What an event is; the comment says what its fields hold."""

    OPENED = "opened"  # text: between which addresses
    NOT_OPENED = "not opened"  # text: why not
    SENT = "sent"  # data: from the kit
    RECEIVED = "received"  # data: from the program, as one piece
    HALF_CLOSED = "half-closed"  # the kit will send nothing more
    CLOSED = "closed"  # by the kit
    RESET = "reset"  # by the kit
    PEER_CLOSED = "peer closed"  # the program's end of the stream
    PEER_RESET = "peer reset"  # text: the error
    EXPECTED = "expected"  # text: what the kit waits for from here on
    MISMATCH = "mismatch"  # text: what was expected and what came instead: here it went wrong
    STARTED = "started"  # the program; text: how
    PRINTED = "printed"  # by the program; data: what
    EXITED = "exited"  # the program, by itself; text: how (status, signal)
    TYPED = "typed"  # data: what the kit typed, all of it at once, in its user's place
    OVER = "over"  # the check; what follows comes of the kit's closing what is open
    NOTE = "note"  # text: what the kit found out or did beside


@dataclass(frozen=True, slots=True)
class Event:
    """One thing that happened."""

    at_s: float
    connection: int
    """The number of the connection, from 1; PROGRAM if the event belongs to none."""
    kind: EventKind
    data: bytes = b""
    """The octets that were sent, came or were printed: at most KEPT_OCTETS."""
    text: str = ""
    omitted_octets: int = 0
    """How many octets more than `data` there were."""


@dataclass(frozen=True, slots=True)
class Lane:
    """A connection of the check."""

    number: int
    """From 1, in the order of opening."""
    port: str
    """Which port of the protocol: `player` or `admin`."""
    kit: str
    """The kit's address, as `127.0.0.1 50123`."""
    peer: str
    """The judged program's address."""


@dataclass(frozen=True, slots=True)
class Timeline:
    """All connections of a check, and what happened on them and around them."""

    lanes: tuple[Lane, ...] = ()
    events: tuple[Event, ...] = ()
    omitted_events: int = 0
    """How many events were left out in the middle."""

    @property
    def mismatch(self) -> Event | None:
        """Where it went wrong, if it did so on a connection."""
        return next((event for event in reversed(self.events) if event.kind is EventKind.MISMATCH), None)

    def of(self, connection: int) -> tuple[Event, ...]:
        """Return the events of one connection, or with PROGRAM those of the judged program."""
        return tuple(event for event in self.events if event.connection == connection)

    def as_json(self) -> dict[str, Any]:
        """Spell it as what JSON knows; octets become the characters of the same numbers (latin-1)."""
        return {
            "lanes": [
                {"number": lane.number, "port": lane.port, "kit": lane.kit, "peer": lane.peer}
                for lane in self.lanes
            ],
            "events": [
                {
                    "at_s": round(event.at_s, 4),
                    "connection": event.connection,
                    "kind": event.kind,
                    "data": event.data.decode("latin-1"),
                    "text": event.text,
                    "omitted_octets": event.omitted_octets,
                }
                for event in self.events
            ],
            "omitted_events": self.omitted_events,
        }

    @classmethod
    def from_json(cls, read: dict[str, Any]) -> "Timeline":
        """Read what `as_json` has spelled."""
        return cls(
            tuple(Lane(**lane) for lane in read["lanes"]),
            tuple(
                Event(**{**event, "kind": EventKind(event["kind"]), "data": event["data"].encode("latin-1")})
                for event in read["events"]
            ),
            read["omitted_events"],
        )


EMPTY: Final = Timeline()
"""Where nothing happened."""


class _Ends:
    """The first and the last of many events, half of them each; those between are counted."""

    def __init__(self) -> None:
        self._first: list[Event] = []
        self._last: list[Event] = []
        self._dropped = 0

    def add(self, event: Event) -> None:
        """Keep an event, for now."""
        if len(self._first) < KEPT_EVENTS // 2:
            self._first.append(event)
            return
        self._last.append(event)
        if len(self._last) > KEPT_EVENTS:
            # In one go, since a list is slow to shorten at its beginning.
            self._dropped += len(self._last) - KEPT_EVENTS // 2
            del self._last[: -KEPT_EVENTS // 2]

    def join(self, event: Event) -> bool:
        """Put what was printed behind what was printed last, if that is less than a burst ago."""
        kept = self._last or self._first
        if not kept or event.at_s > kept[-1].at_s + BURST_S:
            return False
        data = kept[-1].data + event.data
        cut = data[:KEPT_OCTETS]
        omitted = kept[-1].omitted_octets + event.omitted_octets + len(data) - len(cut)
        kept[-1] = replace(kept[-1], data=cut, omitted_octets=omitted)
        return True

    @property
    def events(self) -> tuple[Event, ...]:
        """What is kept."""
        return (*self._first, *self._last[-KEPT_EVENTS // 2 :])

    @property
    def omitted(self) -> int:
        """How many are not."""
        return self._dropped + max(0, len(self._last) - KEPT_EVENTS // 2)


class Recorder:
    """Takes down what happens; several threads may."""

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._start = clock()
        self._lock = threading.Lock()
        self._lanes: list[Lane] = []
        self._spoken = _Ends()
        self._printed = _Ends()
        """Apart, so that a program that prints much pushes nothing else out."""
        self._latest = EventKind.NOTE
        self._marks: list[Event] = []
        """Where it went wrong. They go with one check, where several look at the same session."""

    def opened(self, port: str, kit: str, peer: str) -> int:
        """Note a new connection; return its number."""
        with self._lock:
            number = len(self._lanes) + 1
            self._lanes.append(Lane(number, port, kit, peer))
        self.note(EventKind.OPENED, number, text=f"{kit} to {peer}")
        return number

    def now(self) -> float:
        """Return the seconds since the check began."""
        return self._clock() - self._start

    def note(self, kind: EventKind, connection: int = PROGRAM, *, data: bytes = b"", text: str = "") -> None:
        """Note an event."""
        cut = data[:KEPT_OCTETS]
        event = Event(self.now(), connection, kind, bytes(cut), text, len(data) - len(cut))
        with self._lock:
            printed = kind is EventKind.PRINTED
            in_a_row, self._latest = kind is self._latest, kind
            if not (printed and in_a_row and self._printed.join(event)):
                (self._printed if printed else self._spoken).add(event)

    def over(self) -> None:
        """Note that the check is over, once."""
        if not any(event.kind is EventKind.OVER for event in self.timeline().events):
            self.note(EventKind.OVER)

    def mark(self, connection: int, text: str, at_s: float | None = None) -> None:
        """Mark where it went wrong: now, or at what was noted at a time."""
        event = Event(self.now() if at_s is None else at_s, connection, EventKind.MISMATCH, text=text)
        with self._lock:
            if len(self._marks) < KEPT_MARKS:
                self._marks.append(event)

    def unmark(self) -> None:
        """Forget the marks of the check before."""
        with self._lock:
            self._marks.clear()

    def timeline(self) -> Timeline:
        """Return what was taken down so far. Connections of which no event was kept are left out."""
        with self._lock:
            omitted = self._spoken.omitted
            kept = (*self._spoken.events, *self._printed.events, *self._marks)
            # At the same time, a mark comes after what it is about.
            events = tuple(sorted(kept, key=lambda event: event.at_s))
            seen = {event.connection for event in events}
            lanes = tuple(lane for lane in self._lanes if lane.number in seen)
        return Timeline(lanes, events, omitted)


def joined(timelines: Iterable[Timeline]) -> Timeline:
    """Put timelines one behind the other: a check of a client may look at several sessions."""
    lanes: list[Lane] = []
    events: list[Event] = []
    omitted = 0
    for timeline in timelines:
        first = max((lane.number for lane in lanes), default=0)
        start_s = events[-1].at_s if events else 0.0
        lanes += [replace(lane, number=lane.number + first) for lane in timeline.lanes]
        events += [
            replace(
                event,
                at_s=event.at_s + start_s,
                connection=event.connection + first if event.connection else PROGRAM,
            )
            for event in timeline.events
        ]
        omitted += timeline.omitted_events
    return Timeline(tuple(lanes), tuple(events), omitted)
