"""The kit's entry point: hands the command line and the environment over."""

import os
import signal
import sys

from services.runtime.program import run_program


def main() -> None:
    """Run the kit and exit with its status; however it is ended, it ends what it has started."""
    signal.signal(signal.SIGTERM, signal.default_int_handler)
    run_program("conformance", os.environ, _run)


def _run() -> int:
    from services.conformance.cli import run  # noqa: PLC0415  what is not installed is told there

    return run(sys.argv[1:], os.environ)


if __name__ == "__main__":
    main()
