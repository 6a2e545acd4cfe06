"""What the administrator sees of the running topology."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from tests.support.line_client import LineClient
from tests.support.topology import running_topology

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tests.support.container_log import ContainerLog
    from tests.support.log_contract import Event
    from tests.support.topology import Topology

PLAYERS = 4
"""How many play in each container, to have several ports of one address."""


@pytest.fixture(scope="module")
def slow_topology(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Topology]:
    """Give a topology whose bots think so long that the list of players stands still."""
    settings = {"BOT_THINK": "100-200", "BOT_PLAYERS": str(PLAYERS), "BOTS": "2"}
    with running_topology(tmp_path_factory.mktemp("slow"), settings) as running:
        yield running


def listed(log: ContainerLog) -> set[str]:
    """Return the list that the administrator's log amounts to."""
    players: set[str] = set()
    for event in log.events():
        match event["event"]:
            case "players_listed":
                players = set(event["players"])
            case "player_joined":
                players.add(event["peer"])
            case "player_left" | "player_won":
                players.discard(event["peer"])
            case _:
                continue
        assert event["playing"] == len(players)
    return players


def playing(log: ContainerLog) -> set[str]:
    """Return the players that the server's log amounts to."""
    players: set[str] = set()
    for event in log.events():
        match event["event"]:
            case "handshake_completed" if event["dialect"] != "admin":
                players.add(event["peer"])
            case "session_closed" | "game_won":
                players.discard(event["peer"])
            case _:
                pass
    return players


@pytest.mark.parametrize("bots", [2, 5, 1])
def test_the_list_equals_the_servers_log(slow_topology: Topology, bots: int) -> None:
    """As bots come and go, administrator, server and a one-shot Who name the same players (A-2, A-4)."""
    admin, server = slow_topology.log("admin"), slow_topology.log("server")
    slow_topology.scale("bot", bots)
    admin.wait_until(lambda: len(listed(admin)) == bots * PLAYERS, what=f"{bots} x {PLAYERS} players listed")
    server.wait_until(lambda: len(playing(server)) == bots * PLAYERS, what=f"{bots} x {PLAYERS} players")
    assert listed(admin) == playing(server)
    assert {player.split()[0] for player in listed(admin)} == slow_topology.hosts("bot")
    with slow_topology.administrator() as once:
        assert once.ask("Hello") == "Admin-Greetings"
        once.send(b"Who\r\n")
        assert set(once.read_rest().decode().splitlines()) == listed(admin)


def test_there_is_one_administrator(slow_topology: Topology) -> None:
    """While the topology's administrator watches, nobody else can (A-7)."""
    slow_topology.log("admin").wait_for("players_listed")
    with slow_topology.administrator() as second:
        assert second.ask("Hello") == "Admin-Greetings"
        assert second.ask("Watch") == "Refused: another administrator is watching"
        assert second.read_rest() == b""


def test_nobody_else_is_greeted(slow_topology: Topology) -> None:
    """Without an administrator's certificate a client learns nothing on that port (G-5)."""
    address = slow_topology.address(4001)
    with LineClient(address) as plain:
        assert plain.ask("Hello").startswith("Refused: ")
        assert plain.read_rest() == b""
    with pytest.raises(OSError), LineClient(address, tls=slow_topology.client_tls("bot")) as bot:
        # With TLS 1.3 a client learns at its first read that the server does not accept it.
        bot.ask("Hello")


def test_the_administrator_hears_every_guess(topology: Topology) -> None:
    """Of each game that the administrator saw from its beginning, it saw every guess (A-4)."""
    admin, server = topology.log("admin"), topology.log("server")

    def peers(log: ContainerLog, name: str) -> set[str]:
        return {event["peer"] for event in log.events(name)}

    admin.wait_until(
        lambda: len(peers(admin, "player_joined") & peers(admin, "player_won")) > 3, what="games"
    )
    seen = peers(admin, "player_joined") & peers(admin, "player_won")
    server.wait_until(lambda: seen <= peers(server, "game_won"), what=f"the games of {seen}")
    for peer in seen:
        assert course(admin.events(peer=peer)) == course(server.events(peer=peer))


def course(events: list[Event]) -> list[tuple[object, ...]]:
    """Return the guesses and the end of a player's games, told alike for both programs."""
    told: list[tuple[object, ...]] = []
    for event in events:
        match event["event"]:
            case "player_guessed" | "guess_judged":
                told.append((event["number"], event["verdict"]))
            case "player_won" | "game_won":
                told.append(("won", event["guesses"]))
            case _:
                pass
    return told
