"""What the services log, and what the README says about reading it."""

from __future__ import annotations

import json
import os
import re
import subprocess
from typing import TYPE_CHECKING, Any

from tests.support.topology import ROOT

if TYPE_CHECKING:
    from tests.support.topology import Topology

EXAMPLE_PEER = "172.18.0.3 40112"


def one_liners() -> list[str]:
    """Return the commands of the README's section on logs, in their order."""
    section = (ROOT / "README.md").read_text().partition("\n## Read the logs\n")[2].partition("\n## ")[0]
    blocks = re.findall(r"```sh\n(.*?)```", section, re.DOTALL)
    return [command for block in blocks for command in re.split(r"\n\n", block) if command.strip()]


def answers(topology: Topology, command: str) -> list[Any]:
    """Run a command of the README as it stands there, and return the objects it prints."""
    done = subprocess.run(
        ["bash", "-o", "pipefail", "-c", command],
        cwd=ROOT,
        env={**os.environ, "COMPOSE_PROJECT_NAME": topology.project},
        capture_output=True,
        text=True,
        check=False,
        timeout=60,
    )
    assert done.returncode == 0, done.stderr
    return [json.loads(line) for line in done.stdout.splitlines()]


def test_the_readmes_one_liners(topology: Topology) -> None:
    """The README's commands find all guesses of a player, guesses per game, and refused handshakes."""
    guesses, games, refusals = one_liners()
    log = topology.log("server")
    won = log.wait_for("game_won")
    with topology.player() as stranger:
        assert stranger.ask("Good day").startswith("Refused: ")
    refused = log.wait_for("handshake_refused", input="Good day")

    found = answers(topology, guesses.replace(EXAMPLE_PEER, won["peer"]))
    judged = log.events("guess_judged", peer=won["peer"])
    assert found == [{name: one[name] for name in ("number", "verdict", "attempt")} for one in judged]
    assert found[-1]["verdict"] == "Correct"

    assert {"peer": won["peer"], "guesses": won["guesses"]} in answers(topology, games)

    expected = {name: refused[name] for name in ("timestamp", "peer", "reason", "input")}
    assert expected in answers(topology, refusals)
