"""The administrator with its live page, run as a user would run it, against a server that a test scripts."""

from __future__ import annotations

import contextlib
import json
import os
import subprocess
import sys
import threading
from typing import TYPE_CHECKING

from tests.support.log_contract import check_line

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tests.support.scripted_server import Peer


@contextlib.contextmanager
def dashboard(
    server_port: int, *, descriptors: int | None = None, **environ: str
) -> Iterator[tuple[subprocess.Popen[str], int]]:
    """Run the program with a page on a free port; yield it, and the port, when it watches the server.

    Every line that it logs must keep to the contract, and nothing else may be written anywhere.
    """
    limit = [] if descriptors is None else ["prlimit", f"--nofile={descriptors}"]
    command = [
        *limit,
        sys.executable,
        "-m",
        "services.admin",
        "watch",
        "--host",
        "localhost",  # the name in the certificates, where there are any
        "--port",
        str(server_port),
    ]
    with subprocess.Popen(
        [*command, "--dashboard", "127.0.0.1:0"],
        env={**os.environ, **environ},
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    ) as process:
        assert process.stdout is not None
        # Somebody must read on while the test goes on, or the pipe fills up.
        lines: list[str] = []
        reading = threading.Thread(target=lines.extend, args=(process.stdout,))
        try:
            listening = json.loads(process.stdout.readline())
            assert listening["event"] == "dashboard_listening"
            assert json.loads(process.stdout.readline())["event"] == "players_listed"
            reading.start()
            yield process, listening["port"]
        finally:
            process.kill()
            if reading.ident is not None:
                reading.join()
    for line in lines:
        if line.endswith("\n"):  # the last one may have been cut by the kill
            check_line(line[:-1])


class Watched:
    """A scripted server whose events a test tells one after the other; it may be watched again and again."""

    def __init__(self, *listed: str) -> None:
        self.listed = list(listed)
        self.away = False
        """While this is set, whoever connects is turned away."""
        self._peer: Peer | None = None
        self._seated = threading.Event()

    def __call__(self, peer: Peer) -> None:
        """Play a server's part until the watcher leaves."""
        if self.away:
            peer.close()
            return
        peer.receive()
        peer.send("Admin-Greetings")
        peer.receive()
        peer.send(*self.listed, "End")
        self._peer = peer
        self._seated.set()
        peer.wait_for_end()

    def send(self, *events: str) -> None:
        """Tell the watcher what happens."""
        assert self._seated.wait(20)
        assert self._peer is not None
        self._peer.send(*events)

    def leave(self) -> None:
        """Vanish, and stay away."""
        self.away = True
        assert self._seated.wait(20)
        assert self._peer is not None
        self._seated.clear()
        self._peer.hang_up()
