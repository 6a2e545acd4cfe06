"""Start the server; before anything loads OpenSSL, it is told which key exchanges to take part in."""

import os
import sys
from collections.abc import Callable

from services.runtime.start import load_structlog, start


def main() -> None:
    """Run the server until it is stopped."""
    start("guessing-server", os.environ, _load)


def _load() -> Callable[[], int]:
    if sys.argv[1:]:
        from services.server.usage import explain  # noqa: PLC0415  hardly ever needed

        return lambda: explain(sys.argv[1:])
    from services.runtime.key_exchange import configure  # noqa: PLC0415  `start` is the first to be loaded

    configure(os.environ)
    load_structlog()
    from services.server.program import run  # noqa: PLC0415  this loads OpenSSL

    return lambda: run(os.environ)


if __name__ == "__main__":
    main()
