"""The kit against clients: references pass, and each mutant is caught by what it breaks and nothing else."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from services.conformance.results import Outcome
from tests.support.conformance import admin_mutants, client_mutants
from tests.support.conformance.judging import CLIENTS, judge_encrypted_client

if TYPE_CHECKING:
    from collections.abc import Callable

    from services.conformance.results import Finding, Report

    ReportOn = Callable[[str, str | None], Report]

pytestmark = pytest.mark.timeout(300)  # each may have to wait for those before it


def failed(report: Report) -> dict[str, Finding]:
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
    told = " ".join(report.dialects)
    assert mutant.names in told
    assert ("short" in told) == ("short" in mutant.names)  # what a fault makes of a scene is no dialect
    assert report.holds == (not mutant.breaks)


@pytest.mark.parametrize("name", admin_mutants.MUTANTS)
def test_administrator_mutant_is_caught(name: str, report_on: ReportOn) -> None:
    """An administrator's client that breaks one thing fails the checks of that thing alone."""
    report = report_on("admin", name)
    assert failed(report).keys() == set(admin_mutants.MUTANTS[name].breaks.split()), failed(report)
    assert not report.holds


@pytest.mark.parametrize("name", client_mutants.ENCRYPTED)
def test_client_that_begins_with_tls(name: str) -> None:
    """Who speaks plain text after all fails, also on a new connection; who ends, passes."""
    report = judge_encrypted_client(name)
    assert failed(report).keys() == set(client_mutants.ENCRYPTED[name].breaks.split()), failed(report)
    assert report.results[0].outcome is not Outcome.NOT_APPLICABLE


@pytest.mark.parametrize(
    ("kind", "mutant"), [(kind, name) for kind in CLIENTS for name in ("NoLineEnd", "DoesNotWait")]
)
def test_hint_is_shown(kind: str, mutant: str, report_on: ReportOn) -> None:
    """Who does not end lines, or does not wait, is told what to look for in their own code."""
    hints = {check.name: check.hint for check in CLIENTS[kind]}
    for name, finding in failed(report_on(kind, mutant)).items():
        assert finding.note == hints[name]
