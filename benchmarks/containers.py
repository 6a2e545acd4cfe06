"""The server in its container, beside the same server as a process: networks and log drivers."""

import contextlib
import os
import subprocess
import uuid
from collections.abc import Callable
from pathlib import Path
from typing import Final, NamedTuple

from benchmarks import host
from benchmarks.figures import Sample
from benchmarks.generator import Target
from benchmarks.plan import CONTAINER_LOAD, SERVER, Plan
from benchmarks.rounds import interleave
from benchmarks.subject import Process, Subject, running, server_environment

IMAGE: Final = "guessing-game-bench-server"
PORT: Final = 4000
ROOT: Final = Path(__file__).parent.parent


class Setting(NamedTuple):
    """How a container is attached to the machine."""

    network: str
    """`host`, or `bridge` with a port published on 127.0.0.1."""
    log_driver: str


SETTINGS: Final = (
    Setting("host", "none"),
    Setting("host", "local"),
    Setting("host", "json-file"),
    Setting("bridge", "local"),
    Setting("bridge", "json-file"),
)
# What docker-compose.yml has, so that no log fills the disk.
LOG_LIMITS: Final = ["--log-opt", "max-size=10m", "--log-opt", "max-file=3"]
# Likewise: what every container of the topology has.
RESTRICTIONS: Final = [
    *("--init", "--read-only", "--cap-drop", "ALL", "--security-opt", "no-new-privileges:true"),
    *("--pids-limit", "64", "--memory", "512m"),
]


def docker(*words: str) -> str:
    """Run a command of the engine's, and return what it prints."""
    return subprocess.run(["docker", *words], check=True, stdout=subprocess.PIPE, text=True).stdout.strip()


def build() -> None:
    """Build the server's image from this source."""
    python = os.environ.get("PYTHON_IMAGE", "python:3.13-slim")
    arguments = ["--file", "Dockerfile.server", "--build-arg", f"PYTHON_IMAGE={python}", "--tag", IMAGE]
    subprocess.run(
        ["docker", "build", "--quiet", *arguments, "."], check=True, cwd=ROOT, stdout=subprocess.DEVNULL
    )


class Container(Subject):
    """The server in a container."""

    def __init__(self, setting: Setting) -> None:
        super().__init__(f"{setting.network}, {setting.log_driver}")
        self._setting = setting
        self._container = f"{IMAGE}-{uuid.uuid4().hex[:8]}"
        self._port = host.free_port()
        self._pid = 0

    @property
    def target(self) -> Target:
        """Where it listens."""
        return Target(self._port)

    @property
    def pid(self) -> int:
        """The server's process in it, as the machine sees it."""
        return self._pid

    def start(self) -> None:
        """Start it; the engine returns when its process runs."""
        driver = self._setting.log_driver
        words = ["--detach", "--rm", "--name", self._container, "--cpuset-cpus", str(host.SERVER_CORE)]
        words += [*RESTRICTIONS, "--log-driver", driver, *([] if driver == "none" else LOG_LIMITS)]
        words += ["--ulimit", "nofile=16384:16384"]
        environment = server_environment(self._port)
        if self._setting.network == "host":
            words += ["--network", "host"]
        else:
            environment |= {"GAME_HOST": "", "GAME_PLAYER_PORT": str(PORT)}
            words += ["--publish", f"127.0.0.1:{self._port}:{PORT}"]
        for name, value in environment.items():
            words += ["--env", f"{name}={value}"]
        docker("run", *words, IMAGE)

    def wait_until_it_listens(self) -> None:
        """Wait until it takes connections, then find its process: the first one's child (`--init`)."""
        super().wait_until_it_listens()
        first = docker("inspect", "--format", "{{.State.Pid}}", self._container)
        children = Path(f"/proc/{first}/task/{first}/children").read_text(encoding="ascii").split()
        self._pid = int(children[0])

    def is_alive(self) -> bool:
        """Tell whether it has not ended."""
        with contextlib.suppress(subprocess.CalledProcessError):
            return docker("inspect", "--format", "{{.State.Running}}", self._container) == "true"
        return False

    def stop(self) -> None:
        """Stop it; the engine removes it then."""
        with contextlib.suppress(subprocess.CalledProcessError):
            docker("stop", self._container)


def measure(plan: Plan, tell: Callable[[str], None]) -> list[Sample]:
    """Measure the process and each container under one load."""
    tell("building the image")
    build()
    containers = [Container(setting) for setting in SETTINGS]
    with running(Process(SERVER, shown_as="a process"), *containers) as subjects:
        return interleave(subjects, [CONTAINER_LOAD], plan, tell)
