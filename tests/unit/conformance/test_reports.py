"""What a report says, in its three forms."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

import pytest

from services.conformance.export import as_json, from_dict
from services.conformance.report import plain_lines, timeline_lines
from services.conformance.results import Level, Outcome, Report, Score
from services.conformance.timeline import EventKind, Recorder
from tests.support.conformance.sample import sample_report

if TYPE_CHECKING:
    from services.conformance.results import Result


@pytest.fixture
def report() -> Report:
    """Make a report with one result of each kind."""
    return sample_report()


def test_scores_leave_out_what_does_not_apply(report: Report) -> None:
    """Points are those of 100 that the applicable checks give; what was not judged counts as not passed."""
    assert report.score(Level.CLASSIC) == Score(1, 2)
    assert report.score(Level.ROBUST) == Score(1, 2)
    assert report.score() == Score(2, 4)
    assert report.score().points == 50


def test_only_who_passes_all_has_all_points() -> None:
    """Points are rounded down, and who has nothing applicable has none."""
    assert [Score(199, 200).points, Score(3, 3).points, Score(0, 0).points] == [99, 100, 0]


def test_clause_fails_with_any_of_its_checks(report: Report) -> None:
    """A clause is broken if one check of it failed, whatever the others say."""
    assert report.clauses() == {
        "P-1": Outcome.FAILED,
        "P-2": Outcome.PASSED,
        "P-3": Outcome.NOT_APPLICABLE,
        "A-2": Outcome.NOT_JUDGED,
    }


def test_level_holds_only_if_all_was_found_out(report: Report) -> None:
    """A level holds if no check of it failed or could not be judged."""

    def holds(results: list[Result]) -> bool:
        return Report("", Level.ROBUST, 7, [], results).holds

    failed, passed, passed_too, not_applicable, not_judged = report.results
    assert holds([passed, passed_too, not_applicable])
    assert not holds([passed, failed])
    assert not holds([passed, not_judged])


def test_levels_include_those_before_them() -> None:
    """A higher level asks for everything that the lower ones ask."""
    assert Level.CLASSIC.included == (Level.CLASSIC,)
    assert Level.EXTENDED.included == tuple(Level)


def test_text_explains_a_failure(report: Report) -> None:
    """The text shows what was sent, expected and came, the scores, the dialect and the broken clauses."""
    text = "\n".join(plain_lines(report))
    for part in (
        "FAIL        P-1          About greets.",
        "0.100  1 > Hello\\r\\n",
        "0.200  1 < \\x1b[2JHi\\xff\\r\\n",
        "1 ! expected the line 'Greetings'; came 'Hi'",
        "P-1: Hello is answered Greetings",
        "expected: the line 'Greetings'",
        "came: 'Hi'",
        "hint: greet <properly>",
        "Oops",
        "program: gone: exit status 1",
        "classic: 50 of 100 points (1 of 2 checks)",
        "dialect: short",
        "broken clauses: P-1",
        "level robust does not hold (3 s, seed 7)",
    ):
        assert part in text


def test_json_can_be_read_back(report: Report) -> None:
    """The JSON holds everything: reading it gives the same report."""
    text = as_json(report)
    assert from_dict(json.loads(text)) == report
    read = json.loads(text)
    assert read["clauses"][0] == {"id": "P-1", "sentence": "Hello is answered Greetings", "outcome": "fail"}
    half = {"points": 50, "passed": 1, "applicable": 2}
    assert read["scores"] == {"classic": half, "robust": half}
    assert read["holds"] is False


def test_offending_exchange_is_shown() -> None:
    """Of a long session the text shows the beginning and what led to the mismatch, wherever that is."""
    recorder = Recorder(iter(range(1000)).__next__)
    number = recorder.opened("player", "127.0.0.1 4000", "127.0.0.1 50123")
    wrong_at = 0.0
    for guess in range(150):
        recorder.note(EventKind.RECEIVED, number, data=b"My Guess is: %d\r\n" % guess)
        if guess == 77:
            wrong_at = recorder.now()
    recorder.mark(number, "expected less; came 77", wrong_at)
    lines = list(timeline_lines(recorder.timeline(), most=20))
    wrong = next(at for at, line in enumerate(lines) if "! expected less; came 77" in line)
    assert "< My Guess is: 77" in lines[wrong - 1]
    assert len(lines) == 1 + 20 + 2
    assert sum(int(line.split()[1]) for line in lines if "not shown" in line) == 151 - 20
    recorder.unmark()
    assert recorder.timeline().mismatch is None
