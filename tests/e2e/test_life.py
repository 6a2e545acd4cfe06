"""The topology's life: crashes, restarts and the end."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from tests.support.cluster import eventually
from tests.support.container_log import host_of

if TYPE_CHECKING:
    from docker.models.containers import Container

    from tests.support.topology import Topology


def test_a_killed_server_comes_back_and_so_does_everybody(topology: Topology) -> None:
    """After the server is killed it is restarted, the bots win again and the administrator watches again."""
    server, admin, bots = topology.log("server"), topology.log("admin"), topology.hosts("bot")
    server.wait_for("game_won")
    starts = len(server.events("server_listening"))
    lists = len(admin.events("players_listed"))
    topology.kill_inside("server")
    server.wait_for("server_listening", count=starts + 1)

    def winners() -> set[str]:
        events = server.events()
        again = [at for at, event in enumerate(events) if event["event"] == "server_listening"][starts]
        return {host_of(event) for event in events[again:] if event["event"] == "game_won"}

    server.wait_until(lambda: winners() >= bots, what="a game won by each bot after the restart")
    admin.wait_until(lambda: admin.events("players_listed")[lists:], what="another list")


def test_stop_ends_everything_well(own_topology: Topology) -> None:
    """`docker compose stop` ends every program with exit status 0, and the server's last words say so."""
    server = own_topology.log("server")
    server.wait_for("game_won")
    # A program that is still loading has no word to say: SIGTERM just ends it.
    for bot in own_topology.logs("bot"):
        bot.wait_for("bots_started")
    own_topology.log("admin").wait_for("players_listed")
    own_topology.run("stop")
    server.wait_for("server_stopping")
    server.wait_for("server_stopped")
    containers = [one for service in ("server", "admin", "bot") for one in own_topology.containers(service)]
    assert {one.name: one.attrs["State"]["ExitCode"] for one in containers} == dict.fromkeys(
        (one.name for one in containers), 0
    )


CHECK_S = 2.5
"""A check ends by itself within this."""

BUSY_S = 60.0
"""An engine with much else to do starts checks late."""


@pytest.mark.timeout(240)
def test_what_hangs_is_unhealthy_and_what_goes_on_is_healthy(topology: Topology) -> None:
    """What stands still is unhealthy after 20 s, and healthy again once it goes on, whatever others do."""
    server, admin = (topology.container(service) for service in ("server", "admin"))
    for container in (server, admin):
        check = container.attrs["Config"]["Healthcheck"]
        assert check["Retries"] * (check["Interval"] / 1e9 + CHECK_S) < 20

    def wait_until(container: Container, health: str) -> None:
        def is_found() -> bool:
            container.reload()
            return str(container.health) == health

        eventually(is_found, f"{container.name} is {health}", BUSY_S)

    for container in (server, admin):
        container.exec_run(["sh", "-c", "kill -STOP -1"])
    for container in (server, admin):
        wait_until(container, "unhealthy")
    for container in (admin, server):
        container.exec_run(["sh", "-c", "kill -CONT -1"])
        wait_until(container, "healthy")
