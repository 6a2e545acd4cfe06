"""The tap's entry point: hands the command line and the environment over."""

import os
import sys

from services.runtime.program import run_program
from services.tap.cli import run


def main() -> None:
    """Run the tap and exit with its status."""
    run_program("guessing-tap", os.environ, lambda: run(sys.argv[1:], os.environ))


if __name__ == "__main__":
    main()
