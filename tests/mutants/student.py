"""The kit against a half-finished server, as a student would write it: the report helps to mend it."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from services.conformance.report import plain_lines, timeline_lines
from services.conformance.results import Outcome

if TYPE_CHECKING:
    from collections.abc import Callable

    from services.conformance.results import Report

pytestmark = pytest.mark.timeout(300)  # it may have to wait for the mutants


@pytest.fixture
def report(report_on: Callable[[str, str | None], Report]) -> Report:
    """Return the report on the submission that does only what the first lecture asks for."""
    return report_on("class", "quin")


def test_what_works_is_said(report: Report) -> None:
    """The half that is finished passes: greetings, the game, the verdicts, the list."""
    passed = {result.name for result in report.results if result.outcome is Outcome.PASSED}
    assert {
        "greets",
        "starts-game",
        "verdict-distances",
        "closes-after-correct",
        "two-players",
        "who",
    } <= passed
    assert not report.holds


@pytest.mark.parametrize(
    ("name", "sent", "expected", "came"),
    [
        ("prompt", "> My Guess is: 31\\r\\n", "Pick a number between 1-30", "'"),
        ("nonsense", "> abc\\r\\n", "prompt", "nothing within"),
        ("refusal", "> Game\\r\\n", "Hello was not said", "nothing within"),
        (
            "two-lines",
            "> My Guess is: 1\\r\\nMy Guess is: 1\\r\\nMy Guess is: 1\\r\\n",
            "verdict",
            "nothing within",
        ),
        ("who-left", "> Who\\r\\n", "listed any more", "127.0.0.1"),
    ],
)
def test_fault_is_explained(name: str, sent: str, expected: str, came: str, report: Report) -> None:
    """Each fault is shown by what was sent, what was expected and what came."""
    (result,) = (result for result in report.results if result.name == name)
    assert result.outcome is Outcome.FAILED
    assert any(sent in line for line in timeline_lines(result.timeline))
    assert expected in result.finding.expected
    assert came in result.finding.came


def test_traceback_is_shown(report: Report) -> None:
    """Beside the fault stands the student's own line that raised it, without the library's frames."""
    (result,) = (result for result in report.results if result.name == "nonsense")
    printed = "\n".join(result.finding.printed)
    assert 'guess = int(msg.split(":")[1])' in printed
    assert "IndexError" in printed
    assert "threading.py" not in printed


def test_lost_ports_are_told_with_the_remedy(report: Report) -> None:
    """The port that is not re-bound is explained by what was printed and the option that is missing."""
    text = "\n".join(plain_lines(report))
    assert "Address already in use" in text
    assert "SO_REUSEADDR" in text


def test_rest_is_judged_after_a_failed_restart(report: Report) -> None:
    """A server that cannot re-bind is judged on as soon as its ports are free again."""
    names = [result.name for result in report.results]
    later = report.results[names.index("rebound") + 1 :]
    assert later
    assert not any("restarted, it printed" in result.finding.note for result in later)
