"""The kit's entry point: hands the command line and the environment over."""

import os
import signal
import sys

from services.conformance.cli import run
from services.runtime.program import run_program


def main() -> None:
    """Run the kit and exit with its status; however it is ended, it ends what it has started."""
    signal.signal(signal.SIGTERM, signal.default_int_handler)
    run_program("conformance", os.environ, lambda: run(sys.argv[1:], os.environ))


if __name__ == "__main__":
    main()
