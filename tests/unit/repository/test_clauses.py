"""Every clause of the protocol and every promise of SECURITY.md has its proof, and every proof its clause."""

from __future__ import annotations

import ast
import re
from functools import cache
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[3]
CLAUSE_ROW = re.compile(r"^\| ([A-Z]-\d+) \|", re.MULTILINE)
PROMISE = re.compile(r"^- \*\*([A-Z]-\d+)\.\*\*", re.MULTILINE)
CITATION = re.compile(r"(?<![\w-])([A-Z]-\d{1,2})(?!\w)")


def clauses() -> list[str]:
    """Return the ids of the protocol's clauses and of the security promises, in their order."""
    protocol = (ROOT / "docs" / "protocol.md").read_text(encoding="utf-8")
    security = (ROOT / "SECURITY.md").read_text(encoding="utf-8")
    return CLAUSE_ROW.findall(protocol) + PROMISE.findall(security)


@cache
def proofs() -> dict[str, str]:
    """Return the text of each proof: the docstrings of tests, and the checks of the conformance kit."""
    texts = {}
    for path in sorted((ROOT / "tests").rglob("test_*.py")):
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            # Methods, too: the rules and invariants of a state machine are proofs.
            if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
                texts[f"{path.relative_to(ROOT)}::{node.name}"] = ast.get_docstring(node) or ""
    for path in sorted((ROOT / "services" / "conformance").rglob("*.py")):
        texts[str(path.relative_to(ROOT))] = path.read_text(encoding="utf-8")
    return texts


@cache
def cited() -> set[str]:
    """Return the ids that proofs cite."""
    return {clause for text in proofs().values() for clause in CITATION.findall(text)}


def test_clauses_have_ids_of_their_own() -> None:
    """No id stands for two clauses."""
    assert len(clauses()) == len(set(clauses())) > 30


@pytest.mark.parametrize("clause", clauses())
def test_every_clause_is_proved(clause: str) -> None:
    """Each clause and each promise is cited by a test or a conformance check."""
    assert clause in cited()


def test_every_citation_is_of_a_clause() -> None:
    """No proof cites a clause or a promise that no document has."""
    unknown = {
        where: ids
        for where, text in proofs().items()
        if (ids := set(CITATION.findall(text)) - set(clauses()))
    }
    assert not unknown


def test_every_test_says_what_it_proves() -> None:
    """Each test has a docstring that is a sentence."""
    tests = {where: text for where, text in proofs().items() if "::test_" in where}
    assert len(tests) > 1000
    assert not [where for where, text in tests.items() if not re.match(r"\S.*[.:?]", text, re.DOTALL)]
