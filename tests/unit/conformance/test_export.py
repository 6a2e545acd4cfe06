"""What other programs read: JUnit's XML, Gradescope's results.json and Moodle's grading worksheet."""

from __future__ import annotations

import csv
import io
import json
import re
from dataclasses import replace
from typing import TYPE_CHECKING, Any
from xml.etree import ElementTree as ET

import pytest

from services.conformance.export import as_gradescope, as_junit, write_moodle
from services.conformance.results import Finding
from tests.support.conformance.sample import hostile_report, sample_report

if TYPE_CHECKING:
    from collections.abc import Callable

    from services.conformance.results import Report

JUNIT = {
    "testsuites": (set(), {"name", "time", "tests", "failures", "errors"}, {"testsuite"}),
    "testsuite": (
        {"name", "tests", "failures", "errors"},
        {"group", "time", "skipped", "timestamp", "hostname", "id", "package", "file", "log", "url"},
        {"testsuite", "properties", "testcase", "system-out", "system-err"},
    ),
    "testcase": (
        {"name"},
        {"time", "classname", "group"},
        {"skipped", "error", "failure", "system-out", "system-err"},
    ),
    "failure": (set(), {"type", "message"}, set()),
    "skipped": (set(), {"type", "message"}, set()),
}
"""Of each element of the schema that Jenkins publishes (junit-10.xsd): the attributes that it needs, those
that it may have, and the elements within it."""
GRADESCOPE: dict[str, type | tuple[type, ...]] = {
    "score": (int, float),
    "execution_time": int,
    "output": str,
    "output_format": str,
    "test_output_format": str,
    "test_name_format": str,
    "visibility": str,
    "stdout_visibility": str,
    "extra_data": dict,
    "tests": list,
    "leaderboard": list,
}
GRADESCOPE_TEST: dict[str, type | tuple[type, ...]] = {
    "score": (int, float),
    "max_score": (int, float),
    "status": str,
    "name": str,
    "name_format": str,
    "number": str,
    "output": str,
    "output_format": str,
    "tags": list,
    "visibility": str,
    "extra_data": dict,
}
"""The keys that Gradescope's specification of results.json names, and what they hold."""
VISIBLE = {"visible", "hidden", "after_due_date", "after_published"}
FORMATS = {"text", "html", "simple_format", "md", "ansi"}


@pytest.mark.parametrize("make", [sample_report, hostile_report])
def test_junit_keeps_the_schema(make: Callable[[], Report]) -> None:
    """Each element of the JUnit file is where the published schema has it, with the attributes it needs."""

    def look(element: ET.Element) -> None:
        needed, allowed, inner = JUNIT[element.tag]
        assert needed <= set(element.attrib) <= needed | allowed
        assert {child.tag for child in element} <= inner
        for child in element:
            look(child)

    root = ET.fromstring(as_junit(make()))  # noqa: S314 - made a line before
    assert root.tag == "testsuites"
    look(root)


def test_junit_has_a_case_for_each_check() -> None:
    """The JUnit file has a suite per level, a case per check, and the explanation in each failure."""
    root = ET.fromstring(as_junit(sample_report()))  # noqa: S314 - made a line before
    suites = {suite.get("name"): suite for suite in root}
    assert list(suites) == ["classic", "robust"]
    assert suites["classic"].get("failures") == "1"
    assert suites["robust"].get("skipped") == "2"
    failure = suites["classic"].find("testcase/failure")
    assert failure is not None
    assert failure.get("message") == "the line 'Greetings'"
    assert '& "well"' in (failure.text or "")


def test_junit_spells_what_xml_cannot_hold() -> None:
    """Control characters, which XML does not know at all, are spelled out."""
    report = sample_report()
    unfit = "".join(map(chr, (*range(32), 0xFFFE, 0xD800)))
    report.results[0] = replace(report.results[0], finding=Finding(unfit, unfit, unfit, (unfit,)))
    root = ET.fromstring(as_junit(report))  # noqa: S314 - made a line before
    message = root.find("testsuite/testcase/failure").get("message", "")  # type: ignore[union-attr]
    assert message.startswith("\\x00\\x01")
    assert message.endswith("\\ufffe\\ud800")


def test_gradescope_keeps_the_specification() -> None:
    """The results.json has the keys of the specification only, with values of their types."""
    results: dict[str, Any] = json.loads(as_gradescope(sample_report()))
    for keys, part in ((GRADESCOPE, results), *((GRADESCOPE_TEST, test) for test in results["tests"])):
        assert part.keys() <= keys.keys()
        assert all(isinstance(value, keys[key]) for key, value in part.items())
        assert part["visibility"] in VISIBLE
        assert part["output_format"] in FORMATS
        assert part.get("status", "passed") in {"passed", "failed"}
        assert ("score" in part) or "max_score" not in part


def test_gradescope_has_the_points_and_a_test_for_each_check() -> None:
    """The score is the report's; not judged earns nothing, and what does not apply has no score."""
    report = sample_report()
    results = json.loads(as_gradescope(report))
    assert results["score"] == report.score().points
    marks = [(test.get("score"), test.get("status")) for test in results["tests"]]
    assert marks == [(0, "failed"), (1, "passed"), (1, "passed"), (None, None), (0, "failed")]
    assert "greet <properly>" in results["tests"][0]["output"]


def worksheet(*marks: tuple[str, int, str]) -> list[dict[str, str]]:
    """Return the rows that Moodle reads."""
    file = io.StringIO(newline="")
    write_moodle(marks, file)
    return list(csv.DictReader(io.StringIO(file.getvalue(), newline="")))


def test_moodle_finds_its_columns_and_participants() -> None:
    """The worksheet has the columns that Moodle needs; the folders of its archive name the participant."""
    first, second = worksheet(
        ("Ada Lovelace_4711_assignsubmission_file_", 91, "broken clauses: P-3"), ("ada", 100, "")
    )
    assert {"Identifier", "Grade", "Last modified (grade)"} <= first.keys()
    assert (first["Identifier"], first["Grade"]) == ("Participant 4711", "91")
    assert first["Feedback comments"] == "broken clauses: P-3"
    assert (second["Identifier"], second["Grade"]) == ("ada", "100")


def test_moodle_reads_no_formula() -> None:
    """What a submission is called or says is no formula in the worksheet."""
    (row,) = worksheet(("=1+1", 0, "@SUM(1)\r\n-2"))
    assert not [text for text in row.values() if re.match(r"[=+@]|-\d", text)]
