"""Start the server; before anything loads OpenSSL, it is told which key exchanges to take part in."""

import os
import sys

from services.runtime.key_exchange import configure


def main() -> int:
    """Run the server until it is stopped."""
    configure(os.environ)
    from services.server.program import run  # noqa: PLC0415  this loads OpenSSL

    return run(os.environ)


if __name__ == "__main__":
    sys.exit(main())
