"""The kit against clients: the references pass, and each mutant is caught by what it breaks and nothing else."""

from __future__ import annotations

from concurrent.futures import Future, ThreadPoolExecutor
from typing import TYPE_CHECKING

import pytest

from services.conformance.results import Outcome, Report
from tests.support.conformance import admin_mutants, client_mutants
from tests.support.conformance.judging import judge_client_mutant

if TYPE_CHECKING:
    from collections.abc import Iterator

AT_ONCE = 6
Judged = dict[tuple[str, str | None], Future[Report]]


@pytest.fixture(scope="module")
def judged() -> Iterator[Judged]:
    """Judge the references and all mutants, several at once; the tests wait for theirs."""
    jobs: list[tuple[str, str | None]] = [("client", None), ("admin", None)]
    jobs += [("client", name) for name in client_mutants.MUTANTS]
    jobs += [("admin", name) for name in admin_mutants.MUTANTS]
    with ThreadPoolExecutor(AT_ONCE) as pool:
        yield {job: pool.submit(judge_client_mutant, *job) for job in jobs}


def failed(report: Report) -> dict[str, object]:
    """Return the checks that failed, and why."""
    return {result.name: result.finding for result in report.results if result.outcome is Outcome.FAILED}


@pytest.mark.parametrize("kind", ["client", "admin"])
def test_reference_passes(kind: str, judged: Judged) -> None:
    """A correct client passes every level."""
    report = judged[kind, None].result()
    assert failed(report) == {}
    assert report.holds


@pytest.mark.parametrize("name", client_mutants.MUTANTS)
def test_player_mutant_is_caught(name: str, judged: Judged) -> None:
    """A player's client that breaks one thing fails the checks of that thing alone, and its dialect is named."""
    mutant = client_mutants.MUTANTS[name]
    report = judged["client", name].result()
    assert failed(report).keys() == set(mutant.breaks.split()), failed(report)
    assert mutant.names in " ".join(report.dialects)
    assert report.holds == (not mutant.breaks)
    assert report.seconds < 60


@pytest.mark.parametrize("name", admin_mutants.MUTANTS)
def test_administrator_mutant_is_caught(name: str, judged: Judged) -> None:
    """An administrator's client that breaks one thing fails the checks of that thing alone."""
    report = judged["admin", name].result()
    assert failed(report).keys() == set(admin_mutants.MUTANTS[name].breaks.split()), failed(report)
    assert not report.holds
