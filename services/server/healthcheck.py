"""Ask the server whether it serves: `python -m services.server.healthcheck`.

It connects to both ports and closes its side without a byte. A server that takes its turns closes too; one
that hangs does not, though the kernel goes on accepting for it. To the server that is a probe, no handshake.
"""

from __future__ import annotations

import os
import socket
import sys
from typing import TYPE_CHECKING, Final

from services.runtime.environ import SettingsError
from services.runtime.logging import LogFormat
from services.server.settings import Settings

if TYPE_CHECKING:
    from collections.abc import Mapping

TIMEOUT_S: Final = 2.0


def is_alive(host: str, port: int) -> bool:
    """Tell whether a server takes its turns on a port."""
    try:
        with socket.create_connection((host, port), timeout=TIMEOUT_S) as sock:
            sock.shutdown(socket.SHUT_WR)
            while sock.recv(512):  # "server full" is an answer too
                pass
    except OSError:
        return False
    return True


def main(environ: Mapping[str, str] = os.environ) -> int:  # noqa: TID251  the entry point of this program
    """Return 0 if both ports are served, else 1."""
    try:
        settings = Settings.from_environ(environ, LogFormat.JSON)
    except SettingsError:
        return 1
    host = settings.host if settings.host not in {"", "0.0.0.0", "::"} else "localhost"
    ports = (settings.player_port, settings.admin_port)
    return 0 if all(is_alive(host, port) for port in ports) else 1


if __name__ == "__main__":
    sys.exit(main())
