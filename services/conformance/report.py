"""A report for people: as lines while the run goes on, then in a table with a score per level."""

import importlib
import sys
import textwrap
from collections.abc import Iterator
from typing import Final, TextIO

from services.conformance.results import Outcome, Report, Result

MARKS: Final = {
    Outcome.PASSED: "pass",
    Outcome.FAILED: "FAIL",
    Outcome.NOT_APPLICABLE: "n/a",
    Outcome.NOT_REACHED: "not reached",
}
STYLES: Final = {
    Outcome.PASSED: "green",
    Outcome.FAILED: "bold red",
    Outcome.NOT_APPLICABLE: "dim",
    Outcome.NOT_REACHED: "yellow",
}
WIDTH: Final = 100
SHOWN_LENGTH: Final = 400


def write_report(report: Report, stream: TextIO) -> None:
    """Write the whole report: with rich on a terminal if it is installed, else plain."""
    if not (stream.isatty() and _write_rich(report, stream)):
        stream.write("\n".join(plain_lines(report)) + "\n")


def plain_lines(report: Report) -> Iterator[str]:
    """Spell the report for any terminal or file."""
    for level in report.level.included:
        yield f"{level}: {report.score(level)}"
        said = ""
        for result in report.results:
            if result.level is level:
                yield f"  {MARKS[result.outcome]:12}{' '.join(result.clauses):12} {result.sentence}"
                # One reason often stands for many checks.
                if not result.finding.note or result.finding.note != said:
                    yield from (f"  {'':24} {line}" for line in finding_lines(result))
                said = result.finding.note
    yield ""
    yield from summary_lines(report)


def finding_lines(result: Result) -> Iterator[str]:
    """Explain one result."""
    finding = result.finding
    if result.outcome in {Outcome.PASSED, Outcome.NOT_APPLICABLE, Outcome.NOT_REACHED}:
        if finding.note:
            yield from textwrap.wrap(f"({finding.note})", WIDTH)
        return
    if result.died:
        yield "the server was gone, or answered no more, after this check"
    if finding.conversation:
        yield "what was said (> by the kit, < by the program):"
        yield from (f"  {line}" for line in finding.conversation)
    yield from _labelled("expected", finding.expected)
    yield from _labelled("came", finding.came)
    yield from _labelled("hint", finding.note)
    if finding.printed:
        yield "the program printed meanwhile:"
        yield from (f"  {line}" for line in finding.printed)
    yield f"check: {result.name}"


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
    scores = ", ".join(f"{level} {report.score(level)}" for level in report.level.included)
    verdict = "holds" if report.holds else "does not hold"
    run = f"{report.seconds:.0f} s, seed {report.seed}"
    yield f"{report.subject}: {scores}; level {report.level} {verdict} ({run})"


def _write_rich(report: Report, stream: TextIO) -> bool:
    # rich is optional: the kit needs the standard library only.
    try:
        console_module = importlib.import_module("rich.console")
        table_module = importlib.import_module("rich.table")
        text_module = importlib.import_module("rich.text")
    except ImportError:
        return False
    console = console_module.Console(file=stream)
    text = text_module.Text
    for level in report.level.included:
        table = table_module.Table("clause", "", "what", title=f"{level}: {report.score(level)}", expand=True)
        for result in report.results:
            if result.level is not level:
                continue
            what = text("\n".join([result.sentence, *(f"  {line}" for line in finding_lines(result))]))
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
