"""Games in the running topology: bots, a raw socket, and a person at a terminal."""

from __future__ import annotations

import secrets
from typing import TYPE_CHECKING

import pytest

from tests.support.container_log import host_of

if TYPE_CHECKING:
    from tests.support.container_log import ContainerLog
    from tests.support.topology import Topology


def new_wins(log: ContainerLog, hosts: set[str], *, since: int, count: int = 1) -> bool:
    """Tell whether each of the hosts has won that many games after the first `since` games of the log."""
    winners = [host_of(event) for event in log.events("game_won")[since:]]
    return all(winners.count(host) >= count for host in hosts)


def test_bots_win_games(topology: Topology) -> None:
    """Every bot wins games, one after the other."""
    log = topology.log("server")
    bots = topology.hosts("bot")
    assert len(bots) == 3
    log.wait_until(lambda: new_wins(log, bots, since=0, count=2), what="two games won by each bot")


def test_a_raw_socket_plays_a_game(topology: Topology) -> None:
    """Ten lines of sockets play through the published port, and the log has every step (P-1 to P-5, P-8)."""
    mark = secrets.token_hex(8)
    said = []
    with topology.player() as player:
        assert player.ask("Hello") == "Greetings"
        assert player.ask("Game") == "Ready"
        assert player.ask(mark) == "Pick a number between 1-30"
        for number in range(1, 31):
            said.append((number, player.ask(f"My Guess is: {number}")))
            if said[-1][1] == "Correct":
                break
        assert player.read_rest() == b""
    verdicts = [verdict for _, verdict in said]
    assert verdicts == (["Far"] * (len(said) - 3) + ["Close", "Close", "Correct"])[-len(said) :]

    log = topology.log("server")
    session = log.wait_for("guess_rejected", input=mark)["session"]
    closed = log.wait_for("session_closed", session=session)
    assert closed["guesses"] == len(said)
    steps = log.events("handshake_advanced", session=session)
    assert [(step["step"], step["reply"]) for step in steps] == [("Hello", "Greetings"), ("Game", "Ready")]
    judged = log.events("guess_judged", session=session)
    assert [(one["number"], one["verdict"]) for one in judged] == said
    assert [one["attempt"] for one in judged] == list(range(1, len(said) + 1))
    assert [one["guesses"] for one in log.events("game_won", session=session)] == [len(said)]


@pytest.mark.parametrize(
    "greeting", [b"", b"Hello\r\n", b"Hello\r\nGame\r\n"], ids=["new", "greeted", "playing"]
)
def test_noise_disturbs_nobody(topology: Topology, greeting: bytes) -> None:
    """Random bytes at any moment of a session leave the server up and the bots at play (F-2, P-6)."""
    log = topology.log("server")
    games, starts = len(log.events("game_won")), len(log.events("server_listening"))
    with topology.player() as noise:
        noise.send(greeting)
        try:
            for _ in range(256):
                noise.send(secrets.token_bytes(4096))
            noise.read_rest()
        except ConnectionError:
            pass  # the server has had enough
    bots = topology.hosts("bot")
    log.wait_until(lambda: new_wins(log, bots, since=games), what="a game won by each bot afterwards")
    assert len(log.events("server_listening")) == starts


def test_health_checks_do_not_look_like_players(topology: Topology) -> None:
    """The health checks, which come from within the container, leave no trace in the log."""
    container = topology.container("server")
    assert container.attrs["State"]["Health"]["Log"][-1]["ExitCode"] == 0
    assert [
        event for event in topology.log("server").events() if host_of(event) in ("127.0.0.1", "::1")
    ] == []
