"""A report with one result of each kind, and with words that try to be more than words."""

from __future__ import annotations

from services.conformance.results import Finding, Level, Outcome, Report, Result
from services.conformance.timeline import PROGRAM, Event, EventKind, Lane, Timeline

HOSTILE = "<img src=http://evil.example/x onerror=alert(1)><script>document.title='owned'</script>&amp;\"'"
FINDING = Finding("the line 'Greetings'", "'Hi'", 'greet <properly> & "well"', ("Oops",))
TIMELINE = Timeline(
    (Lane(1, "player", "127.0.0.1 50123", "127.0.0.1 4000"),),
    (
        Event(0.0, PROGRAM, EventKind.STARTED, text="./server"),
        Event(0.1, 1, EventKind.SENT, b"Hello\r\n"),
        Event(0.2, 1, EventKind.RECEIVED, b"\x1b[2JHi\xff\r\n"),
        Event(0.2, 1, EventKind.MISMATCH, text="expected the line 'Greetings'; came 'Hi'"),
    ),
)


def result(name: str, clauses: tuple[str, ...], level: Level, outcome: Outcome, **more: object) -> Result:
    """Make a result of a check."""
    return Result(name, clauses, level, f"About {name}.", outcome, **more)  # type: ignore[arg-type]


def sample_report() -> Report:
    """Make a report with one result of each kind."""
    passed, classic, robust = Outcome.PASSED, Level.CLASSIC, Level.ROBUST
    return Report(
        "server example",
        Level.ROBUST,
        7,
        ["short: begins the game without Game"],
        [
            result(
                "greets",
                ("P-1",),
                classic,
                Outcome.FAILED,
                finding=FINDING,
                died="exit status 1",
                seconds=0.5,
                timeline=TIMELINE,
            ),
            result("plays", ("P-2",), classic, passed),
            result("any-case", ("P-1", "P-2"), robust, passed),
            result("tls", ("P-3",), robust, Outcome.NOT_APPLICABLE, finding=Finding(note="no TLS")),
            result("crowd", ("A-2",), robust, Outcome.NOT_JUDGED, finding=Finding(note="it died")),
        ],
        3.25,
    )


def hostile_report(lanes: int = 2) -> Report:
    """Make a report of a program whose every word would be markup, on so many connections."""
    said = HOSTILE.encode()
    timeline = Timeline(
        tuple(
            Lane(number, "player", f"127.0.0.1 {50_000 + number}", "127.0.0.1 4000")
            for number in range(1, lanes + 1)
        ),
        (
            Event(0.0, PROGRAM, EventKind.STARTED, text=HOSTILE),
            *(Event(0.1, number, EventKind.RECEIVED, said) for number in range(1, lanes + 1)),
            Event(0.2, PROGRAM, EventKind.PRINTED, said),
            Event(0.2, 1, EventKind.PEER_RESET, text=HOSTILE),
            Event(0.3, 1, EventKind.MISMATCH, text=HOSTILE),
        ),
        omitted_events=3,
    )
    finding = Finding(HOSTILE, HOSTILE, HOSTILE, (HOSTILE, "\x1b[31mred\u202e"))
    check = result(
        "greets",
        ("P-1",),
        Level.CLASSIC,
        Outcome.FAILED,
        finding=finding,
        died=HOSTILE,
        timeline=timeline,
    )
    note = result("tls", ("P-3",), Level.ROBUST, Outcome.NOT_JUDGED, finding=Finding(note=HOSTILE))
    return Report(HOSTILE, Level.ROBUST, 7, [HOSTILE], [check, note])
