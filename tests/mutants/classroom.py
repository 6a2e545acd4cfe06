"""The kit against a class: what each submission does wrong is found, and nothing else is blamed."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from services.conformance.results import Outcome
from tests.support.conformance.classroom import FAULTS, FOLDER

if TYPE_CHECKING:
    from collections.abc import Callable

    from services.conformance.results import Report

pytestmark = pytest.mark.timeout(300)  # each may have to wait for the mutants


def test_everybody_is_judged() -> None:
    """Each folder of the class has a row in the list of faults."""
    assert sorted(FAULTS) == sorted(path.name for path in FOLDER.iterdir())


@pytest.mark.parametrize("name", FAULTS)
def test_known_faults_are_found(name: str, report_on: Callable[[str, str | None], Report]) -> None:
    """A submission fails the checks of its known faults, and no others."""
    results = report_on("class", name).results
    failed = {result.name: result.finding for result in results if result.outcome is Outcome.FAILED}
    assert failed.keys() == set(FAULTS[name].split()), failed
