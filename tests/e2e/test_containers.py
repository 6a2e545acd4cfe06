"""What the running containers may do, as the engine and the kernel tell it."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

import pytest

from tests.support.inside import output_of
from tests.support.topology import ROOT

if TYPE_CHECKING:
    from docker.models.containers import Container

    from tests.support.topology import Topology

SERVICES = ("server", "admin", "bot")


@pytest.fixture(params=SERVICES)
def container(request: pytest.FixtureRequest, topology: Topology) -> Container:
    """Give one container of each service."""
    return topology.containers(request.param)[0]


def in_container(container: Container, *command: str) -> str:
    """Run a command inside, as a root from whom no permission hides anything, and return what it prints."""
    return output_of(container, *command, options=("--user=0", "--privileged"))


def test_confinement_is_asked_for(container: Container) -> None:
    """The engine was told to confine the container in every way the topology promises (G-11)."""
    host = container.attrs["HostConfig"]
    assert host["ReadonlyRootfs"]
    assert host["CapDrop"] == ["ALL"]
    assert not host["CapAdd"]
    assert not host["Privileged"]
    assert host["SecurityOpt"] == ["no-new-privileges:true"]
    assert "noexec" in host["Tmpfs"]["/tmp"]  # noqa: S108 - the container's, not ours
    assert host["Init"]
    assert 0 < host["PidsLimit"] <= 64
    assert 0 < host["Memory"] <= 512 << 20
    assert host["MemorySwap"] == host["Memory"]
    assert 0 < host["NanoCpus"] <= 1e9
    assert host["LogConfig"] == {"Type": "local", "Config": {"max-file": "3", "max-size": "10m"}}
    assert host["RestartPolicy"]["MaximumRetryCount"] > 0


def test_confinement_holds(container: Container) -> None:
    """The kernel agrees: the first process is no root, has no capability and cannot gain one (G-11)."""
    lines = in_container(container, "cat", "/proc/1/status").splitlines()
    status = {name: value.split() for name, _, value in (line.partition(":") for line in lines)}
    assert set(status["Uid"]) == set(status["Gid"]) == {"10001"}
    assert status["NoNewPrivs"] == ["1"]
    for held in ("CapInh", "CapPrm", "CapEff", "CapBnd", "CapAmb"):
        assert int(status[held][0], 16) == 0, held


def test_nothing_to_build_or_rise_with(container: Container) -> None:
    """The image holds no setuid file, no compiler and no installer (G-11)."""
    assert in_container(container, "sh", "-c", "find / -xdev -type f -perm /6000; echo end") == "end\n"
    tools = "gcc cc c++ make pip pip3 uv"
    assert (
        in_container(container, "sh", "-c", f"for tool in {tools}; do command -v $tool; done; echo end")
        == "end\n"
    )
    assert "No module named pip" in in_container(container, "python3", "-m", "pip")


def test_images_say_what_they_are(container: Container) -> None:
    """Each image carries the labels that registries and scanners read."""
    labels = container.labels
    for name in ("title", "description", "licenses"):
        assert labels[f"org.opencontainers.image.{name}"]


def test_published_on_loopback_alone(topology: Topology) -> None:
    """Only the server and the page are published, and only to this machine."""

    def published(container: Container) -> dict[str, set[str]]:
        bindings = container.attrs["NetworkSettings"]["Ports"]
        return {port: {one["HostIp"] for one in to} for port, to in bindings.items()}

    ours = {"127.0.0.1"}
    assert published(topology.container("server")) == {"4000/tcp": ours, "4001/tcp": ours}
    assert published(topology.container("admin")) == {"8080/tcp": ours}
    for bot in topology.containers("bot"):
        assert published(bot) == {}


def test_players_cannot_reach_the_administrator(topology: Topology) -> None:
    """The administrator is the bots' neighbour to learn their names, and listens only elsewhere."""

    def networks(container: Container) -> set[str]:
        return {
            name.removeprefix(f"{topology.project}_")
            for name in container.attrs["NetworkSettings"]["Networks"]
        }

    assert networks(topology.container("server")) == {"players", "administrators"}
    admin, bot = topology.container("admin"), topology.containers("bot")[0]
    assert networks(admin) == {"players", "administrators"}
    assert networks(bot) == {"players"}
    for network in admin.attrs["NetworkSettings"]["Networks"].values():
        attempt = f"import socket; socket.create_connection(('{network['IPAddress']}', 8080), 2)"
        assert bot.exec_run(["python", "-c", attempt]).exit_code == 1


def test_every_setting_can_be_set_from_outside(topology: Topology) -> None:
    """The topology hands on every setting of the server, except where it listens within its container."""
    source = (ROOT / "services" / "server" / "settings.py").read_text()
    read = set(re.findall(r"reader\.\w+\(\s*\"(GAME_\w+)", source))
    assert len(read) > 10
    handed_on = set(topology.config()["services"]["server"]["environment"])
    assert read - handed_on == {"GAME_HOST", "GAME_PLAYER_PORT", "GAME_ADMIN_PORT"}
