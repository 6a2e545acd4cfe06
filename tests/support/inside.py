"""What a command prints inside a container."""

from __future__ import annotations

import subprocess
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from docker.models.containers import Container


def output_of(container: Container, *command: str, options: tuple[str, ...] = ()) -> str:
    """Return what a command prints, whether it succeeds or not; `options` are those of `docker exec`.

    `Container.exec_run` loses what is printed before it has read the engine's answer: the beginning, or all.
    """
    done = subprocess.run(
        ["docker", "exec", *options, str(container.id), *command],
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        check=False,
        timeout=60,
    )
    return done.stdout
