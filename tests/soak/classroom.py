"""A class judged five times, twice on a machine that is busy with other things: the marks are the same.

`make class` runs it, in ten to twenty minutes; `make mutants` judges the class once.
"""

from __future__ import annotations

import multiprocessing
import time
from concurrent.futures import ProcessPoolExecutor
from contextlib import ExitStack, contextmanager
from typing import TYPE_CHECKING

import pytest

from services.conformance.results import Outcome
from tests.support.conformance.classroom import FAULTS, judge_submission

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from services.conformance.results import Report

JOBS = 4
"""Judging is mostly waiting."""
LOAD = 8
ROUNDS = (0, 0, LOAD, 0, LOAD)
"""How many other processes compute all the time, in each round."""


def _compute() -> None:
    while True:
        pass


@contextmanager
def busy(count: int) -> Iterator[None]:
    """Let so many processes compute all the time."""
    with ExitStack() as stack:
        for _ in range(count):
            process = multiprocessing.get_context("spawn").Process(target=_compute, daemon=True)
            process.start()
            stack.callback(process.join)
            stack.callback(process.kill)
        yield


def tell(text: str) -> None:
    """Say what was found."""
    print(text)  # noqa: T201  it is what the run is for


def outcomes(report: Report) -> dict[str, Outcome]:
    """Return the outcome of each check."""
    return {result.name: result.outcome for result in report.results}


@pytest.mark.timeout(3600)
def test_same_marks_whatever_the_machine_does(tmp_path: Path) -> None:
    """All known faults are found, nothing else is blamed, and no outcome depends on load or chance."""
    seen: dict[str, list[dict[str, Outcome]]] = {name: [] for name in FAULTS}
    for number, load in enumerate(ROUNDS):
        start = time.monotonic()
        seconds = {}
        with busy(load), ProcessPoolExecutor(JOBS, multiprocessing.get_context("spawn")) as pool:
            judged = {
                name: pool.submit(judge_submission, name, tmp_path / f"{number}-{name}", seed=number)
                for name in FAULTS
            }
            for name, future in judged.items():
                report = future.result()
                seen[name].append(outcomes(report))
                seconds[name] = report.seconds
        slowest = max(seconds, key=lambda name: seconds[name])
        took_s = time.monotonic() - start
        tell(
            f"round {number + 1}, {load} processes beside, {JOBS} at once: {took_s:.0f} s, "
            f"the slowest {slowest} {seconds[slowest]:.0f} s"
        )
        for name in FAULTS:
            failed = {check for check, outcome in seen[name][-1].items() if outcome is Outcome.FAILED}
            wanted = set(FAULTS[name].split())
            if failed != wanted:
                tell(f"  {name}: missed {sorted(wanted - failed)}, blamed for {sorted(failed - wanted)}")
    changed = {
        f"{name} {check}: {[round_[check].value for round_ in rounds]}"
        for name, rounds in seen.items()
        for check in rounds[0]
        if len({round_[check] for round_ in rounds}) > 1
    }
    judged_checks = sum(len(rounds) * len(rounds[0]) for rounds in seen.values())
    found = sum(
        outcome is Outcome.FAILED
        for rounds in seen.values()
        for round_ in rounds
        for outcome in round_.values()
    )
    tell(f"{judged_checks} outcomes, {found} of them faults; {len(changed)} checks changed")
    assert not changed
    for name, rounds in seen.items():
        for round_ in rounds:
            failed = {check for check, outcome in round_.items() if outcome is Outcome.FAILED}
            assert failed == set(FAULTS[name].split()), name
