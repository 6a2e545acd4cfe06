"""What is measured of single programs: memory of idle players and of bots, and what logging costs."""

import subprocess
import sys
import time
from collections.abc import Callable
from typing import Final

from benchmarks import host
from benchmarks.figures import Sample
from benchmarks.generator import HOST
from benchmarks.plan import LOGGING_LOAD, SERVER, WITHOUT_TLS, Plan
from benchmarks.rounds import idle_kib, interleave
from benchmarks.subject import Certificate, Process, Sink, running

BOTS_START_S: Final = 60.0
MOST: Final = 0.95
"""So many of the bots play at any moment; the others have just ended a game."""


def memory(plan: Plan, certificate: Certificate) -> dict[str, dict[str, float]]:
    """Return the memory of an idle player, by server, over plain TCP and over TLS."""
    figures: dict[str, dict[str, float]] = {name: {} for name in plan.servers}
    with running(*(Process(name) for name in plan.servers)) as subjects:
        for subject in subjects:
            figures[subject.name]["plain"] = idle_kib(subject, plan.idle_connections)
    with_tls = [name for name in plan.servers if name not in WITHOUT_TLS]
    with running(*(Process(name, certificate=certificate) for name in with_tls)) as subjects:
        for subject in subjects:
            figures[subject.name]["TLS"] = idle_kib(subject, plan.idle_tls_connections)
    return figures


UNLOGGED: Final = "no guess logged"
LOG_SINKS: Final = {
    UNLOGGED: (Sink.NOWHERE, {"GAME_LOG_LEVEL": "warning"}),
    "to the null device": (Sink.NOWHERE, {}),
    "to a pipe": (Sink.PIPE, {}),
}


def logging_cost(plan: Plan, tell: Callable[[str], None]) -> list[Sample]:
    """Measure the server with its log going to different places; the samples bear the places' names."""
    places = [
        Process(SERVER, sink=sink, environment=environment, shown_as=name)
        for name, (sink, environment) in LOG_SINKS.items()
    ]
    with running(*places) as subjects:
        return interleave(subjects, [LOGGING_LOAD], plan, tell)


def bots_mib(bots: int) -> float:
    """Return the memory of one process that plays with so many bots."""
    with running(Process(SERVER)) as [subject]:
        port = subject.target.port
        words = [sys.executable, "-m", "services.player", "--bot", "mixed", "--players", str(bots)]
        words += ["--games", "0", "--think", "5-10", "--host", HOST, "--port", str(port)]
        player = subprocess.Popen(words, stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL)
        try:
            until = time.monotonic() + BOTS_START_S
            while host.connections_to(port) < bots * MOST:
                if time.monotonic() > until or player.poll() is not None:
                    raise RuntimeError("the bots did not come to play")
                time.sleep(0.2)
            return host.resident_kib(player.pid) / 1024
        finally:
            player.terminate()
            player.wait()
