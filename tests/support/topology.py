"""The real compose file, run beside whatever else runs: own project name, free ports, nothing left behind."""

from __future__ import annotations

import contextlib
import json
import os
import secrets
import ssl
import subprocess
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

import docker
from testcontainers.compose import DockerCompose

from tests.support.container_log import ContainerLog
from tests.support.line_client import LineClient
from tests.support.reaper import reaped

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from docker.models.containers import Container

ROOT = Path(__file__).parents[2]
SETTINGS = (
    *("BIND", "PLAYER_PORT", "ADMIN_PORT", "DASHBOARD_PORT", "BOT", "GAME_", "COMPOSE_"),
    *("SERVERS", "BALANCED_PREFIX", "PROMETHEUS_PORT", "CPUS", "LOG_DRIVER", "RESTART", "IMAGE_"),
)
"""How the names begin that the compose file and Compose itself read from the environment."""

OTHER_SETTINGS = {
    "PLAYER_PORT": "1",
    "ADMIN_PORT": "2",
    "DASHBOARD_PORT": "3",
    "BIND": "127.0.0.2",
    "GAME_HIGH": "99",
    "GAME_TLS_NAMES": "elsewhere.example",
    "BOTS": "1",
    "SERVERS": "1",
    "CPUS": "0.4",
    "LOG_DRIVER": "json-file",
    "RESTART": "unless-stopped",
    "BALANCED_PREFIX": "10.1.2",
}
"""With these, `docker compose up` would recreate everything, if it could."""


class Topology:
    """The services while they run."""

    files: tuple[str, ...] = ("docker-compose.yml",)
    """What they are described in."""
    door = "server"
    """The service that publishes the ports of the game."""

    def __init__(
        self, compose: DockerCompose, engine: docker.DockerClient, settings: Mapping[str, str]
    ) -> None:
        self.project = settings["COMPOSE_PROJECT_NAME"]
        self._settings = settings
        self._compose = compose
        self._engine = engine
        self._logs: dict[str, ContainerLog] = {}

    @property
    def command(self) -> list[str]:
        """What `docker compose` is for this topology."""
        return self._compose.docker_compose_command()

    def run(self, *arguments: str) -> str:
        """Run one `docker compose` command and return its output; a failure shows its own words."""
        done = subprocess.run(
            [*self.command, *arguments], cwd=ROOT, capture_output=True, text=True, check=False, timeout=240
        )
        assert done.returncode == 0, f"docker compose {' '.join(arguments)}:\n{done.stderr}"
        return done.stdout

    def script(self, name: str, **settings: str) -> str:
        """Run one of the scripts as somebody would whose .env holds the topology's settings, and these."""
        chosen = {"COMPOSE_FILE": os.pathsep.join(self.files), **self._settings, **settings}
        done = subprocess.run(
            ["bash", f"scripts/{name}"],
            cwd=ROOT,
            env={**os.environ, **chosen},
            capture_output=True,
            text=True,
            check=False,
            timeout=170,
        )
        assert done.returncode == 0, f"{name}:\n{done.stderr}"
        return done.stderr

    def run_in_other_shell(self, *arguments: str, files: tuple[str, ...] = ("docker-compose.yml",)) -> str:
        """Do so in a shell with other settings than those of the topology, and maybe fewer files."""
        done = subprocess.run(
            ["docker", "compose", *arguments],
            cwd=ROOT,
            env={
                **os.environ,
                "COMPOSE_PROJECT_NAME": self.project,
                "COMPOSE_FILE": os.pathsep.join(files),
                **OTHER_SETTINGS,
            },
            capture_output=True,
            text=True,
            check=False,
            timeout=120,
            stdin=subprocess.DEVNULL,
        )
        assert done.returncode == 0, f"docker compose {' '.join(arguments)}:\n{done.stderr}"
        return done.stdout

    def lives(self) -> dict[str, str]:
        """Return when each container of the topology was started last, by the container's id."""
        mine: dict[str, str | list[str] | bool] = {
            "label": [f"com.docker.compose.project={self.project}", "com.docker.compose.oneoff=False"]
        }
        return {
            str(one.id): str(one.attrs["State"]["StartedAt"])
            for one in self._engine.containers.list(all=True, filters=mine)
        }

    def config(self) -> dict[str, Any]:
        """Return the compose file as Compose reads it."""
        return dict(json.loads(self.run("config", "--format", "json")))

    def address(self, port: int) -> tuple[str, int]:
        """Return where the server's port is published on this machine."""
        host, found = self._compose.get_service_host_and_port(self.door, port)
        assert host is not None
        assert found is not None
        return host, int(found)

    @property
    def page(self) -> str:
        """Where the live page is."""
        host, found = self._compose.get_service_host_and_port("admin", 8080)
        return f"http://{host}:{found}"

    def player(self) -> LineClient:
        """Connect to the published player port."""
        return LineClient(self.address(4000))

    def administrator(self) -> LineClient:
        """Connect to the published administrator port, with the certificate of the topology's own."""
        return LineClient(self.address(4001), tls=self.client_tls("admin"))

    def client_tls(self, service: str) -> ssl.SSLContext:
        """Return what a container of the service trusts and shows: its own certificate, where it has one."""
        settings = self.containers(service)[0].attrs["Config"]["Env"]
        environ = {name: value for name, _, value in (one.partition("=") for one in settings)}
        with tempfile.TemporaryDirectory() as folder:
            files = {}
            for name in {"GAME_TLS_CA", "GAME_TLS_CERT", "GAME_TLS_KEY"} & environ.keys():
                files[name] = Path(folder) / name
                files[name].write_text(self.run("exec", "--no-TTY", service, "cat", environ[name]))
            context = ssl.create_default_context(cafile=files["GAME_TLS_CA"])
            if "GAME_TLS_CERT" in files:
                context.load_cert_chain(files["GAME_TLS_CERT"], files["GAME_TLS_KEY"])
        return context

    def containers(self, service: str) -> list[Container]:
        """Return the service's containers, stopped ones included."""
        return self._engine.containers.list(all=True, filters=self._filters(service))

    def _filters(self, service: str) -> dict[str, str | list[str] | bool]:
        return {
            "label": [
                f"com.docker.compose.project={self.project}",
                f"com.docker.compose.service={service}",
            ]
        }

    def container(self, service: str) -> Container:
        """Return the only container of the service."""
        (container,) = self.containers(service)
        return container

    def host(self, container: Container) -> str:
        """Return the container's address in the players' network."""
        container.reload()
        return str(container.attrs["NetworkSettings"]["Networks"][f"{self.project}_players"]["IPAddress"])

    def hosts(self, service: str) -> set[str]:
        """Return the addresses of the service's containers in the players' network."""
        return {self.host(container) for container in self.containers(service)}

    def scale(self, service: str, count: int) -> None:
        """Start or stop containers of the service until there are that many."""
        self.run("up", "--detach", "--no-build", "--no-recreate", "--scale", f"{service}={count}", service)

    def kill_inside(self, service: str) -> None:
        """Kill the program as a crash would: it is not Docker that does it, so the restart policy acts."""
        self.container(service).exec_run(["sh", "-c", "kill -9 -1"])

    def logs(self, service: str, *, running: bool = False) -> list[ContainerLog]:
        """Return the logs of the service's containers, or of those that run, from their beginnings."""
        # Asked again and again while a test waits: the engine is to look up nothing but which they are.
        found = self._engine.api.containers(all=not running, filters=self._filters(service))
        return [self._follow(one["Id"]) for one in found]

    def log(self, service: str) -> ContainerLog:
        """Return the log of the only container of the service, followed from its beginning."""
        (log,) = self.logs(service)
        return log

    def transcript(self) -> str:
        """Return what to look at after a failure: the containers and all they logged."""
        return self.run("ps", "--all") + self.run("logs", "--timestamps", "--no-color")

    def close(self) -> None:
        """Stop following logs."""
        for log in self._logs.values():
            log.close()

    def _follow(self, container_id: str) -> ContainerLog:
        if container_id not in self._logs:
            self._logs[container_id] = ContainerLog(self._engine.containers.get(container_id))
        return self._logs[container_id]


AnyTopology = TypeVar("AnyTopology", bound=Topology)


def running_topology(
    folder: Path, settings: Mapping[str, str]
) -> contextlib.AbstractContextManager[Topology]:
    """Build and start the topology, yield it when it is healthy, and remove every trace of it."""
    return running(Topology, folder, settings)


@contextlib.contextmanager
def running(kind: type[AnyTopology], folder: Path, settings: Mapping[str, str]) -> Iterator[AnyTopology]:
    """Do so with a topology of some kind."""
    project = f"guessing-game-test-{secrets.token_hex(4)}"
    env_file = folder / f"{project}.env"
    chosen = {
        "COMPOSE_PROJECT_NAME": project,
        "PLAYER_PORT": "",
        "ADMIN_PORT": "",
        "DASHBOARD_PORT": "",
        **settings,
    }
    env_file.write_text("".join(f"{name}={value}\n" for name, value in chosen.items()))
    # The environment would beat the file, and name somebody else's project.
    assert not [name for name in os.environ if name.startswith(SETTINGS)]
    engine = docker.from_env()
    engine.api.trust_env = False  # looked up for each request, while pytest changes the environment
    try:
        with (
            reaped(project),
            DockerCompose(ROOT, [*kind.files], build=True, env_file=str(env_file)) as compose,
        ):
            topology = kind(compose, engine, chosen)
            try:
                yield topology
            finally:
                topology.close()
    finally:
        engine.close()
