"""A Swarm of real engines, each in a container of its own, with the game deployed as docs/cluster.md says."""

from __future__ import annotations

import contextlib
import gc
import ipaddress
import os
import random
import secrets
import shutil
import ssl
import subprocess
import time
import warnings
from typing import TYPE_CHECKING, Any

import docker
import docker.errors

from tests.support.cluster import ask_who, eventually
from tests.support.container_log import ContainerLog
from tests.support.line_client import LineClient
from tests.support.topology import ROOT

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping, Sequence
    from pathlib import Path

    from docker.models.containers import Container
    from docker.models.networks import Network

    from tests.support.log_contract import Event

LABEL = "guessing-game-test"
STACK = "guessing-game"
IMAGES = ("server", "client", "certs")
FOREIGN_IMAGES = {
    "HAPROXY_IMAGE": os.environ.get("HAPROXY_IMAGE", "haproxy:3.0"),
    "VALKEY_IMAGE": os.environ.get("VALKEY_IMAGE", "valkey/valkey:8"),
}
DEPLOYED = ("deploy", "cluster")
"""The folders that a manager needs."""

HOME = "/srv/game"
START_TIMEOUT_S = 120.0
"""For an engine, a container or a whole rollout on a machine that has much else to do."""


class Node:
    """One machine: an engine in a container."""

    def __init__(self, network: Network, container: Container, folder: Path, address: str) -> None:
        self._network = network
        self.container = container
        self.name = str(container.name)
        self.folder = folder
        """Shared with the machine: the engine's socket, and on the first one the deployment."""
        self.address = address
        self.alive = True
        self._engine: docker.DockerClient | None = None
        self._logs: dict[str, ContainerLog] = {}

    @property
    def engine(self) -> docker.DockerClient:
        """Return the machine's own engine."""
        if self._engine is None:
            self._engine = docker.DockerClient(
                base_url=f"unix://{self.folder}/engine/docker.sock", timeout=60
            )
        return self._engine

    def answers(self) -> bool:
        """Tell whether the engine can be asked."""
        try:
            return bool(self.engine.ping())
        except (docker.errors.DockerException, OSError):
            return False

    def run(self, *command: str, settings: Mapping[str, str] | None = None) -> str:
        """Run a command on the machine and return its output; a failure shows its own words."""
        environment = [word for name, value in (settings or {}).items() for word in ("-e", f"{name}={value}")]
        done = subprocess.run(
            ["docker", "exec", *environment, self.name, *command],
            capture_output=True,
            text=True,
            check=False,
            timeout=300,
        )
        assert done.returncode == 0, f"{' '.join(command)} on {self.name}:\n{done.stdout}{done.stderr}"
        return done.stdout.strip()

    def output_of(self, container: Container, *command: str) -> str:
        """Return what a command prints in a container that is here."""
        return self.run("docker", "exec", str(container.id), *command)

    def containers(self, service: str) -> list[Container]:
        """Return the running containers of a service that are here."""
        found = self.engine.containers.list(
            filters={"label": f"com.docker.swarm.service.name={STACK}_{service}"}
        )
        return [container for container in found if container.status == "running"]

    def log(self, container: Container) -> ContainerLog:
        """Return the log of a container of this machine, followed from its beginning."""
        assert container.id is not None
        if container.id not in self._logs:
            self._logs[container.id] = ContainerLog(container)
        return self._logs[container.id]

    def kill(self) -> None:
        """Let the machine die as by a power cut: all that is on it, in one moment, and in silence."""
        self.leave()
        self.alive = False
        self._network.disconnect(self.container, force=True)  # or its kernel would end its connections
        self.container.kill()

    def start(self) -> None:
        """Let it come back."""
        self._network.connect(self.container, ipv4_address=self.address)
        self.container.start()
        eventually(self.answers, f"the engine of {self.name} answers", START_TIMEOUT_S)
        self.alive = True

    def leave(self) -> None:
        """Stop looking at it."""
        for log in self._logs.values():
            log.close()
        self._logs.clear()
        if self._engine:
            self._engine.close()
            self._engine = None


class Swarm:
    """The machines, and the game that is deployed on them."""

    def __init__(self, nodes: Sequence[Node], settings: Mapping[str, str]) -> None:
        self.nodes = nodes
        self.settings = dict(settings)

    # --- the machines

    @property
    def alive(self) -> list[Node]:
        """Return the machines that run."""
        return [node for node in self.nodes if node.alive]

    def leader(self) -> Node:
        """Return the manager that leads."""
        for line in (
            self.alive[0]
            .run(*("docker", "node", "ls", "--format", "{{.Hostname}} {{.ManagerStatus}}"))
            .splitlines()
        ):
            if line.endswith("Leader"):
                return next(node for node in self.nodes if node.name == line.split()[0])
        raise AssertionError("nobody leads")

    def ready(self) -> int:
        """Return how many machines the managers count on."""
        listed = self.alive[0].run("docker", "node", "ls", "--format", "{{.Status}}")
        return listed.split().count("Ready")

    # --- the deployment

    def deploy(self, *command: str, **changed: str) -> None:
        """Run deploy/swarm on the first machine, as its administrator would."""
        self.settings |= changed
        self.nodes[0].run(f"{HOME}/deploy/swarm", *command, settings=self.settings)

    def scale(self, service: str, count: int) -> None:
        """Have more containers of a service, or fewer."""
        self.nodes[0].run("docker", "service", "scale", "--detach", f"{STACK}_{service}={count}")

    def running(self, service: str) -> int:
        """Return how many containers of a service serve, as the managers know."""
        tasks = self.nodes[0].run(
            *("docker", "service", "ps", "--filter", "desired-state=running"),
            *("--format", "{{.CurrentState}}", f"{STACK}_{service}"),
        )
        return len([task for task in tasks.splitlines() if task.startswith("Running")])

    def rolled_out(self, service: str) -> bool:
        """Tell whether an update is over, and went well."""
        state = self._update(service)
        assert state in {"", "updating", "completed"}, state
        return state != "updating"

    def rolled_back(self, service: str) -> bool:
        """Tell whether an update has failed, and all is as before."""
        state = self._update(service)
        assert state in {"updating", "rollback_started", "rollback_completed"}, state
        return state == "rollback_completed"

    def _update(self, service: str) -> str:
        [found] = self.nodes[0].engine.services.list(filters={"name": f"{STACK}_{service}"})
        return str(found.attrs.get("UpdateStatus", {}).get("State", ""))

    def containers(self, service: str) -> list[tuple[Node, Container]]:
        """Return the running containers of a service, and where each of them is."""
        return [(node, one) for node in self.alive for one in node.containers(service)]

    def logs(self, service: str) -> list[ContainerLog]:
        """Return the logs of a service's running containers."""
        return [node.log(container) for node, container in self.containers(service)]

    def secret(self, name: str) -> Path:
        """Return a file of what deploy/swarm has made."""
        return self.nodes[0].folder / "deploy" / "secrets" / name

    # --- the game

    def administrator(self, node: Node) -> LineClient:
        """Connect to the administrator port of a machine."""
        context = ssl.create_default_context(cafile=self.secret("certificates/public/ca.pem"))
        admin = self.secret("certificates/admin")
        context.load_cert_chain(admin / "cert.pem", admin / "key.pem")
        return LineClient((node.address, 4001), tls=context, name="server")

    def who(self, node: Node) -> set[str]:
        """Ask through one machine who is playing on all of them."""
        with self.administrator(node) as admin:
            return ask_who(admin)

    def playing(self) -> dict[str, Node]:
        """Return who plays, and on which machine's server, as the servers' logs tell."""
        found: dict[str, Node] = {}
        for node, server in self.containers("server"):
            here: set[str] = set()
            for event in node.log(server).events():
                match event["event"]:
                    case "handshake_completed" if event["dialect"] != "admin":
                        here.add(str(event["peer"]))
                    case "game_won" | "session_closed":
                        here.discard(str(event["peer"]))
                    case _:
                        pass
            assert not here & found.keys(), "somebody plays in two places"
            found |= dict.fromkeys(here, node)
        return found

    def connected(self) -> set[str]:
        """Return who plays as the bots on running machines tell, those included that wait for an answer."""
        found: set[str] = set()
        for log in self.logs("bot"):
            for event in log.events():
                match event["event"]:
                    case "connection_opened":
                        found.add(str(event["local"]))
                    case "game_won" | "game_lost" | "game_refused":
                        found.discard(str(event["local"]))
                    case _:
                        pass
        return found

    def list_is_true(self, node: Node) -> bool:
        """Tell whether the list, asked for through a machine, is of those who play; they come and go."""
        before = set(self.playing())
        listed = self.who(node)
        after = set(self.playing())
        assert before & after <= listed, f"not listed: {sorted((before & after) - listed)}"
        assert listed <= before | after, f"listed: {sorted(listed - (before | after))}"
        return bool(listed)

    def bot_events(self, name: str, since: str = "") -> list[Event]:
        """Return such events of all bots on running machines, later than a moment."""
        return [
            {**event, "bot": f"{log.container.name}/{str(event['session']).partition('.')[0]}"}
            for log in self.logs("bot")
            for event in log.events(name)
            if str(event["timestamp"]) > since
        ]

    def transcript(self) -> str:
        """Return what to look at after a failure."""
        if not (alive := self.alive):
            return ""
        parts = []
        for command in (("docker", "node", "ls"), ("docker", "stack", "ps", "--no-trunc", STACK)):
            with contextlib.suppress(AssertionError, subprocess.TimeoutExpired):
                parts.append(alive[0].run(*command))
        for node in alive:
            for service in ("balancer", "server", "valkey", "bot"):
                for container in node.containers(service):
                    parts.append(f"--- {service} on {node.name}, {container.name}")
                    parts.append(container.logs(tail=40).decode(errors="replace"))
        return "\n".join(parts)


@contextlib.contextmanager
def running_swarm(folder: Path, count: int, settings: Mapping[str, str]) -> Iterator[Swarm]:
    """Start machines, join them to a Swarm of managers, bring them the images; leave nothing behind."""
    run = secrets.token_hex(4)
    prefix = f"{LABEL}-{run}"
    engine = docker.from_env()
    nodes: list[Node] = []
    try:
        _build_images(prefix)
        network = _make_network(engine, prefix)
        hosts = ipaddress.ip_network(network.attrs["IPAM"]["Config"][0]["Subnet"]).hosts()
        next(hosts)  # the gateway
        nodes += [
            _start_node(engine, network, folder / f"node{number}", str(next(hosts)))
            for number in range(1, count + 1)
        ]
        for node in nodes:
            eventually(node.answers, f"the engine of {node.name} answers", START_TIMEOUT_S)
        _join(nodes)
        _bring_images(prefix, folder, nodes)
        for part in DEPLOYED:
            shutil.copytree(ROOT / part, nodes[0].folder / part, ignore=shutil.ignore_patterns("secrets"))
        yield Swarm(nodes, {"IMAGE_PREFIX": prefix, "RESOLVE_IMAGE": "never", **FOREIGN_IMAGES, **settings})
    finally:
        for node in nodes:
            node.leave()
        remove_run(engine, run)
        engine.close()
        with warnings.catch_warnings():
            # As in the tests: sockets of engines that died are left to the garbage collector.
            warnings.simplefilter("ignore", ResourceWarning)
            gc.collect()


def remove_run(engine: docker.DockerClient, run: str) -> None:
    """Remove everything that a run has made."""
    mine: dict[str, Any] = {"label": f"{LABEL}={run}"}
    for container in engine.containers.list(all=True, filters=mine):
        container.remove(force=True, v=True)
    for network in engine.networks.list(filters=mine):
        network.remove()
    for image in engine.images.list(filters=mine):
        engine.images.remove(str(image.id), force=True)


def can_encrypt(node: Node) -> bool:
    """Tell whether the machine's kernel knows IPsec's ESP, which Swarm encrypts with."""
    state = ("src", "192.0.2.1", "dst", "192.0.2.2", "proto", "esp", "spi", "0x1000", "mode", "transport")
    key = "0x" + "11" * 20
    try:
        node.run("ip", "xfrm", "state", "add", *state, "aead", "rfc4106(gcm(aes))", key, "64")
    except AssertionError:
        return False
    node.run("ip", "xfrm", "state", "delete", *state[:8])
    return True


def _build_images(prefix: str) -> None:
    for name in IMAGES:
        _build(f"{prefix}/{name}", prefix, "-f", f"Dockerfile.{name}", ".")
    _build(prefix, prefix, "--network", "host", "tests/swarm")


def _build(tag: str, prefix: str, *arguments: str) -> None:
    run = prefix.removeprefix(f"{LABEL}-")
    done = subprocess.run(
        ["docker", "build", "--quiet", "--label", f"{LABEL}={run}", "--tag", tag, *arguments],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=False,
        timeout=600,
    )
    assert done.returncode == 0, done.stderr


def _make_network(engine: docker.DockerClient, prefix: str) -> Network:
    """Make a network with a subnet of its own choice: only then can machines keep their addresses."""
    for _ in range(20):
        subnet = f"10.{random.randint(128, 191)}.{random.randint(0, 255)}.0/24"
        pool = docker.types.IPAMConfig(pool_configs=[docker.types.IPAMPool(subnet=subnet)])
        label = {LABEL: prefix.removeprefix(f"{LABEL}-")}
        with contextlib.suppress(docker.errors.APIError):
            network = engine.networks.create(prefix, driver="bridge", ipam=pool, labels=label)
            network.reload()
            return network
    raise AssertionError("no free subnet")


def _start_node(engine: docker.DockerClient, network: Network, folder: Path, address: str) -> Node:
    prefix = str(network.name)
    (folder / "engine").mkdir(parents=True)
    name = f"{prefix}-{folder.name}"
    container = engine.containers.create(
        prefix,
        name=name,
        hostname=name,
        privileged=True,
        labels={LABEL: prefix.removeprefix(f"{LABEL}-")},
        volumes={str(folder): {"bind": HOME}, str(folder / "engine"): {"bind": "/engine"}},
        tmpfs={"/run": ""},
        networking_config={prefix: engine.api.create_endpoint_config(ipv4_address=address)},
        network=prefix,
    )
    container.start()
    return Node(network, container, folder, address)


def _join(nodes: Sequence[Node]) -> None:
    first, *others = nodes
    first.run("docker", "swarm", "init", "--advertise-addr", first.address)
    first.run("docker", "swarm", "update", "--dispatcher-heartbeat", "2s")  # as docs/cluster.md says
    token = first.run("docker", "swarm", "join-token", "-q", "manager")
    for node in others:
        node.run("docker", "swarm", "join", "--token", token, "--advertise-addr", node.address, first.address)


def _bring_images(prefix: str, folder: Path, nodes: Sequence[Node]) -> None:
    archive = folder / "images.tar"
    images = [f"{prefix}/{name}:latest" for name in IMAGES] + list(FOREIGN_IMAGES.values())
    subprocess.run(["docker", "save", "--output", str(archive), *images], check=True, timeout=300)
    loads = []
    for node in nodes:
        with archive.open("rb") as stream:
            loads.append(
                subprocess.Popen(
                    ["docker", "exec", "-i", node.name, "docker", "load", "-q"],
                    stdin=stream,
                    stdout=subprocess.DEVNULL,
                )
            )
    assert [load.wait(timeout=600) for load in loads] == [0] * len(nodes)
    archive.unlink()


def measure_s(found: Callable[[], Any], what: str, timeout_s: float, begun_s: float) -> float:
    """Wait until something is true; return how long after a moment that was."""
    eventually(found, what, timeout_s)
    return time.monotonic() - begun_s
