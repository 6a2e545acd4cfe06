"""Topologies for the end-to-end tests: one for all that only look, and one for each that breaks something."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

import pytest

from tests.support.topology import SETTINGS, Topology, running_topology

if TYPE_CHECKING:
    from collections.abc import Generator, Iterator
    from pathlib import Path

# Bots that think this long play several games a second, all three together.
SWIFT = {"BOT_THINK": "0.02-0.1"}


@pytest.fixture(scope="session", autouse=True)
def _plain_environment() -> Iterator[None]:
    """Keep the developer's own settings of the topology out of the tests."""
    with pytest.MonkeyPatch.context() as patch:
        for name in [name for name in os.environ if name.startswith(SETTINGS)]:
            patch.delenv(name)
        yield


@pytest.fixture(scope="session")
def topology(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Topology]:
    """Give the running topology that the tests share: leave it as it was found."""
    with running_topology(tmp_path_factory.mktemp("topology"), SWIFT) as running:
        yield running


@pytest.fixture
def own_topology(tmp_path: Path) -> Iterator[Topology]:
    """Give a running topology of the test's own, to break."""
    with running_topology(tmp_path, SWIFT) as running:
        yield running


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(
    item: pytest.Item,
) -> Generator[None, pytest.TestReport, pytest.TestReport]:
    """Attach the logs of the containers to the report of a failed test."""
    report = yield
    if report.failed:
        for topology in getattr(item, "funcargs", {}).values():
            if isinstance(topology, Topology):
                report.sections.append(("containers", topology.run("ps", "--all")))
                report.sections.append(("container logs", topology.run("logs", "--tail", "40", "--no-color")))
    return report
