"""How programs are loaded."""

from __future__ import annotations

import subprocess
import sys

LOADED = """
from services.runtime.start import load_structlog
load_structlog()
import sys
assert "structlog" in sys.modules
assert "rich" not in sys.modules
import rich
"""


def test_structlog_is_loaded_without_rich() -> None:
    """The log never shows local variables, and no program waits for what would show them; rich can be had."""
    subprocess.run([sys.executable, "-c", LOADED], check=True)
