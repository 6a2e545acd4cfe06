"""Removes what tests have made in the engine if they are killed: `python -m tests.support.reaper PROJECT`.

It waits for its standard input to end, as it does however the tests end; a run that has cleaned up says so.
"""

from __future__ import annotations

import contextlib
import subprocess
import sys
import time
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

import docker
import docker.errors

if TYPE_CHECKING:
    from collections.abc import Iterator

ROOT = Path(__file__).parents[2]
WATCHED_S = 30.0
"""For so long commands that outlive their test may still make something."""


@contextmanager
def reaped(project: str) -> Iterator[None]:
    """Leave nothing of a project behind, neither at the end nor when this process is killed meanwhile."""
    command = [sys.executable, "-m", "tests.support.reaper", project]
    # In a session of its own: what kills the tests' process group spares it.
    with subprocess.Popen(command, cwd=ROOT, stdin=subprocess.PIPE, start_new_session=True) as reaper:
        try:
            yield
        finally:
            engine = docker.from_env()
            try:
                remove_project(engine, project)
            finally:
                engine.close()
            reaper.communicate(b"done")


def remove_project(engine: docker.DockerClient, project: str) -> None:
    """Remove what `down` leaves: containers of `docker compose run`, images, and all after a failed start."""
    mine: dict[str, str | list[str] | bool] = {"label": f"com.docker.compose.project={project}"}
    for container in engine.containers.list(all=True, filters=mine):
        container.remove(force=True, v=True)
    for network in engine.networks.list(filters=mine):
        network.remove()
    for volume in engine.volumes.list(filters=mine):
        volume.remove(force=True)
    for image in engine.images.list(filters=mine):
        engine.images.remove(str(image.id), force=True)


def main() -> None:
    """Wait for the end of the tests, and clean up unless they did."""
    if sys.stdin.read() == "done":
        return
    engine = docker.from_env()
    until_s = time.monotonic() + WATCHED_S
    while time.monotonic() < until_s:
        # Something may just be made or removed: the next round has it.
        with contextlib.suppress(docker.errors.APIError):
            remove_project(engine, sys.argv[1])
        time.sleep(1)


if __name__ == "__main__":
    main()
