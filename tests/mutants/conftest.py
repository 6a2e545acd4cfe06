"""All programs that the kit is tried on are judged in the background; each test waits for its report.

`make mutants` runs these tests, in four minutes. They are of the kit's verdicts alone: only the kit and the
programs in tests/support/conformance can change them.
"""

from __future__ import annotations

import multiprocessing
from concurrent.futures import ProcessPoolExecutor
from typing import TYPE_CHECKING

import pytest

from tests.support.conformance import admin_mutants, classroom, client_mutants, server_mutants
from tests.support.conformance.judging import judge_client_mutant, judge_server_mutant

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from concurrent.futures import Future

    from services.conformance.results import Report

AT_ONCE = 10
"""A run is mostly waiting."""


@pytest.fixture(scope="session")
def report_on(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Callable[[str, str | None], Report]]:
    """Return a function that waits for the report on one program: its kind, and its name or None."""
    # Each in a process of its own: the kit measures time, and threads would wait for one another in between.
    with ProcessPoolExecutor(AT_ONCE, multiprocessing.get_context("spawn")) as pool:
        judged: dict[tuple[str, str | None], Future[Report]] = {}
        # In the order in which the tests ask, but for the class: it takes longest, so it must not be last.
        for kind, names in (("client", client_mutants.MUTANTS), ("admin", admin_mutants.MUTANTS)):
            for client in (None, *names):
                judged[kind, client] = pool.submit(judge_client_mutant, kind, client)
        for submission in classroom.FAULTS:
            judged["class", submission] = pool.submit(
                classroom.judge_submission, submission, tmp_path_factory.mktemp(submission)
            )
        for name in server_mutants.SERVERS:
            judged["server", name] = pool.submit(judge_server_mutant, name)
        yield lambda kind, name: judged[kind, name].result()
        # Who runs a part of the tests need not wait for the rest.
        pool.shutdown(cancel_futures=True)
