"""The README's commands on the logs, as they stand there, and what they say of a running topology."""

from __future__ import annotations

import json
import os
import re
import subprocess
from typing import TYPE_CHECKING

from tests.support.cluster import eventually
from tests.support.container_log import BUSY_S
from tests.support.topology import ROOT

if TYPE_CHECKING:
    from tests.support.log_contract import Event
    from tests.support.topology import Topology

EXAMPLE_PEER = "172.18.0.3 40112"


def one_liners() -> list[str]:
    """Return the commands of the README's section on logs, in their order."""
    section = (ROOT / "README.md").read_text().partition("\n## Read the logs\n")[2].partition("\n## ")[0]
    blocks = re.findall(r"```sh\n(.*?)```", section, re.DOTALL)
    return [command for block in blocks for command in re.split(r"\n\n", block) if command.strip()]


def answers(topology: Topology, command: str, peer: str = EXAMPLE_PEER) -> list[Event]:
    """Run a command, about one player, and return the objects it prints."""
    done = subprocess.run(
        ["bash", "-o", "pipefail", "-c", command.replace(EXAMPLE_PEER, peer)],
        cwd=ROOT,
        env={
            **os.environ,
            "COMPOSE_PROJECT_NAME": topology.project,
            "COMPOSE_FILE": ":".join(topology.files),
        },
        capture_output=True,
        text=True,
        check=False,
        timeout=60,
    )
    assert done.returncode == 0, done.stderr
    return [json.loads(line) for line in done.stdout.splitlines()]


def check_story(topology: Topology) -> None:
    """See one game told by bot, server and administrator, each step by each of them, in order of time."""
    bots, admin = topology.logs("bot"), topology.log("admin")
    joined = admin.wait_for("player_joined", count=len(admin.events("player_joined")) + 1)
    player = str(joined["peer"])
    guesses = admin.wait_for("player_won", peer=player)["guesses"]
    eventually(
        lambda: [log for log in bots if log.events("game_won", local=player)], "the bot's own word", BUSY_S
    )

    story = answers(topology, one_liners()[-1], player)
    assert [one["timestamp"] for one in story] == sorted(one["timestamp"] for one in story)
    told = [(one["service"], one["event"]) for one in story]
    assert told[0] == ("player", "connection_opened")
    assert told.index(("server", "handshake_completed")) < told.index(("admin", "player_joined"))
    judged = [one for one in story if one["event"] in {"guess_judged", "round_guess_judged"}]
    seen = [one for one in story if one["event"] == "player_guessed"]
    assert [one["number"] for one in judged] == [one["number"] for one in seen]
    assert [one["verdict"] for one in judged] == [one["verdict"] for one in seen]
    assert len(judged) == guesses
    won = [one for one in story if one["event"] in {"game_won", "player_won"}]
    assert sorted(one["service"] for one in won) == ["admin", "player", "server"]
    assert {one["guesses"] for one in won} == {guesses}
