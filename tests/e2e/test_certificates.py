"""The topology is encrypted by itself: who holds which file, and what a renewal does to those at play."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from tests.support.inside import output_of
from tests.support.line_client import LineClient
from tests.support.topology import running_topology

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from tests.support.topology import Topology

HELD = {
    "server": {"server/cert.pem", "server/key.pem", "server/client-ca.pem"},
    "admin": {"admin/cert.pem", "admin/key.pem", "public/ca.pem"},
    "bot": {"public/ca.pem"},
}


@pytest.fixture
def encrypted_topology(tmp_path: Path) -> Iterator[Topology]:
    """Give a running topology of the test's own where nothing but TLS is spoken."""
    settings = {"BOT_THINK": "0.02-0.1", "GAME_PLAYER_TLS": "required"}
    with running_topology(tmp_path, settings) as running:
        yield running


@pytest.mark.parametrize("service", HELD)
def test_everybody_holds_his_own_files_and_cannot_change_them(topology: Topology, service: str) -> None:
    """Each container sees its own certificates, none of another's, all readable, none writable."""
    container = topology.containers(service)[0]
    found = set(output_of(container, "find", "/certs", "-type", "l", "-name", "*.pem").split())
    volumes = [mount for mount in container.attrs["Mounts"] if "Name" in mount]
    mounts = {one["Destination"]: one["RW"] for one in volumes if one["Destination"].startswith("/certs/")}

    assert {path.removeprefix("/certs/") for path in found} == HELD[service]
    for path in found:
        assert "-----BEGIN " in output_of(container, "cat", path)
    assert mounts == {f"/certs/{name.partition('/')[0]}": False for name in HELD[service]}


def test_the_key_of_the_ca_is_nowhere(topology: Topology) -> None:
    """Two private keys are left after the certificates were made, one for each of their bearers."""
    done = topology.run(
        *("run", "--rm", "--no-deps", "--entrypoint", "grep", "certs"),
        *("--recursive", "--files-with-matches", "PRIVATE KEY", "/certs"),
    )

    assert sorted(line.split("/")[2] for line in done.splitlines()) == ["admin", "server"]


def test_what_makes_the_certificates_is_confined_and_gone(topology: Topology) -> None:
    """The container that made the certificates has ended well; it had no network and no rights either."""
    container = topology.container("certs")
    host = container.attrs["HostConfig"]

    assert container.attrs["State"]["ExitCode"] == 0
    assert host["NetworkMode"] == "none"
    assert host["ReadonlyRootfs"]
    assert host["CapDrop"] == ["ALL"]
    assert container.attrs["Config"]["User"] == "10001:10001"
    topology.log("certs").wait_for("certificates_made")


def test_plain_text_is_for_players_only(topology: Topology) -> None:
    """The published player port takes plain text; the administrator port answers it with advice alone."""
    with topology.player() as player:
        assert player.ask("Hello") == "Greetings"
    with LineClient(topology.address(4001)) as stranger:
        assert stranger.ask("Hello").startswith("Refused: this port speaks TLS only")


def test_renewal_goes_unnoticed(encrypted_topology: Topology) -> None:
    """When the certificates are made again and the server is told, games and the watch go on over TLS."""
    topology = encrypted_topology
    server, admin = topology.log("server"), topology.log("admin")
    server.wait_for("game_won", count=3)
    before = topology.run("exec", "-T", "bot", "cat", "/certs/public/ca.pem")
    kept_out = len(server.events("handshake_refused"))

    # A lost file is one of the reasons to renew.
    topology.run("run", "--rm", "--entrypoint", "rm", "certs", "/certs/public/ca.pem")
    assert "certificates_made" in topology.run("run", "--rm", "certs")
    topology.run("kill", "--signal", "HUP", "server")
    server.wait_for("certificates_loaded")
    after = topology.run("exec", "-T", "bot", "cat", "/certs/public/ca.pem")
    games = len(server.events("game_won"))
    server.wait_for("game_won", count=games + 6)
    admin.wait_for("player_won", count=len(admin.events("player_won")) + 3)
    with topology.administrator() as once:
        assert once.ask("Hello") == "Admin-Greetings"

    assert after != before
    assert before in after
    assert len(server.events("handshake_refused")) == kept_out
    for log in topology.logs("bot"):
        assert log.events("connection_failed") == []
        assert log.events("game_lost") == []
    assert admin.events("watch_lost") == []
