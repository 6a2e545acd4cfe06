"""What the reports on all programs say: words for any student, and nothing spelled as Python has it."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

import pytest

from services.conformance.timeline import EventKind
from tests.support.conformance import admin_mutants, classroom, client_mutants, server_mutants

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from services.conformance.results import Report

pytestmark = pytest.mark.timeout(300)  # each may have to wait for those before it

JUDGED = [
    (kind, name)
    for kind, names in (
        ("client", client_mutants.MUTANTS),
        ("admin", admin_mutants.MUTANTS),
        ("server", server_mutants.MUTANTS),
        ("class", classroom.FAULTS),
    )
    for name in names
]
OF_PROGRAM = {EventKind.STARTED, EventKind.PRINTED}
"""What the judged program has printed, and its command, are its own words."""
PRINTED = "; it printed: "
"""Within a sentence, what comes after these words is the program's own too."""
PYTHON = re.compile(
    r"""
    \[['"] | ['"]\] | \[\d+[,\]]   # a list
    | \(['"\d]+,                     # a tuple
    | \bb['"]                        # bytes
    | \b[A-Z]\w*\(\w+=               # an object with its fields
    | <[\w.]+\ (object|at)\b | <class\b
    | \b(None|True|False)\b
    | \\\\                           # a backslash that was escaped once more
    | \[Errno\b | \[SSL\b | \b_ssl\.c\b
    """,
    re.VERBOSE,
)


def words(report: Report) -> Iterator[str]:
    """Return all that the kit itself says in a report."""
    texts = list(report.dialects)
    for result in report.results:
        texts += (result.finding.expected, result.finding.came, result.finding.note, result.died)
        texts += (event.text for event in result.timeline.events if event.kind not in OF_PROGRAM)
    return (text.partition(PRINTED)[0] for text in texts)


@pytest.mark.parametrize(("kind", "name"), JUDGED)
def test_report_is_no_python(
    kind: str, name: str | None, report_on: Callable[[str, str | None], Report]
) -> None:
    """No list, object or error in a report is spelled as Python would print it."""
    assert [text for text in words(report_on(kind, name)) if PYTHON.search(text)] == []
