"""A report for people: as lines while the run goes on, then in a table with a score per level."""

import importlib
import sys
import textwrap
from collections.abc import Iterator, Sequence
from typing import Final, TextIO

from services.conformance.clauses import CLAUSES
from services.conformance.connection import shown
from services.conformance.results import Outcome, Report, Result
from services.conformance.timeline import KEPT_EVENTS, KEPT_OCTETS, PROGRAM, Event, EventKind, Timeline

MARKS: Final = {
    Outcome.PASSED: "pass",
    Outcome.FAILED: "FAIL",
    Outcome.NOT_APPLICABLE: "n/a",
    Outcome.NOT_JUDGED: "not judged",
}
STYLES: Final = {
    Outcome.PASSED: "green",
    Outcome.FAILED: "bold red",
    Outcome.NOT_APPLICABLE: "dim",
    Outcome.NOT_JUDGED: "yellow",
}
WIDTH: Final = 100
SHOWN_LENGTH: Final = 400
SHOWN_EVENTS: Final = 40
SHOWN_AFTER: Final = 6
"""Of these, so many may have come after the mismatch."""
SHOWN_PRINTED: Final = 70
LEFT_OUT: Final = {EventKind.EXPECTED, EventKind.OPENED}
"""Events that say little more than the others, in text."""


def write_report(report: Report, stream: TextIO, *, verbose: bool = False) -> None:
    """Write the whole report: with rich on a terminal if it is installed, else plain."""
    if not (stream.isatty() and _write_rich(report, stream, verbose=verbose)):
        stream.write("\n".join(plain_lines(report, verbose=verbose)) + "\n")


def plain_lines(report: Report, *, verbose: bool = False) -> Iterator[str]:
    """Spell the report for any terminal or file."""
    for level in report.levels:
        yield f"{level}: {report.score(level)}"
        said = ""
        for result in report.results:
            if result.level is level:
                yield f"  {MARKS[result.outcome]:12}{' '.join(result.clauses):12} {result.sentence}"
                # One reason often stands for many checks.
                if verbose or result.outcome is not Outcome.NOT_JUDGED or result.finding.note != said:
                    yield from (f"  {'':24} {line}" for line in finding_lines(result, verbose=verbose))
                said = result.finding.note
    yield ""
    yield from summary_lines(report)


def finding_lines(result: Result, *, verbose: bool = False) -> Iterator[str]:
    """Explain one result; `verbose` shows the whole timeline, whatever the outcome."""
    finding = result.finding
    if result.outcome is not Outcome.FAILED:
        if finding.note:
            yield from textwrap.wrap(f"({finding.note})", WIDTH)
        if result.died:
            yield f"after this check the program was gone: {result.died}"
        if verbose:
            yield from timeline_lines(result.timeline, most=None)
        return
    for clause in result.clauses:
        yield from _labelled(clause, CLAUSES.get(clause, ""))
    yield from timeline_lines(result.timeline, most=None if verbose else SHOWN_EVENTS)
    yield from _labelled("expected", finding.expected)
    yield from _labelled("came", finding.came)
    yield from _labelled("program", result.died and f"gone: {result.died}")
    yield from _labelled("hint", finding.note)
    if finding.printed:
        yield "the program printed during this check:"
        yield from (f"  {line}" for line in finding.printed)
    yield f"check: {result.name} (run it alone: --only {result.name})"


def timeline_lines(timeline: Timeline, most: int | None = SHOWN_EVENTS) -> Iterator[str]:
    """Draw what happened, an event a line: seconds, the number of the connection, who did what."""
    events = [event for event in timeline.events if event.kind not in LEFT_OUT]
    if not events:
        return
    several = f", {len(timeline.lanes)} connections by their numbers" if len(timeline.lanes) > 1 else ""
    yield f"timeline (seconds{several}; > by the kit, < by the program):"
    for event in _extract(events, timeline.omitted_events, most):
        if isinstance(event, int):
            yield f"  {'…':>7}  {event} events are not shown"
            continue
        number = str(event.connection) if event.connection != PROGRAM else "-"
        words = event_in_words(event)
        if event.kind is EventKind.PRINTED and most is not None and len(words) > SHOWN_PRINTED:
            words = f"{words[:SHOWN_PRINTED]}…"  # the whole stands below
        yield f"  {event.at_s:7.3f} {number:>2} {words}"


def _extract(events: Sequence[Event], omitted: int, most: int | None) -> list[Event | int]:
    """Choose what to show: the beginning, and what led to the mismatch; numbers count the rest."""
    if most is None or len(events) <= most:
        middle = min(KEPT_EVENTS // 2, len(events))
        return [*events[:middle], *([omitted] if omitted else []), *events[middle:]]
    head = most // 4
    size = most - head
    wrong = max(
        (at for at, event in enumerate(events) if event.kind is EventKind.MISMATCH), default=len(events)
    )
    start = min(max(head, wrong + SHOWN_AFTER - size), len(events) - size)
    before, after = start - head, len(events) - start - size
    if start >= KEPT_EVENTS // 2 - head:
        before += omitted
    else:
        after += omitted
    gap = [before] if before else []
    return [*events[:head], *gap, *events[start : start + size], *([after] if after else [])]


def event_in_words(event: Event) -> str:
    """Say what happened, in one line; nothing that a program has sent or printed reaches a terminal raw."""
    more = f"… and {event.omitted_octets} octets more" if event.omitted_octets else ""
    data = shown(event.data, KEPT_OCTETS) + more
    match event.kind:
        case EventKind.SENT:
            return f"> {data}"
        case EventKind.RECEIVED:
            return f"< {data}"
        case EventKind.PRINTED:
            return f"  the program printed: {data}"
        case EventKind.MISMATCH:
            return f"! {event.text}"
        case EventKind.PEER_CLOSED:
            return "< (the end of the stream)"
        case EventKind.PEER_RESET:
            return f"< ({event.text})"
        case EventKind.STARTED:
            return f"  the program was started: {event.text}"
        case EventKind.EXITED:
            return f"! the program ended: {event.text}"
        case EventKind.OPENED | EventKind.NOT_OPENED | EventKind.NOTE | EventKind.EXPECTED:
            return f"  ({' '.join(filter(None, (event.kind.value, event.text)))})"
        case EventKind.HALF_CLOSED:
            return "> (half-closed: nothing more will be sent)"
        case _:
            return f"> ({event.kind.value})"


def _labelled(label: str, text: str) -> Iterator[str]:
    if text:
        cut = text if len(text) <= SHOWN_LENGTH else text[:SHOWN_LENGTH] + "…"
        yield from textwrap.wrap(f"{label}: {cut}", WIDTH, subsequent_indent=" " * (len(label) + 2))


def summary_lines(report: Report) -> Iterator[str]:
    """Sum up: dialects, clauses that are broken, scores, and whether the level holds."""
    yield from (f"dialect: {name}" for name in report.dialects)
    broken = [clause for clause, outcome in report.clauses().items() if outcome is Outcome.FAILED]
    if broken:
        yield f"broken clauses: {' '.join(broken)}"
    scores = ", ".join(f"{level} {report.score(level)}" for level in report.levels)
    verdict = "holds" if report.holds else "does not hold"
    run = f"{report.seconds:.0f} s, seed {report.seed}"
    yield f"{report.subject}: {scores}; level {report.level} {verdict} ({run})"


def _write_rich(report: Report, stream: TextIO, *, verbose: bool) -> bool:
    # rich is optional: the kit needs the standard library only.
    try:
        console_module = importlib.import_module("rich.console")
        table_module = importlib.import_module("rich.table")
        text_module = importlib.import_module("rich.text")
    except ImportError:
        return False
    console = console_module.Console(file=stream)
    text = text_module.Text
    for level in report.levels:
        table = table_module.Table("clause", "", "what", title=f"{level}: {report.score(level)}", expand=True)
        for result in report.results:
            if result.level is not level:
                continue
            what = text(
                "\n".join(
                    [result.sentence, *(f"  {line}" for line in finding_lines(result, verbose=verbose))]
                )
            )
            mark = text(MARKS[result.outcome], style=STYLES[result.outcome])
            table.add_row(text("\n".join(result.clauses)), mark, what)
        console.print(table)
    for line in summary_lines(report):
        console.print(text(line))
    return True


def tell_progress(result: Result) -> None:
    """Say what the user at a terminal is waiting for, on one line of standard error."""
    if sys.stderr.isatty():
        sys.stderr.write(f"\r\x1b[K{MARKS[result.outcome]:12}{result.name}\r")
        sys.stderr.flush()
