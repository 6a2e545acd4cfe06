"""Start the server; before anything loads OpenSSL, it is told which key exchanges to take part in."""

import os

from services.runtime.key_exchange import configure
from services.runtime.program import run_program


def main() -> None:
    """Run the server until it is stopped."""
    run_program("guessing-server", os.environ, _run)


def _run() -> int:
    configure(os.environ)
    from services.server.program import run  # noqa: PLC0415  this loads OpenSSL

    return run(os.environ)


if __name__ == "__main__":
    main()
