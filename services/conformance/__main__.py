"""The kit's entry point: hands the command line and the environment over."""

import os
import signal
import sys
from collections.abc import Callable

from services.runtime.start import start


def main() -> None:
    """Run the kit and exit with its status; however it is ended, it ends what it has started."""
    start("conformance", os.environ, _load)


def _load() -> Callable[[], int]:
    from services.conformance.cli import run  # noqa: PLC0415  what is not installed is told there

    def work() -> int:
        for number in (signal.SIGTERM, signal.SIGHUP):
            if signal.getsignal(number) is not signal.SIG_IGN:  # as `nohup` has it
                signal.signal(number, signal.default_int_handler)
        return run(sys.argv[1:], os.environ)

    return work


if __name__ == "__main__":
    main()
