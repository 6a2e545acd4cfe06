"""What the services log, and what the README says about reading it."""

from __future__ import annotations

from typing import TYPE_CHECKING

from tests.support.one_liners import answers, check_story, one_liners

if TYPE_CHECKING:
    from tests.support.topology import Topology


def test_the_readmes_one_liners(topology: Topology) -> None:
    """The README's commands find all guesses of a player, guesses per game, and refused handshakes."""
    guesses, games, refusals, _ = one_liners()
    log = topology.log("server")
    won = log.wait_for("game_won")
    with topology.player() as stranger:
        assert stranger.ask("Good day").startswith("Refused: ")
    refused = log.wait_for("handshake_refused", input="Good day")

    found = answers(topology, guesses, won["peer"])
    judged = log.events("guess_judged", peer=won["peer"])
    assert found == [{name: one[name] for name in ("number", "verdict", "attempt")} for one in judged]
    assert found[-1]["verdict"] == "Correct"

    assert {"peer": won["peer"], "guesses": won["guesses"]} in answers(topology, games)

    expected = {name: refused[name] for name in ("timestamp", "peer", "reason", "input")}
    assert expected in answers(topology, refusals)


def test_a_game_is_told_by_all_who_saw_it(topology: Topology) -> None:
    """One command of the README shows a game as bot, server and administrator tell it, in order of time."""
    check_story(topology)
