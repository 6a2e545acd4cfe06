"""Ask the server whether it serves: `python -m services.server.healthcheck`.

It connects to both ports and closes its side without a byte. A server that takes its turns closes too; one
that hangs does not, though the kernel goes on accepting for it. To the server that is a probe, no handshake.

It runs every few seconds, on busy machines too, so it imports next to nothing: not the settings' reader,
which costs ten times what the check does. The server has checked what it reads here.
"""

from __future__ import annotations

import os
import signal
import socket
import sys
import time
from collections.abc import Mapping  # noqa: TC003  loaded anyway; `typing`, which would tell, is not

DEADLINE_S = 2.0
"""For both ports, looking up a name included. Three tries, four seconds apart, fit into 20 s."""

EVERYWHERE = {"", "0.0.0.0", "::"}
LOOPBACK = ("127.0.0.1", "::1")
"""Where a server that listens everywhere is reached, in the one family or the other."""


def is_alive(hosts: tuple[str, ...], port: int, end_s: float) -> bool:
    """Tell whether a server takes its turns on a port of one of these hosts."""
    for host in hosts:
        try:
            with socket.create_connection((host, port), timeout=_left_s(end_s)) as sock:
                sock.shutdown(socket.SHUT_WR)
                while sock.recv(512):  # "server full" is an answer too
                    sock.settimeout(_left_s(end_s))
                return True
        except OSError:
            continue
    return False


def _left_s(end_s: float) -> float:
    return max(0.001, end_s - time.monotonic())  # 0 would mean: do not wait


def main(environ: Mapping[str, str] = os.environ) -> int:  # noqa: TID251  the entry point of this program
    """Return 0 if both ports are served, else 1."""
    end_s = time.monotonic() + DEADLINE_S
    # A look-up, which has no time limit of its own, ends with the process.
    signal.signal(signal.SIGALRM, signal.SIG_DFL)
    signal.setitimer(signal.ITIMER_REAL, DEADLINE_S + 0.5)
    host = environ.get("GAME_HOST", "").strip().removeprefix("[").removesuffix("]")
    hosts = LOOPBACK if host in EVERYWHERE else (host,)
    try:
        for name, usual in (("GAME_PLAYER_PORT", 4000), ("GAME_ADMIN_PORT", 4001)):
            if not is_alive(hosts, int(environ.get(name, "").strip() or usual), end_s):
                return 1
    except (ValueError, OverflowError):  # no port, no host name: no server started with that
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
