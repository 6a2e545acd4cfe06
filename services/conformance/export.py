"""A report for programs: JSON, JUnit's XML, and a line of CSV for a whole class."""

import json
from dataclasses import asdict, replace
from html import escape
from typing import Any

from services.conformance.clauses import CLAUSES
from services.conformance.report import finding_lines
from services.conformance.results import Finding, Level, Outcome, Report, Result
from services.conformance.timeline import Timeline


def as_dict(report: Report) -> dict[str, Any]:
    """Return the report as what JSON knows."""
    return {
        "subject": report.subject,
        "level": report.level,
        "holds": report.holds,
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
                    }
                ),
                "timeline": Timeline.from_json(check["timeline"]),
            }
        )
        for check in read["checks"]
    ]
    dialects, seconds = read["dialects"], read["seconds"]
    return Report(read["subject"], Level(read["level"]), read["seed"], dialects, results, seconds)


def as_junit(report: Report) -> str:
    """Spell the report as JUnit has it, a suite per level."""
    suites = "".join(
        _suite(level, [result for result in report.results if result.level is level])
        for level in report.levels
    )
    name = escape(report.subject)
    return f'<?xml version="1.0" encoding="utf-8"?>\n<testsuites name="{name}">\n{suites}</testsuites>\n'


def _suite(level: Level, results: list[Result]) -> str:
    failures = sum(result.outcome is Outcome.FAILED for result in results)
    skipped = sum(result.outcome in {Outcome.NOT_APPLICABLE, Outcome.NOT_JUDGED} for result in results)
    cases = "".join(map(_case, results))
    counts = f'tests="{len(results)}" failures="{failures}" errors="0" skipped="{skipped}"'
    return f'<testsuite name="{level}" {counts}>\n{cases}</testsuite>\n'


def _case(result: Result) -> str:
    name = escape(f"{' '.join(result.clauses)} {result.name}: {result.sentence}")
    opening = f'<testcase classname="{result.level}" name="{name}" time="{result.seconds:.3f}">'
    details = escape("\n".join(finding_lines(result)))
    inner = ""
    if result.outcome is Outcome.FAILED:
        inner = f'<failure message="{escape(result.finding.expected)}">{details}</failure>'
    elif result.outcome is not Outcome.PASSED:
        inner = f'<skipped message="{escape(f"{result.outcome}: {result.finding.note}")}"/>'
    return f"{opening}{inner}</testcase>\n"
