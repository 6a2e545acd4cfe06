"""Shows with a failed test what the machines ran."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from tests.support.swarm import Swarm

if TYPE_CHECKING:
    from collections.abc import Generator


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(item: pytest.Item) -> Generator[None, pytest.TestReport, pytest.TestReport]:
    """Show the ends of the logs with a failed test."""
    report = yield
    found = getattr(item, "funcargs", {}).get("swarm")
    if report.failed and isinstance(found, Swarm):
        report.sections.append(("the Swarm", found.transcript()))
    return report
