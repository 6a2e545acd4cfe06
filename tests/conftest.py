"""Settings of all tests: no clock decides, continuous integration repeats itself, and files stay together."""

import os
import signal
import sys
from typing import Any

import pytest
from hypothesis import settings
from xdist.scheduler import LoadScopeScheduling

settings.register_profile("project", deadline=None, derandomize="CI" in os.environ)
settings.load_profile("project")

# Set by whoever starts a worker, they would overrule the terminals that tests open for programs.
for name in ("COLUMNS", "LINES"):
    os.environ.pop(name, None)

# Set in many containers: each of the many programs that tests start would compile all it imports anew.
os.environ.pop("PYTHONDONTWRITEBYTECODE", None)
sys.dont_write_bytecode = False


def _interrupt(*_: object) -> None:
    raise KeyboardInterrupt


# As Ctrl-C: what the tests have started is stopped by their own fixtures.
signal.signal(signal.SIGTERM, _interrupt)
# Where the tests run in the background, or under nohup, they ignore these; what they start does not.
for number in (signal.SIGINT, signal.SIGHUP, signal.SIGQUIT):
    if signal.getsignal(number) is signal.SIG_IGN:
        signal.signal(number, lambda *_: None)

ROWS = (
    "tests/e2e/test_cluster.py",
    "tests/e2e/test_conformance.py",
    "tests/e2e/",
    "tests/e2e/test_page.py",
    "tests/integration/conformance/test_with_our_programs.py",
    "tests/browser/test_page.py",
    "tests/integration/conformance/",
    "tests/integration/lobby/",
)
"""The longest rows of tests, in the order in which they begin: folders whose tests share what is costly to
start, and files that share nothing with the rest of their folder."""


def _row(nodeid: str) -> str:
    """Return where a test stands in line: the narrowest row that it belongs to, or else its file."""
    file = nodeid.partition("::")[0]
    return max((row for row in ROWS if file.startswith(row)), key=len, default=file)


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Put the longest rows first, so that none is begun when all others are done."""
    places = {row: place for place, row in enumerate(ROWS)}
    items.sort(key=lambda item: places.get(_row(item.nodeid), len(ROWS)))


class RowByRow(LoadScopeScheduling):  # type: ignore[misc] # xdist has no types
    """Hands each worker of `make test` a row of tests, and the next one when it is done."""

    def _split_scope(self, nodeid: str) -> str:
        return _row(nodeid)


@pytest.hookimpl(optionalhook=True)
def pytest_xdist_make_scheduler(config: pytest.Config, log: Any) -> RowByRow:
    """Let the workers share the tests so."""
    return RowByRow(config, log)
