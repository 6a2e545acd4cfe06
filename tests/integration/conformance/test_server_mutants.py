"""The kit against servers: the reference passes, and each mutant is caught by what it breaks and nothing else."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING

import pytest

from services.conformance.results import Level, Outcome
from tests.support.conformance.judging import judge_server_mutant
from tests.support.conformance.server_mutants import MUTANTS

if TYPE_CHECKING:
    from collections.abc import Iterator
    from concurrent.futures import Future

    from services.conformance.results import Report

AT_ONCE = 12
"""A run is nearly all waiting."""


@pytest.fixture(scope="module")
def judged() -> Iterator[dict[str | None, Future[Report]]]:
    """Judge the reference and all mutants, several at once; the tests wait for theirs."""
    with ThreadPoolExecutor(AT_ONCE) as pool:
        yield {name: pool.submit(judge_server_mutant, name) for name in (None, *MUTANTS)}


def failed(report: Report) -> set[str]:
    """Return the names of the checks that failed."""
    return {result.name for result in report.results if result.outcome is Outcome.FAILED}


def test_reference_passes(judged: dict[str | None, Future[Report]]) -> None:
    """A correct server passes every level, and every check that applies to it was asked."""
    report = judged[None].result()
    assert not failed(report), [result for result in report.results if result.outcome is Outcome.FAILED]
    assert report.holds
    assert not report.dialects
    assert all(report.score(level).passed > 10 for level in Level)


@pytest.mark.parametrize("name", MUTANTS)
def test_mutant_is_caught(name: str, judged: dict[str | None, Future[Report]]) -> None:
    """A server that breaks one thing fails the checks of that thing alone, and its dialect is named."""
    mutant = MUTANTS[name]
    report = judged[name].result()
    assert failed(report) == set(mutant.breaks.split()), [
        (result.name, result.finding) for result in report.results if result.outcome is Outcome.FAILED
    ]
    assert mutant.names in " ".join(report.dialects)
    assert not report.holds
    assert report.seconds < 60


def test_death_is_told_and_survived(judged: dict[str | None, Future[Report]]) -> None:
    """A server that dies is reported as dead at that check, restarted, and judged on."""
    results = {result.name: result for result in judged["DiesOnWord"].result().results}
    assert results["nonsense"].died
    assert "test_server_mutants" not in str(results["nonsense"].finding)
    assert results["half-close"].outcome is Outcome.PASSED
    assert not results["half-close"].died
