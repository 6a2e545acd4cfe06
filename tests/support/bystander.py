"""A player in a process of its own, who notes how long replies take: `-m tests.support.bystander FD TIMES`.

In the process of a test, whatever else goes on there would count as the server's.
"""

from __future__ import annotations

import json
import socket
import subprocess
import sys
import time
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from tests.support.line_client import LineClient

ROOT = Path(__file__).parents[2]
TIMEOUT_S = 10.0
GUESS = b"My Guess is: 8\r\n"


def waits_of(player: LineClient, times: int) -> list[float]:
    """Let a player whose secret is not 8 guess so many times; return the seconds that each reply took."""
    fd = player.fileno()
    done = subprocess.run(
        [sys.executable, "-m", __name__, str(fd), str(times)],
        cwd=ROOT,
        pass_fds=[fd],
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    waits_s: list[float] = json.loads(done.stdout)
    assert len(waits_s) == times
    return waits_s


def main() -> None:
    """Guess on a connection that was inherited, and print the waits."""
    fd, times = map(int, sys.argv[1:])
    waits_s = []
    with socket.socket(fileno=fd) as connection, connection.makefile("rb") as lines:
        connection.settimeout(TIMEOUT_S)
        for _ in range(times):
            began_s = time.monotonic()
            connection.sendall(GUESS)
            assert lines.readline() in {b"Far\r\n", b"Close\r\n"}
            waits_s.append(time.monotonic() - began_s)
    sys.stdout.write(json.dumps(waits_s))


if __name__ == "__main__":
    main()
