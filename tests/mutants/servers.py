"""The kit against servers: the reference passes, a mutant is caught by what it breaks and nothing else."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from services.conformance.results import Level, Outcome
from tests.support.conformance.server_mutants import MUTANTS

if TYPE_CHECKING:
    from collections.abc import Callable

    from services.conformance.results import Report

    ReportOn = Callable[[str, str | None], Report]

pytestmark = pytest.mark.timeout(300)  # each may have to wait for those before it


def failed(report: Report) -> dict[str, object]:
    """Return the checks that failed, and why."""
    return {result.name: result.finding for result in report.results if result.outcome is Outcome.FAILED}


@pytest.mark.parametrize("name", [None, "SharedRounds"])
def test_reference_passes(name: str | None, report_on: ReportOn) -> None:
    """A correct server passes every level, and every check that applies to it was asked."""
    report = report_on("server", name)
    assert failed(report) == {}
    assert report.holds
    assert not report.dialects
    assert all(report.score(level).passed > 10 for level in Level)


@pytest.mark.parametrize("name", MUTANTS)
def test_mutant_is_caught(name: str, report_on: ReportOn) -> None:
    """A server that breaks one thing fails the checks of that thing alone, and its dialect is named."""
    mutant = MUTANTS[name]
    report = report_on("server", name)
    assert failed(report).keys() == set(mutant.breaks.split()), failed(report)
    assert mutant.names in " ".join(report.dialects)
    assert not report.holds


def test_death_is_told_and_survived(report_on: ReportOn) -> None:
    """A server that dies is reported as dead at that check, restarted, and judged on."""
    results = {result.name: result for result in report_on("server", "DiesOnWord").results}
    assert results["nonsense"].died
    assert results["half-close"].outcome is Outcome.PASSED
    assert not results["half-close"].died
