"""Run one of the programs where no name service answers.

`python -m tests.support.deaf_resolver MODULE ARGUMENT…`
"""

import runpy
import socket
import sys
import threading
from typing import Any

_getaddrinfo = socket.getaddrinfo


def _wait_for_ever(*where: Any, **more: Any) -> Any:
    if more.get("flags", 0) & socket.AI_NUMERICHOST:
        return _getaddrinfo(*where, **more)
    sys.stderr.write("looking up\n")
    sys.stderr.flush()
    return threading.Event().wait()


if __name__ == "__main__":
    socket.getaddrinfo = _wait_for_ever
    sys.argv = sys.argv[1:]
    runpy.run_module(sys.argv[0], run_name="__main__", alter_sys=True)
