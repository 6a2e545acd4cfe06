"""A report for programs: JSON, JUnit's XML, Gradescope's results.json, tables for spreadsheets and Moodle."""

import csv
import json
import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, replace
from html import escape
from typing import Any, Final, TextIO

from services.conformance.clauses import CLAUSES
from services.conformance.report import finding_lines, summary_lines
from services.conformance.results import Finding, Level, Outcome, Report, Result
from services.conformance.timeline import Timeline

NO_XML: Final = re.compile("[^\t\n\r\x20-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")
"""Characters that XML 1.0 does not know, not even escaped."""
FORMULA: Final = re.compile(r"((?:^|;)\s*)(?=[=+\-@|\uff1d\uff0b\uff0d\uff20])")
"""Where a cell begins that a spreadsheet would execute; it knows the signs in full width too."""
MOODLE_FOLDER: Final = re.compile(r".*_([0-9]+)_assignsubmission_.*")
"""What Moodle calls the folder of a submission in the archive of all of them."""
MOODLE_COLUMNS: Final = ("Identifier", "Grade", "Last modified (grade)", "Feedback comments")
"""What Moodle looks for in the grading worksheet of an assignment."""


def as_dict(report: Report) -> dict[str, Any]:
    """Return the report as what JSON knows."""
    return {
        "subject": report.subject,
        "level": report.level,
        "holds": report.holds,
        "chosen": report.chosen,
        "seed": report.seed,
        "seconds": round(report.seconds, 3),
        "dialects": report.dialects,
        "scores": {
            level: {"points": score.points, "passed": score.passed, "applicable": score.applicable}
            for level in report.levels
            for score in [report.score(level)]
        },
        "points": report.score().points,
        "clauses": [
            {"id": clause, "sentence": CLAUSES[clause], "outcome": outcome}
            for clause, outcome in report.clauses().items()
        ],
        "checks": [_check(result) for result in report.results],
    }


def _check(result: Result) -> dict[str, Any]:
    return {**asdict(replace(result, timeline=Timeline())), "timeline": result.timeline.as_json()}


def as_json(report: Report) -> str:
    """Spell the report as one JSON object."""
    return json.dumps(as_dict(report), indent=2) + "\n"


def from_dict(read: dict[str, Any]) -> Report:
    """Read a report that `as_dict` has spelled.

    Raises:
        ValueError: it is none.
        KeyError: it lacks something.
    """
    results = [
        Result(
            **{
                **check,
                "clauses": tuple(check["clauses"]),
                "level": Level(check["level"]),
                "outcome": Outcome(check["outcome"]),
                "finding": Finding(
                    **{
                        **check["finding"],
                        "printed": tuple(check["finding"]["printed"]),
                        "afterwards": tuple(check["finding"]["afterwards"]),
                    }
                ),
                "timeline": Timeline.from_json(check["timeline"]),
            }
        )
        for check in read["checks"]
    ]
    dialects, seconds = read["dialects"], read["seconds"]
    level, chosen = Level(read["level"]), read["chosen"]
    return Report(read["subject"], level, read["seed"], dialects, results, seconds, chosen)


def as_junit(report: Report) -> str:
    """Spell the report as JUnit has it, a suite per level."""
    suites = "".join(
        _suite(level, [result for result in report.results if result.level is level])
        for level in report.levels
    )
    name = _xml(report.subject)
    return f'<?xml version="1.0" encoding="utf-8"?>\n<testsuites name="{name}">\n{suites}</testsuites>\n'


def _suite(level: Level, results: list[Result]) -> str:
    failures = sum(result.outcome is Outcome.FAILED for result in results)
    skipped = sum(result.outcome in {Outcome.NOT_APPLICABLE, Outcome.NOT_JUDGED} for result in results)
    cases = "".join(map(_case, results))
    counts = f'tests="{len(results)}" failures="{failures}" errors="0" skipped="{skipped}"'
    return f'<testsuite name="{level}" {counts}>\n{cases}</testsuite>\n'


def _case(result: Result) -> str:
    name = _xml(f"{' '.join(result.clauses)} {result.name}: {result.sentence}")
    opening = f'<testcase classname="{result.level}" name="{name}" time="{result.seconds:.3f}">'
    details = _xml("\n".join(finding_lines(result)))
    inner = ""
    if result.outcome is Outcome.FAILED:
        inner = f'<failure message="{_xml(result.finding.expected)}">{details}</failure>'
    elif result.outcome is not Outcome.PASSED:
        inner = f'<skipped message="{_xml(f"{result.outcome}: {result.finding.note}")}"/>'
    return f"{opening}{inner}</testcase>\n"


def _xml(text: str) -> str:
    return escape(NO_XML.sub(lambda found: ascii(found[0])[1:-1], text))


def as_gradescope(report: Report) -> str:
    """Spell the report as a Gradescope autograder's results.json; the assignment has 100 points."""
    results = {
        "score": report.score().points,
        "execution_time": round(report.seconds),
        "output": "\n".join(summary_lines(report)),
        "output_format": "text",
        "visibility": "visible",
        "tests": [_gradescope_test(result) for result in report.results],
    }
    return json.dumps(results, indent=2) + "\n"


def _gradescope_test(result: Result) -> dict[str, Any]:
    test: dict[str, Any] = {
        "name": f"{' '.join(result.clauses)} {result.name}: {result.sentence}",
        "output": "\n".join(finding_lines(result)),
        "output_format": "text",
        "visibility": "visible",
        "tags": [result.level],
    }
    if result.outcome is Outcome.NOT_APPLICABLE:
        return test
    passed = result.outcome is Outcome.PASSED
    return {**test, "score": int(passed), "max_score": 1, "status": "passed" if passed else "failed"}


def write_table(columns: Sequence[str], rows: Iterable[Mapping[str, str]], file: TextIO) -> None:
    """Write CSV that no spreadsheet executes."""
    table = csv.DictWriter(file, columns, restval="")
    table.writeheader()
    for row in rows:
        table.writerow({column: cell(row.get(column) or "") for column in columns})


def cell(text: str) -> str:
    """Spell words of a submission so that they do not become a formula in the teacher's spreadsheet."""
    # Where it takes `;` for the separator, quotation marks protect nothing, and what comes after each `;`
    # begins a cell too.
    plain = "".join(letter if letter.isprintable() else " " for letter in text).replace('"', "'")
    return FORMULA.sub(r"\1'", plain)


def write_moodle(marks: Iterable[tuple[str, int, str]], file: TextIO) -> None:
    """Write the grading worksheet of an assignment in Moodle, of names, points and feedback.

    A folder from Moodle's own archive of submissions tells the participant; any other name stands as it is.
    """
    rows = (
        dict(zip(MOODLE_COLUMNS, (_participant(name), str(points), "", feedback), strict=True))
        for name, points, feedback in marks
    )
    write_table(MOODLE_COLUMNS, rows, file)


def _participant(name: str) -> str:
    found = MOODLE_FOLDER.fullmatch(name)
    return f"Participant {found[1]}" if found else name
