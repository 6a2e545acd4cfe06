"""How every program is loaded: Ctrl-C in the meantime is a quiet end, wherever it strikes.

As an exception it would be told with a traceback, or, in a callback of the importer, told and forgotten. So
this module is the first that a program loads, and itself loads next to nothing.
"""

from __future__ import annotations

import contextlib
import os
import signal
import sys
from collections.abc import Callable, Iterator, Mapping  # noqa: TC003  `typing`, which would tell, takes long
from types import FrameType  # noqa: TC003  likewise


def start(name: str, environ: Mapping[str, str], load: Callable[[], Callable[[], int]]) -> None:
    """Load a program, run what `load` returns, and exit with the status that this returns."""
    with loading():
        from services.runtime.program import run_program  # noqa: PLC0415  takes its time

    def run() -> int:
        with loading():
            work = load()
        return work()

    run_program(name, environ, run)


def load_structlog() -> None:
    """Load structlog before anything else does, and without rich, where that is installed.

    It would load all of rich, which takes as long as the program itself, to print tracebacks with local
    variables, which no log may hold.
    """
    sys.modules["rich"] = None  # type: ignore[assignment] # so Python is told that a module is not there
    try:
        import structlog  # noqa: F401, PLC0415  for its effect, which is to be loaded
    finally:
        del sys.modules["rich"]


@contextlib.contextmanager
def loading() -> Iterator[None]:
    """Let Ctrl-C end the program at once: nothing is begun yet that would have to be ended."""
    before = signal.getsignal(signal.SIGINT)
    if before is signal.default_int_handler:
        signal.signal(signal.SIGINT, _leave)
    try:
        yield
    finally:
        if before is signal.default_int_handler:
            signal.signal(signal.SIGINT, before)


def _leave(number: int, _frame: FrameType | None) -> None:
    os._exit(128 + number)
