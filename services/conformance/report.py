"""A report for people: as lines while the run goes on, then all of it with a score per level."""

import re
import shutil
import sys
import textwrap
from collections.abc import Iterator, Mapping, Sequence
from typing import Final, TextIO

from services.conformance.clauses import CLAUSES
from services.conformance.connection import shown
from services.conformance.excerpt import SHOWN_EVENTS, Gap, excerpt
from services.conformance.results import Outcome, Report, Result
from services.conformance.timeline import KEPT_OCTETS, PROGRAM, Event, EventKind, Timeline
from services.conformance.words import explained
from services.runtime.terminal import Terminal

MARKS: Final = {
    Outcome.PASSED: "pass",
    Outcome.FAILED: "FAIL",
    Outcome.NOT_APPLICABLE: "n/a",
    Outcome.NOT_JUDGED: "not judged",
}
COLOURS: Final = {
    Outcome.PASSED: "32",
    Outcome.FAILED: "1;31",
    Outcome.NOT_APPLICABLE: "2",
    Outcome.NOT_JUDGED: "33",
}
WIDTH: Final = 100
NARROWEST: Final = 60
INDENT: Final = " " * 14
SHOWN_LENGTH: Final = 400
HINT_LENGTH: Final = 900
SHOWN_PRINTED: Final = 70
SHOWN_SENT: Final = 160


def write_report(
    report: Report, stream: TextIO, environ: Mapping[str, str], *, verbose: bool = False
) -> None:
    """Write the whole report; on a terminal in its width, and with colours where they are wanted."""
    lines = plain_lines(report, verbose=verbose)
    if stream.isatty():
        width = max(NARROWEST, shutil.get_terminal_size().columns - 1)
        lines = (part for line in lines for part in hanging(line, width))
        if Terminal.find(environ, stream.fileno()).is_coloured:
            lines = map(_coloured, lines)
    stream.writelines(f"{line}\n" for line in lines)


def hanging(line: str, width: int) -> list[str]:
    """Wrap a line so that what does not fit stands a little to the right of where the line begins."""
    if len(line) <= width:
        return [line]
    indent = " " * (len(line) - len(line.lstrip()) + 4)
    return textwrap.wrap(line, width, subsequent_indent=indent, drop_whitespace=True) or [line]


def _coloured(line: str) -> str:
    for outcome, mark in MARKS.items():
        if line.startswith(f"  {mark} "):
            return f"  \x1b[{COLOURS[outcome]}m{mark}\x1b[0m{line[2 + len(mark) :]}"
    return line


def plain_lines(report: Report, *, verbose: bool = False) -> Iterator[str]:
    """Spell the report for any terminal or file."""
    failures: list[str] = []
    scenes: dict[tuple[Event, ...], str] = {}
    notes: dict[str, str] = {}
    for level in report.levels:
        yield f"{level}: {report.score(level)}"
        for result in report.results:
            if result.level is not level:
                continue
            clauses = " ".join(result.clauses)
            yield f"  {MARKS[result.outcome]:11} {result.name:21} {clauses:12} {result.sentence}"
            same_note = notes.setdefault(result.finding.note, result.name)
            same_scene = scenes.setdefault(_scene(result.timeline), result.name) if _is_long(result) else ""
            lines = [
                f"{INDENT}{line}"
                for line in finding_lines(
                    result,
                    verbose=verbose,
                    scene="" if same_scene == result.name else same_scene,
                    same_note="" if same_note == result.name else same_note,
                )
            ]
            yield from lines
            if result.outcome is Outcome.FAILED:
                failures += lines
    yield ""
    yield from _words("\n".join(failures))
    yield from summary_lines(report)


def _is_long(result: Result) -> bool:
    return result.outcome is Outcome.FAILED and len(_scene(result.timeline)) > 1


def _scene(timeline: Timeline) -> tuple[Event, ...]:
    return tuple(event for event in timeline.events if event.kind is not EventKind.MISMATCH)


def finding_lines(
    result: Result, *, verbose: bool = False, scene: str = "", same_note: str = ""
) -> Iterator[str]:
    """Explain one result; `verbose` shows the whole timeline, whatever the outcome.

    `scene` is a check that was shown before and looked at the same events, and `same_note` one whose note was
    the same.
    """
    finding = result.finding
    if result.outcome is not Outcome.FAILED:
        if same_note and len(finding.note) > WIDTH:
            yield f"(as {same_note}, above)"
        elif finding.note:
            yield from textwrap.wrap(f"({finding.note})", WIDTH)
        if result.died:
            yield f"after this check the program was gone: {result.died}"
        if verbose:
            yield from timeline_lines(result.timeline, most=None)
        return
    for clause in result.clauses:
        yield from _labelled(clause, CLAUSES.get(clause, ""))
    timeline: list[str] = []
    if scene and not verbose:
        yield f"timeline: this connection alone; all of it stands at {scene}, above"
        yield from _event_lines(_alone(result.timeline), SHOWN_EVENTS)
    else:
        timeline = list(timeline_lines(result.timeline, most=None if verbose else SHOWN_EVENTS))
        yield from timeline
    yield from _labelled("expected", finding.expected)
    yield from _labelled("came", finding.came)
    yield from _labelled("program", result.died and f"gone: {result.died}")
    yield from _labelled("hint", finding.note, HINT_LENGTH)
    told = "\n".join(timeline)
    if any(line not in told for line in finding.printed):
        yield "the program printed during this check:"
        yield from (f"  {line}" for line in finding.printed)
    if finding.afterwards:
        last = finding.afterwards[-1].strip()
        yield from _labelled("afterwards, when the kit had closed, the program printed", f"… {last}")


def _alone(timeline: Timeline) -> Timeline:
    """Return what happened on the connection where it went wrong, and nothing else."""
    wrong = timeline.mismatch
    if wrong is None:
        return timeline
    return Timeline(timeline.lanes, timeline.of(wrong.connection), 0)


def timeline_lines(timeline: Timeline, most: int | None = SHOWN_EVENTS) -> Iterator[str]:
    """Draw what happened, an event a line: seconds, the number of the connection, who did what."""
    if not timeline.events:
        return
    opened = max((lane.number for lane in timeline.lanes), default=0)
    several = f"; {opened} connections by their numbers" if opened > 1 else ""
    admins = any(lane.port == "admin" for lane in timeline.lanes)
    whose = ", a: to the administrator's port" if admins else ""
    yield f"timeline (seconds{several}{whose}; > by the kit, < by the program):"
    yield from _event_lines(timeline, most)


def _event_lines(timeline: Timeline, most: int | None) -> Iterator[str]:
    ports = {lane.number: lane.port for lane in timeline.lanes}
    for item in excerpt(timeline, most):
        if isinstance(item, Gap):
            yield f"  {'…':>7}     {item.words}"
            continue
        number = str(item.connection) if item.connection != PROGRAM else "-"
        admin = "a" if ports.get(item.connection) == "admin" else ""
        words = event_in_words(item, KEPT_OCTETS if most is None else SHOWN_SENT)
        if (
            item.kind in {EventKind.PRINTED, EventKind.TYPED}
            and most is not None
            and len(words) > SHOWN_PRINTED
        ):
            words = f"{words[:SHOWN_PRINTED]}…"  # what was printed stands below
        yield f"  {item.at_s:7.3f} {admin + number:>3} {words}"


def event_in_words(event: Event, most: int = KEPT_OCTETS) -> str:
    """Say what happened, in one line; nothing that a program has sent or printed reaches a terminal raw."""
    data = shown(event.data, most, len(event.data) + event.omitted_octets)
    match event.kind:
        case EventKind.SENT:
            return f"> {data}"
        case EventKind.RECEIVED:
            return f"< {data}"
        case EventKind.PRINTED:
            return f"  the program printed: {data}"
        case EventKind.TYPED:
            typed = data.removesuffix("\\n").replace("\\n", ", ")
            return f"  the kit typed, a line each: {typed}"
        case EventKind.MISMATCH:
            return f"! {event.text}"
        case EventKind.OPENED:
            return f"  (connected: {event.text})"
        case EventKind.PEER_CLOSED:
            return "< (the program closed)"
        case EventKind.PEER_RESET:
            return f"< ({event.text})"
        case EventKind.STARTED:
            return f"  the program was started: {event.text}"
        case EventKind.EXITED:
            return f"! the program ended: {event.text}"
        case EventKind.HALF_CLOSED:
            return "> (the kit half-closed: it sends nothing more, and reads on)"
        case EventKind.CLOSED:
            return "> (the kit closed)"
        case EventKind.RESET:
            return "> (the kit broke the connection off, by a reset)"
        case EventKind.OVER:
            return "  (the check is over, and the kit closes what is open; what follows comes of that)"
        case EventKind.NOT_OPENED | EventKind.NOTE | EventKind.EXPECTED:
            return f"  ({' '.join(filter(None, (event.kind.value, event.text)))})"


def _labelled(label: str, text: str, most: int = SHOWN_LENGTH) -> Iterator[str]:
    if text:
        cut = text if len(text) <= most else text[:most] + "…"
        yield from textwrap.wrap(f"{label}: {cut}", WIDTH, subsequent_indent=" " * (len(label) + 2))


def summary_lines(report: Report) -> Iterator[str]:
    """Sum up: dialects, what is broken, what to mend first, scores, and whether the level holds."""
    yield from (f"dialect: {name}" for name in report.dialects)
    broken = [clause for clause, outcome in report.clauses().items() if outcome is Outcome.FAILED]
    if broken:
        yield from _labelled("broken clauses", " ".join(broken))
    groups = alike(report.results)
    if groups:
        yield "failed checks, the simplest first; those in one line have one hint:"
        for names in groups:
            yield from textwrap.wrap(", ".join(names), WIDTH, initial_indent="  ", subsequent_indent="    ")
        yield f"begin with: --only {','.join(groups[0])}"
    scores = ", ".join(f"{level} {report.score(level)}" for level in report.levels)
    run = f"{report.seconds:.0f} s, seed {report.seed}"
    yield f"{report.subject}: {scores}; {report.verdict} ({run})"


def alike(results: Sequence[Result]) -> list[list[str]]:
    """Return the names of the checks that failed; those with the same hint have the same cause, mostly."""
    groups: dict[str, list[str]] = {}
    for result in results:
        if result.outcome is Outcome.FAILED:
            # Where a server hangs, the hint says too who was answered last.
            cause = re.sub(r", since connection \d+ got '.*?'", "", result.finding.note)
            groups.setdefault(cause or result.name, []).append(result.name)
    return list(groups.values())


def _words(text: str) -> Iterator[str]:
    words = list(explained(text))
    if words:
        yield "words:"
        for word, meaning in words:
            yield from textwrap.wrap(
                f"{word}: {meaning}", WIDTH, initial_indent="  ", subsequent_indent="    "
            )


def tell_progress(result: Result) -> None:
    """Say what the user at a terminal is waiting for, on one line of standard error."""
    if sys.stderr.isatty():
        sys.stderr.write(f"\r\x1b[K{MARKS[result.outcome]:12}{result.name}\r")
        sys.stderr.flush()
