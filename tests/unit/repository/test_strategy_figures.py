"""The figures of docs/strategies.md are those of the code."""

from __future__ import annotations

import pytest

from scripts.strategy_figures import DOCUMENT, with_figures


def test_the_document_has_the_figures_of_the_code() -> None:
    """Every figure is what the strategies compute today."""
    document = DOCUMENT.read_text(encoding="utf-8")

    assert with_figures(document) == document, "run python -m scripts.strategy_figures"


def test_a_lost_marker_is_noticed() -> None:
    """A document without its generated parts is refused."""
    with pytest.raises(ValueError, match="one generated part"):
        with_figures("# The strategies\n")
