"""Judge a folder of submissions: servers or clients, each in a container of its own.

A submission is a folder, with a file `command` that the shell runs in it.
"""

import argparse
import csv
import io
import shlex
import sys
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Final, TextIO

from services.conformance import export
from services.conformance.arguments import at_least, seconds
from services.conformance.containers import BUILD_S, IMAGE, JUDGING_S, Containers, EngineError
from services.conformance.pages import Judged, Row, rows_in, write_class
from services.conformance.report import plain_lines
from services.conformance.results import Level, Outcome, Report
from services.conformance.submission import UnfitError, build_in, command_in, inspect
from services.protocol.printable import printable
from services.runtime.output_file import output_file, output_folder
from services.runtime.whole_file import write_whole

KINDS: Final = ("server", "client", "admin-client")
NOTE_LENGTH: Final = 400
CELL_WIDTH: Final = 100
"""In the table for a terminal; the CSV has all of it."""


@dataclass(frozen=True, slots=True)
class Judgement:
    """What became of one submission."""

    name: str
    level: Level
    """What was to hold."""
    report: Report | None
    note: str = ""
    """Why there is no report, in full."""

    def row(self) -> dict[str, str]:
        """Spell the judgement for a table. Who did not start has a row too, and no points."""
        report, name = self.report, printable(self.name)
        if report is None:
            nothing = dict.fromkeys(["points", *(level.value for level in self.level.included)], "0")
            return {"submission": name, "holds": "no", **nothing, "note": _one_line(self.note)}
        broken = [clause for clause, outcome in report.clauses().items() if outcome is Outcome.FAILED]
        return {
            "submission": name,
            "holds": "yes" if report.holds else "no",
            "points": str(report.score().points),
            **{level.value: str(report.score(level).points) for level in report.level.included},
            "broken": " ".join(broken),
            "dialects": "; ".join(report.dialects),
            "note": _not_judged(report),
        }


def _not_judged(report: Report) -> str:
    """Say for how many checks nothing was found out, and what was in the way of most of them."""
    reasons = Counter(
        result.finding.note for result in report.results if result.outcome is Outcome.NOT_JUDGED
    )
    if not reasons:
        return ""
    return _one_line(f"{reasons.total()} not judged: {reasons.most_common(1)[0][0]}")


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Describe what may be typed after `batch`."""
    parser.add_argument("folder", type=Path, metavar="FOLDER", help="holds a folder for each submission")
    parser.add_argument(
        "--kind", choices=KINDS, default=KINDS[0], help=f"what is judged (default {KINDS[0]})"
    )
    parser.add_argument(
        "--command", metavar="CMD", help="how each is started; else by its own file `command`"
    )
    parser.add_argument(
        "--build", metavar="CMD", help="how each is built first; else by `make` if it has a Makefile"
    )
    parser.add_argument(
        "--only", action="append", metavar="NAME", help="judge this one alone; may be repeated"
    )
    parser.add_argument(
        "--level", type=Level, choices=list(Level), default=Level.ROBUST, help="what has to hold"
    )
    parser.add_argument(
        "--build-time", type=seconds, default=BUILD_S, metavar="S", help="how long a build may take"
    )
    add_container_arguments(parser)
    parser.add_argument("--jobs", type=at_least(1), default=2, metavar="N", help="how many at once")
    parser.add_argument("--seed", type=int, default=1, help="the same for all submissions")
    parser.add_argument(
        "--close-distance",
        type=at_least(0),
        default=2,
        metavar="N",
        help="as the servers are meant to have it",
    )
    parser.add_argument(
        "--type", action="append", default=[], metavar="LINE", help="what a client's user types first"
    )
    parser.add_argument(
        "--csv",
        type=output_file,
        metavar="FILE",
        help="write the summary as CSV too; with --only into what is there",
    )
    parser.add_argument(
        "--reports", type=output_folder, metavar="FOLDER", help="write each report, as text and as JSON"
    )
    parser.add_argument(
        "--html",
        type=output_folder,
        metavar="FOLDER",
        help="write the class as a matrix, and a page for each; with --only the other rows stay",
    )
    parser.add_argument(
        "--moodle", type=output_file, metavar="FILE", help="write a grading worksheet for Moodle"
    )


def add_container_arguments(parser: argparse.ArgumentParser) -> None:
    """Describe what may be typed of the containers."""
    parser.add_argument(
        "--image", default=IMAGE, help=f"what they run in, with Python 3.11 or later (default {IMAGE})"
    )
    parser.add_argument(
        "--time", type=seconds, default=JUDGING_S, metavar="S", help="how long the judging of one may take"
    )


def run(options: argparse.Namespace) -> int:
    """Judge every submission; return 0 if the level holds for all of them, else 1.

    Raises:
        EngineError: no engine answers, or it lacks an image; or there are no submissions.
    """
    folders = _folders(options.folder, options.only)
    matrix = _matrix_before(options)
    with Containers(options.image, options.jobs) as containers, ThreadPoolExecutor(options.jobs) as pool:
        try:
            judgements = list(pool.map(partial(_judge, containers, options), folders))
        except KeyboardInterrupt:
            # Those that have begun end with their containers; the others are not begun.
            pool.shutdown(wait=False, cancel_futures=True)
            containers.end()
            raise
    write_table(judgements, sys.stdout)
    rows = [judgement.row() for judgement in judgements]
    if options.csv:
        kept = _rows_in(options.csv) if options.only else []
        _put(options.csv, lambda file: write_csv(merged(kept, rows), file))
    if options.reports:
        _write_reports(judgements, options.reports)
    if options.moodle:
        _put(options.moodle, lambda file: export.write_moodle(map(_mark, judgements), file))
    if options.html:
        write_class([Judged(one.name, one.report, one.note) for one in judgements], options.html, matrix)
    return 0 if all(judgement.report and judgement.report.holds for judgement in judgements) else 1


def _put(path: Path, write: Callable[[TextIO], None]) -> None:
    table = io.StringIO(newline="")
    write(table)
    write_whole(path, table.getvalue())


def _folders(folder: Path, only: Sequence[str] | None) -> list[Path]:
    found = sorted(path for path in folder.iterdir() if path.is_dir()) if folder.is_dir() else []
    if not found:
        raise EngineError(f"{folder} holds no folders: put each submission into one of its own")
    unknown = sorted(set(only or ()) - {path.name for path in found})
    if unknown:
        raise EngineError(f"{folder} holds no submission {', '.join(map(repr, unknown))}")
    return [path for path in found if only is None or path.name in only]


def _judge(containers: Containers, options: argparse.Namespace, folder: Path) -> Judgement:
    report, note = None, ""
    try:
        inspect(folder)
        command = options.command or command_in(folder, options.kind)
        build = build_in(folder) if options.build is None else options.build
        report = containers.judge(
            folder,
            _arguments(options, command),
            build=build,
            build_s=options.build_time,
            judging_s=options.time,
        )
        report.subject = printable(folder.name)
    except UnfitError as error:
        note = str(error)
    except Exception as error:  # noqa: BLE001 - one submission must not keep the others from being judged
        note = f"could not be judged: {type(error).__name__}: {error}"
    sys.stderr.write(f"{printable(folder.name)}: {_one_line(note) or 'judged'}\n")
    return Judgement(folder.name, options.level, report, note)


def _arguments(options: argparse.Namespace, command: str) -> list[str]:
    """Return the command line of the kit inside the container."""
    asked = ["--level", options.level.value, "--seed", str(options.seed)]
    shell = ["sh", "-c", command]
    if options.kind == "server":
        distance = ["--close-distance", str(options.close_distance)]
        return ["server", "localhost", *asked, *distance, "--server-command", shlex.join(shell)]
    return [options.kind, *asked, *(f"--type={line}" for line in options.type), "--", *shell]


def _one_line(text: str) -> str:
    return " ".join(_printable(text).split())[:NOTE_LENGTH]


COLUMNS: Final = (
    "submission",
    "holds",
    "points",
    *(level.value for level in Level),
    "broken",
    "dialects",
    "note",
)


def write_csv(rows: Sequence[Mapping[str, str]], file: TextIO) -> None:
    """Write the summary as CSV."""
    export.write_table(COLUMNS, rows, file)


def merged(before: Sequence[Mapping[str, str]], now: Sequence[Mapping[str, str]]) -> list[Mapping[str, str]]:
    """Put new rows into the place of those of the same submissions in a table that was read back."""
    rows = {row.get("submission") or "": row for row in before}
    rows |= {export.cell(row["submission"]): row for row in now}
    return [rows[name] for name in sorted(rows)]


def _matrix_before(options: argparse.Namespace) -> list[Row]:
    """Return the rows of the others, where some are judged again."""
    if not (options.html and options.only):
        return []
    try:
        return rows_in(options.html)
    except ValueError as error:
        raise EngineError(f"{error}: judge the whole class once more, without --only") from error


def _rows_in(path: Path) -> list[dict[str, str]]:
    try:
        with path.open(newline="", encoding="utf-8") as file:
            return list(csv.DictReader(file))
    except FileNotFoundError:
        return []


def _printable(text: str) -> str:
    return "".join(letter if letter.isprintable() else " " for letter in text)


def _cut(text: str) -> str:
    return text if len(text) <= CELL_WIDTH else f"{text[:CELL_WIDTH]}…"


def write_table(judgements: Sequence[Judgement], file: TextIO) -> None:
    """Write the summary as a table of plain text."""
    rows = [
        dict.fromkeys(COLUMNS, "") | {column: _cut(text) for column, text in judgement.row().items()}
        for judgement in judgements
    ]
    shown = [column for column in COLUMNS if any(row[column] for row in rows)]
    widths = {column: max(len(column), *(len(row[column]) for row in rows)) for column in shown}
    titled = [dict(zip(COLUMNS, COLUMNS, strict=True)), *rows]
    lines = ("  ".join(row[column].ljust(widths[column]) for column in shown) for row in titled)
    file.writelines(f"{line.rstrip()}\n" for line in lines)


def _mark(judgement: Judgement) -> tuple[str, int, str]:
    row = judgement.row()
    broken = f"broken clauses: {row['broken']}" if row.get("broken") else ""
    return judgement.name, int(row["points"]), "; ".join(filter(None, (broken, row["note"])))


def _write_reports(judgements: Sequence[Judgement], folder: Path) -> None:
    folder.mkdir(parents=True, exist_ok=True)
    for judgement in judgements:
        if judgement.report is None:
            write_whole(folder / f"{judgement.name}.txt", f"{_printable(judgement.note)}\n")
            continue
        text = "\n".join(plain_lines(judgement.report))
        write_whole(folder / f"{judgement.name}.txt", f"{text}\n")
        write_whole(folder / f"{judgement.name}.json", export.as_json(judgement.report))
