"""The state diagrams of the document are those of the table."""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path

from services.protocol.messages import Verdict
from services.protocol.state import TRANSITIONS

ROOT = Path(__file__).parents[3]
DOCUMENT = ROOT / "docs" / "protocol.md"


def test_the_document_has_the_diagrams_of_today() -> None:
    """What the script would write is in the document already (S-1)."""
    check = subprocess.run(
        [sys.executable, "scripts/state_diagram.py", "--check"],
        cwd=ROOT,
        env={"PYTHONPATH": str(ROOT)},
        capture_output=True,
        text=True,
        check=False,
    )

    assert check.returncode == 0, check.stderr


def test_the_diagrams_show_every_transition_of_the_table() -> None:
    """Read back from the document, and without the script, the arrows are the table's transitions (S-1)."""
    arrows = re.findall(r"^ +([A-Z_]+) --> ([A-Z_]+): (.*)$", DOCUMENT.read_text(), re.MULTILINE)
    drawn = {(state, to, word) for state, to, words in arrows for word in words.split(", ")}

    expected = {
        (state.name, to.name, kind.value if isinstance(kind, Verdict) else kind.__name__)
        for state, row in TRANSITIONS.items()
        for kind, to in row.items()
        if (state.name, to.name) != ("PLAYING", "JUDGING")
    }
    assert drawn == expected | {("PLAYING", "JUDGING", "any line")}
