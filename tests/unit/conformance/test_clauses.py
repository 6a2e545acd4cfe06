"""The kit and the protocol's document agree, and no clause goes unasked."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from services.conformance import admin_checks, client_checks, server_run
from services.conformance.clauses import CLAUSES, clause_order

DOCUMENT = Path(__file__).parents[3] / "docs" / "protocol.md"
LISTS = {
    "server": [*server_run.CHECKS],
    "client": [*client_checks.CHECKS],
    "admin-client": [*admin_checks.CHECKS],
}


def documented() -> list[str]:
    """Return the ids of all clauses, in the document's order."""
    return re.findall(r"^\| ([A-Z]-\d+) \|", DOCUMENT.read_text(encoding="utf-8"), re.MULTILINE)


def test_kit_knows_every_clause() -> None:
    """The clauses of the kit are those of the document, in its order."""
    assert list(CLAUSES) == documented()


def test_every_clause_is_asked_about() -> None:
    """Every clause is cited by a check of a server or of a client."""
    cited = {clause for checks in LISTS.values() for check in checks for clause in check.clauses}
    assert cited == set(documented())


@pytest.mark.parametrize("subject", LISTS)
def test_checks_are_well_formed(subject: str) -> None:
    """Each check has a name of its own, cites a clause and says in a sentence what it asks."""
    checks = LISTS[subject]
    assert len({check.name for check in checks}) == len(checks)
    for check in checks:
        assert check.clauses, check.name
        assert re.fullmatch(r"[A-Z+].*[a-zA-Z)]\.", check.sentence), check.name


@pytest.mark.parametrize("subject", LISTS)
def test_checks_have_hints(subject: str) -> None:
    """Whoever fails a check is told what to look for in one's own code."""
    assert not [check.name for check in LISTS[subject] if not check.hint]


def test_unknown_clause_comes_last() -> None:
    """A report can be sorted by clause, whatever it cites."""
    assert sorted(["Z-1", "S-1", "F-1"], key=clause_order) == ["F-1", "S-1", "Z-1"]
