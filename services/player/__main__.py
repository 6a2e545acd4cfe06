"""The player's entry point: hands the command line and the environment over."""

import os
import sys
from collections.abc import Callable

from services.runtime.start import load_structlog, start


def main() -> None:
    """Run the player and exit with its status."""
    start("guessing-player", os.environ, _load)


def _load() -> Callable[[], int]:
    load_structlog()
    from services.player.cli import run  # noqa: PLC0415  what is not installed is told there

    return lambda: run(sys.argv[1:], os.environ)


if __name__ == "__main__":
    main()
