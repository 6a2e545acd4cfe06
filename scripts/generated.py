"""Keep the generated part of a document up to date; what is generated is the caller's."""

from __future__ import annotations

import argparse
import sys
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path


def keep_current(path: Path, renew: Callable[[str], str], description: str, remedy: str) -> int:
    """Write the document again, or with `--check` only tell whether it is stale; return the exit status."""
    parser = argparse.ArgumentParser(description=description)
    parser.add_argument("--check", action="store_true", help="write nothing; fail when the document is stale")
    checking = parser.parse_args().check
    document = path.read_text(encoding="utf-8")
    renewed = renew(document)
    if renewed == document:
        return 0
    if checking:
        print(f"{path.name} is stale: run {remedy}", file=sys.stderr)
        return 1
    path.write_text(renewed, encoding="utf-8")
    return 0
