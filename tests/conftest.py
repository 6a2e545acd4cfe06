"""Settings of all tests: no clock decides, continuous integration repeats itself, and files stay together."""

import os
import signal
from typing import Any

import pytest
from hypothesis import settings
from xdist.scheduler import LoadScopeScheduling

settings.register_profile("project", deadline=None, derandomize="CI" in os.environ)
settings.load_profile("project")

# Set by whoever starts a worker, they would overrule the terminals that tests open for programs.
for name in ("COLUMNS", "LINES"):
    os.environ.pop(name, None)


def _interrupt(*_: object) -> None:
    raise KeyboardInterrupt


# As Ctrl-C: what the tests have started is stopped by their own fixtures.
signal.signal(signal.SIGTERM, _interrupt)

TOGETHER = ("tests/e2e/", "tests/integration/conformance/", "tests/integration/lobby/")
"""Folders whose tests share what is costly to start."""


class FileByFile(LoadScopeScheduling):  # type: ignore[misc] # xdist has no types
    """Hands each worker of `make test` a file, or a whole folder, and the next one when it is done."""

    def _split_scope(self, nodeid: str) -> str:
        file = nodeid.partition("::")[0]
        return next((folder for folder in TOGETHER if file.startswith(folder)), file)


@pytest.hookimpl(optionalhook=True)
def pytest_xdist_make_scheduler(config: pytest.Config, log: Any) -> FileByFile:
    """Let the workers share the tests so."""
    return FileByFile(config, log)
