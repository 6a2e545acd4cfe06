"""The entry point of `python -m services.certs`: hands the command line and the environment over."""

import os
import sys

from services.runtime.program import run_program


def _run() -> int:
    from services.certs.cli import run  # noqa: PLC0415  what is not installed is told there

    return run(sys.argv[1:], os.environ)


if __name__ == "__main__":
    run_program("certs", os.environ, _run)
