"""The scripts, beside a docker that says what a test wants it to say."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[3]
UP_TO_DATE = {"version": "26.1.5", "compose": "2.26.1"}


@pytest.fixture
def clone(tmp_path: Path) -> Path:
    """Give a working copy whose path has blanks and whose scripts have lost their run bits."""
    copy = tmp_path / "a clone of mine"
    copy.mkdir()
    shutil.copytree(ROOT / "scripts", copy / "scripts")
    for script in (copy / "scripts").iterdir():
        script.chmod(0o600)
    for file in ("docker-compose.yml", "compose.cluster.yml"):
        shutil.copy(ROOT / file, copy)
    return copy


def run_script(clone: Path, name: str, docker: str, **settings: str) -> subprocess.CompletedProcess[str]:
    """Run a script whose `docker` is a script of the given text, as a user who is nobody special."""
    path = clone.parent / "bin"
    path.mkdir(exist_ok=True)
    for word, text in {"docker": docker, "id": "case $1 in -u) echo 1000;; *) echo ada;; esac"}.items():
        (path / word).write_text(f"#!/bin/bash\n{text}\n")
        (path / word).chmod(0o700)
    return subprocess.run(
        ["bash", str(clone / "scripts" / name)],
        env={"PATH": f"{path}:/usr/bin:/bin", **settings},
        capture_output=True,
        text=True,
        check=False,
        timeout=30,
    )


def engine(version: str, compose: str, name: str = "Docker version") -> str:
    """Return a docker that works and has every image."""
    return f"""
case "$*" in
--version) echo "{name} {version}";;
version*) echo "{version}";;
"compose version --short") echo "{compose}";;
esac"""


def without_daemon(error: str) -> str:
    """Return a docker whose `version` fails, while its `info` does not, as that of 26.1."""
    return f"""
case "$*" in
version*) echo "{error}" >&2; exit 1;;
"compose version --short") echo 2.26.1;;
esac"""


@pytest.mark.parametrize(
    ("version", "compose"), [("26.1.5", "2.26.1"), ("25.0", "v2.24.4"), ("29.0.1", "5.0.0")]
)
def test_an_engine_that_serves_is_left_alone(clone: Path, version: str, compose: str) -> None:
    """Nothing is said, and nothing done, where all that is needed is there."""
    done = run_script(clone, "engine", engine(version, compose))
    assert (done.returncode, done.stdout, done.stderr) == (0, "", "")


@pytest.mark.parametrize(
    ("docker", "told"),
    [
        (engine("20.10.24", "2.26.1"), "Docker 20.10.24 is too old: version 25.0 or later"),
        (engine("26.1.5", "2.20.2"), "Compose 2.20.2 is too old: version 2.24.4 or later"),
        (engine("26.1.5", "2.26.1", name="podman version"), "Podman"),
        (without_daemon("permission denied while trying to connect"), "sudo usermod -aG docker ada"),
    ],
    ids=["old engine", "old compose", "podman", "not allowed"],
)
def test_an_engine_that_does_not_serve_is_told_in_one_line(clone: Path, docker: str, told: str) -> None:
    """Each case has a line of its own, which says what to do, and exit status 1."""
    done = run_script(clone, "engine", docker)
    assert done.returncode == 1
    (line,) = done.stderr.splitlines()
    assert told in line


def test_a_stopped_engine_is_told_from_none(clone: Path) -> None:
    """Where the daemon is installed but does not answer, the line says how to start it."""
    (clone.parent / "bin").mkdir()
    (clone.parent / "bin" / "dockerd").write_text("#!/bin/sh\n")
    (clone.parent / "bin" / "dockerd").chmod(0o700)
    done = run_script(clone, "engine", without_daemon("Cannot connect to the Docker daemon"))
    assert done.returncode == 1
    assert done.stderr == "engine: Docker is installed and does not run: sudo systemctl start docker\n"


def test_an_engine_elsewhere_is_not_started_here(clone: Path) -> None:
    """Where DOCKER_HOST names an engine, its silence is told, with Docker's own reason."""
    done = run_script(clone, "engine", without_daemon("no route to host"), DOCKER_HOST="tcp://192.0.2.1:2375")
    assert done.returncode == 1
    assert done.stderr == "engine: the engine that DOCKER_HOST names does not answer: no route to host\n"


def test_images_named_in_the_env_file_are_asked_for(clone: Path) -> None:
    """What .env says of images holds for the scripts as for Compose; the environment goes before it."""
    (clone / ".env").write_text("BOTS=2\nPYTHON_IMAGE='python:3.12-slim' # older\n")
    noting = engine(**UP_TO_DATE) + f'\necho "$*" >>"{clone.parent}/asked"'
    run_script(clone, "engine", noting)
    run_script(clone, "engine", noting, PYTHON_IMAGE="python:3.14-slim")
    asked = [line for line in (clone.parent / "asked").read_text().splitlines() if "inspect" in line]
    assert asked == ["image inspect python:3.12-slim", "image inspect python:3.14-slim"]


def listing(*folders: Path) -> str:
    """Return a docker that runs containers of the given working copies."""
    lines = "".join(f"{folder}\\n" for folder in folders)
    return f"""
case "$*" in
"compose config"*) printf '{{\\n  "name": "game",\\n}}\\n';;
ps*) printf '{lines}';;
esac"""


def test_another_clones_containers_are_not_touched(clone: Path) -> None:
    """Another working copy of the same name is told in a line; one's own, or one that is gone, is no bar."""
    other = clone.parent / "other"
    other.mkdir()
    assert run_script(clone, "only-mine", listing(clone, clone.parent / "gone")).returncode == 0
    done = run_script(clone, "only-mine", listing(clone, other))
    assert done.returncode == 1
    assert done.stderr.count("\n") == 1
    assert str(other) in done.stderr
    assert "COMPOSE_PROJECT_NAME" in done.stderr
    stopped = run_script(clone, "down", listing(other))
    assert (stopped.returncode, stopped.stderr) == (1, done.stderr)


def test_the_demos_hints_bear_the_settings_of_its_shell(clone: Path) -> None:
    """What another shell would not know stands before each command; the page's address comes again."""
    docker = """
case "$*" in
"compose config --services") echo server;;
"compose config"*) printf '{\\n  "name": "game",\\n}\\n';;
*"port server 4000") echo 127.0.0.1:5000;;
*"port admin 8080") echo 127.0.0.1:5080;;
*logs*) for n in $(seq 45); do echo "line $n"; done;;
esac"""
    settings = {"PLAYER_PORT": "5000", "COMPOSE_PROJECT_NAME": "mine", "GAME_HIGH": "100", "HOME": os.sep}
    done = run_script(clone, "demo", docker, **settings)
    assert done.returncode == 0, done.stderr
    assert (
        "COMPOSE_PROJECT_NAME=mine GAME_HIGH=100 PLAYER_PORT=5000 docker compose run --rm player\n"
        in done.stdout
    )
    assert "nc 127.0.0.1 5000" in done.stdout
    assert done.stdout.count("http://127.0.0.1:5080") == 3
    assert "HOME" not in done.stdout


@pytest.mark.parametrize(
    "script", sorted(path.name for path in (ROOT / "scripts").iterdir() if path.is_file())
)
def test_nothing_stops_reading_a_pipe_early(script: str) -> None:
    """With pipefail, who writes into a `grep -q` or `head` that has seen enough fails now and then."""
    text = (ROOT / "scripts" / script).read_text(encoding="utf-8")
    early = re.compile(r"\|\s*(grep -\w*q|head\b)")
    assert not [line for line in text.splitlines() if early.search(line) and not line.startswith("#")]
