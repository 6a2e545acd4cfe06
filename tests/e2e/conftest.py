"""Topologies for the end-to-end tests: one for all that only look, and one for each that breaks something."""

from __future__ import annotations

import os
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from tests.support.topology import SETTINGS, Topology, running_topology

if TYPE_CHECKING:
    from collections.abc import Generator, Iterator

SHOWN_LINES = 100
"""As much of the containers' logs as a failed test shows."""

SWIFT = {"BOT_THINK": "0.1-0.6"}
"""Bots that think so short a time play a game every other second each."""


@pytest.fixture(scope="session", autouse=True)
def _plain_environment() -> Iterator[None]:
    """Keep the developer's own settings of the topology out of the tests."""
    with pytest.MonkeyPatch.context() as patch:
        for name in [name for name in os.environ if name.startswith(SETTINGS)]:
            patch.delenv(name)
        yield


@pytest.fixture(scope="package")
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
    """Show the end of the containers' logs with a failed test; keep all of it in the folder E2E_LOG_DIR."""
    report = yield
    topologies = [found for found in getattr(item, "funcargs", {}).values() if isinstance(found, Topology)]
    for topology in topologies if report.failed else []:
        transcript = topology.transcript()
        report.sections.append(("containers", "\n".join(transcript.splitlines()[-SHOWN_LINES:])))
        if folder := os.environ.get("E2E_LOG_DIR"):
            Path(folder).mkdir(parents=True, exist_ok=True)
            (Path(folder) / f"{item.name}.{report.when}.log").write_text(transcript)
    return report
