"""The tap's entry point: hands the command line and the environment over."""

import os
import sys

from services.runtime.program import run_program


def main() -> None:
    """Run the tap and exit with its status."""
    run_program("guessing-tap", os.environ, _run)


def _run() -> int:
    from services.tap.cli import run  # noqa: PLC0415  what is not installed is told there

    return run(sys.argv[1:], os.environ)


if __name__ == "__main__":
    main()
