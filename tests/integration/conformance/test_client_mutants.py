"""The kit against clients: references pass, and each mutant is caught by what it breaks and nothing else."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from services.conformance.results import Outcome
from tests.support.conformance import admin_mutants, client_mutants

if TYPE_CHECKING:
    from collections.abc import Callable

    from services.conformance.results import Report

    ReportOn = Callable[[str, str | None], Report]

pytestmark = pytest.mark.timeout(300)  # each may have to wait for those before it


def failed(report: Report) -> dict[str, object]:
    """Return the checks that failed, and why."""
    return {result.name: result.finding for result in report.results if result.outcome is Outcome.FAILED}


@pytest.mark.parametrize("kind", ["client", "admin"])
def test_reference_passes(kind: str, report_on: ReportOn) -> None:
    """A correct client passes every level."""
    report = report_on(kind, None)
    assert failed(report) == {}
    assert report.holds


@pytest.mark.parametrize("name", client_mutants.MUTANTS)
def test_player_mutant_is_caught(name: str, report_on: ReportOn) -> None:
    """A player's client that breaks one thing fails the checks of that alone, and its dialect is named."""
    mutant = client_mutants.MUTANTS[name]
    report = report_on("client", name)
    assert failed(report).keys() == set(mutant.breaks.split()), failed(report)
    assert mutant.names in " ".join(report.dialects)
    assert report.holds == (not mutant.breaks)


@pytest.mark.parametrize("name", admin_mutants.MUTANTS)
def test_administrator_mutant_is_caught(name: str, report_on: ReportOn) -> None:
    """An administrator's client that breaks one thing fails the checks of that thing alone."""
    report = report_on("admin", name)
    assert failed(report).keys() == set(admin_mutants.MUTANTS[name].breaks.split()), failed(report)
    assert not report.holds
