"""The scripts, beside a docker that says what a test wants it to say."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from collections.abc import Sequence

ROOT = Path(__file__).parents[3]
UP_TO_DATE = {"version": "26.1.5", "compose": "2.26.1"}
UNSET = r"""
case "$*" in
*"--file - config"*)
    sed 's/.*:-\([^}]*\)}.*/"command": [\n"\1"/' # the default
    exit;;
esac"""
"""How Compose answers what a setting is."""


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


def run_script(
    clone: Path, name: str, docker: str, *, arguments: Sequence[str] = (), **settings: str
) -> subprocess.CompletedProcess[str]:
    """Run a script whose `docker` is a script of the given text, as a user who is nobody special."""
    path = clone.parent / "bin"
    path.mkdir(exist_ok=True)
    for word, text in {
        "docker": docker + UNSET,
        "id": "case $1 in -u) echo 1000;; *) echo ada;; esac",
    }.items():
        (path / word).write_text(f"#!/bin/bash\n{text}\n")
        (path / word).chmod(0o700)
    return subprocess.run(
        ["bash", str(clone / "scripts" / name), *arguments],
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


def test_an_engine_of_another_context_is_not_started_here(clone: Path) -> None:
    """Where Docker's context is not this machine's, the silence of its engine is told, with its name."""
    (clone.parent / "bin").mkdir()
    (clone.parent / "bin" / "dockerd").write_text("#!/bin/sh\n")
    (clone.parent / "bin" / "dockerd").chmod(0o700)
    docker = without_daemon("no route to host") + '\n[ "$*" != "context show" ] || echo desktop-linux'
    done = run_script(clone, "engine", docker)
    assert done.returncode == 1
    (line,) = done.stderr.splitlines()
    assert "context desktop-linux does not answer" in line
    assert "no route to host" in line


def test_images_are_those_of_compose(clone: Path) -> None:
    """An image is what Compose makes of the setting, whatever .env looks like."""
    noting = f"""
echo "$*" >>"{clone.parent}/asked"
case "$*" in
*"--file - config"*)
    grep -F '${{PYTHON_IMAGE:-python:3.13-slim}}' >/dev/null && printf '"command": [\n "mine"\n';;
esac"""
    run_script(clone, "engine", noting + engine(**UP_TO_DATE))
    asked = (clone.parent / "asked").read_text().splitlines()
    assert [line for line in asked if "inspect" in line] == ["image inspect mine"]


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


def test_a_folder_that_cannot_be_seen_is_not_gone(clone: Path) -> None:
    """Another user's working copy, which only its owner may look into, is a bar like one's own second."""
    unseen = clone.parent / "unseen"
    unseen.symlink_to(unseen)  # like a folder without rights, but for root too
    done = run_script(clone, "only-mine", listing(unseen))
    assert done.returncode == 1
    assert str(unseen) in done.stderr


@pytest.mark.parametrize("script", ["start", "upgrade", "down"])
def test_what_a_folder_runs_under_another_name_is_told(clone: Path, script: str) -> None:
    """Nothing is found, or a port is taken, because the name has changed: the other name is said."""
    docker = f"""
case "$*" in
"compose config --services") echo server;;
"compose config"*) printf '{{\n  "name": "game",\n}}\n';;
"compose up"*) exit 1;;
ps*'.project"}}}} {{{{'*) printf '%s\n' 'guessing-game {clone}' 'game {clone}' 'other {clone.parent}';;
esac"""
    done = run_script(clone, script, docker)
    told = [line for line in done.stderr.splitlines() if "too: COMPOSE_PROJECT_NAME=guessing-game" in line]
    assert len(told) == 1, done.stderr
    assert "COMPOSE_PROJECT_NAME=game" not in done.stderr
    assert "other" not in done.stderr


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


RUNS = """
echo "$*" >>"$(dirname "$0")/asked"
case "$*" in
"compose config --services") echo server; {balancer};;
"compose config"*) printf '{{\\n  "name": "game",\\n}}\\n';;
"ps "*working_dir*) ;;
"ps "*) echo {networks};;
{cases}
esac"""


def running(cases: str, *, meant: str = "one", runs: str = "one") -> str:
    """Return a docker that runs one server, or several behind a balancer, as the settings say or not."""
    word = {"one": ":", "several": "echo balancer"}
    networks = {"one": "game_players", "several": "game_balanced,game_lobby"}
    return RUNS.format(balancer=word[meant], networks=networks[runs], cases=cases)


def asked(clone: Path) -> list[str]:
    """Return what docker was asked for."""
    return (clone.parent / "bin" / "asked").read_text().splitlines()


def test_what_does_not_start_says_why(clone: Path) -> None:
    """After Compose's word that a container is not well come the lines that it wrote itself, each once."""
    docker = """
case "$*" in
"compose up"*) echo "container game-server-1 is unhealthy" >&2; exit 1;;
"compose ps"*) printf '%s\\n' 'a running 0 healthy' 'b restarting 2 ' 'c exited 0 ' \\
    'd exited 1 ' 'e running 0 unhealthy';;
logs*) echo "last words of ${@: -1}"; echo "last words of ${@: -1}" >&2;;
esac"""
    done = run_script(clone, "start", docker)
    assert done.returncode == 1
    assert done.stderr.splitlines()[1:] == [f"{name}: last words of {name}" for name in "bde"]


@pytest.mark.parametrize(("prefix", "times"), [("", 1), ("registry.example", 0)])
def test_nothing_is_built_under_the_name_of_what_is_published(clone: Path, prefix: str, times: int) -> None:
    """With IMAGE_PREFIX the scripts start the images of that name, and make none."""
    answer = f"""
echo "$*" >>"$(dirname "$0")/asked"
case "$*" in
*"--file - config"*) grep IMAGE_PREFIX >/dev/null && printf '"command": [\n "{prefix}"\n' && exit;;
esac"""
    assert run_script(clone, "start", answer, arguments=["--build"]).returncode == 0
    (up,) = [line for line in asked(clone) if line.startswith("compose up")]
    assert up.count("--build") == times


def test_a_demo_takes_over_no_game_that_runs(clone: Path) -> None:
    """What another command has started goes on: the demo says so in a line, and changes nothing."""
    done = run_script(clone, "demo", running(""))
    assert done.returncode == 1
    assert done.stderr.count("\n") == 1
    assert "runs already" in done.stderr
    assert not [line for line in asked(clone) if line.startswith(("compose up", "compose --project-name"))]


def test_settings_that_nothing_asks_for_are_told(clone: Path) -> None:
    """A misspelt setting in .env, or one of another version, has a line; the others have none."""
    (clone / "mine.yml").write_text("services: {server: {hostname: '${MINE}'}}\n")
    (clone / ".env").write_bytes(
        b"\xef\xbb\xbfPLAYER_PROT=1\r\nGAME_HIGH=50\r\nBOTS = 2\r\n#NOTHING=1\r\nexport SERVER=2\r\n"
        b"MINE=1\r\nPARTS=1\r\nPYTHON_IMAGE=${PARTS}\r\nCOMPOSE_FILE=x:mine.yml\r\n"
    )
    answer = """
case "$*" in
*"--file - config"*) grep COMPOSE_FILE >/dev/null && printf '"command": [\n "docker-compose.yml:mine.yml"\n';;
esac"""
    done = run_script(clone, "start", answer)
    assert done.returncode == 0
    assert [line.split()[4] for line in done.stderr.splitlines()] == ["PLAYER_PROT,", "SERVER,"]


@pytest.mark.parametrize("volumes", ["", "game_history"])
def test_a_demo_that_cannot_start_says_why_last(clone: Path, volumes: str) -> None:
    """The reason stays in sight, all that was started is gone, and what was kept from before stays."""
    docker = f"""
echo "$*" >>"$(dirname "$0")/asked"
case "$*" in
"compose config"*) printf '{{\\n  "name": "game",\\n}}\\n';;
"volume ls"*) echo "{volumes}";;
"compose up"*) echo "not well" >&2; exit 1;;
"compose ps"*) echo "game-server-1 restarting 2 ";;
logs*) echo "GAME_HIGH: not a whole number";;
*down*) echo "Container game-server-1 Removed" >&2;;
esac"""
    done = run_script(clone, "demo", docker)
    assert done.returncode == 1
    assert done.stderr.splitlines() == ["not well", "game-server-1: GAME_HIGH: not a whole number"]
    (down,) = [line for line in asked(clone) if " down " in line]
    assert ("--volumes" in down) == (not volumes)


def test_a_topology_that_lacks_a_service_is_removed_too(clone: Path) -> None:
    """Compose gives up where a service is gone on which others depend: then all goes by label."""
    docker = """
echo "$*" >>"$(dirname "$0")/asked"
case "$*" in
"compose config"*) printf '{\\n  "name": "game",\\n}\\n';;
*"down --volumes"*) echo "could not find server: not found" >&2; exit 1;;
"ps"*"--quiet --filter label=com.docker.compose.project=game") echo bot;;
"network ls"*project=game) echo players;;
"volume ls"*project=game) echo history;;
esac"""
    assert run_script(clone, "down", docker).returncode == 0
    gone = ["stop bot", "rm --force --volumes bot", "network rm players", "volume rm history"]
    assert [line for line in asked(clone) if line in gone] == gone


@pytest.mark.parametrize("script", ["upgrade", "same-topology"])
@pytest.mark.parametrize(("meant", "runs"), [("one", "several"), ("several", "one")])
def test_no_shell_makes_another_topology_of_what_runs(
    clone: Path, script: str, meant: str, runs: str
) -> None:
    """Where a shell does not know that a cluster runs, or believes in one, a line says so and all goes on."""
    done = run_script(clone, script, running("", meant=meant, runs=runs))
    assert done.returncode == 1
    assert done.stderr.count("\n") == 1
    assert "COMPOSE_FILE" in done.stderr
    assert not [line for line in asked(clone) if line.startswith(("compose up", "compose run"))]


def test_the_same_topology_is_no_bar(clone: Path) -> None:
    """What runs as the settings say may be brought in line with them."""
    for topology in ("one", "several"):
        done = run_script(clone, "same-topology", running("", meant=topology, runs=topology))
        assert (done.returncode, done.stderr) == (0, "")


@pytest.mark.parametrize(
    ("certs", "state", "told"),
    [
        ("exit 2", "running 0 healthy", "no certificates"),
        (":", "exited 0 unhealthy", "the new server does not come up"),
    ],
    ids=["certificates", "server"],
)
def test_the_only_server_is_not_ended_for_one_that_does_not_come_up(
    clone: Path, certs: str, state: str, told: str
) -> None:
    """What is new is tried beside the server that runs; where it fails, it goes, and says why."""
    cases = f"""
"compose ps --quiet server") echo old;;
*"run --rm"*certs) {certs};;
*"run --detach"*server) echo new;;
inspect*) echo "{state}";;
logs*) echo "GAME_HIGH: not a whole number"; echo "GAME_HIGH: not a whole number";;"""
    done = run_script(clone, "upgrade", running(cases))
    assert done.returncode == 1
    assert told in done.stderr.splitlines()[-1]
    assert done.stderr.count("GAME_HIGH") == (0 if "exit" in certs else 1)
    changed = [line for line in asked(clone) if line.startswith(("compose up", "stop", "rm "))]
    assert changed == ([] if "exit" in certs else ["rm --force --volumes new"])


@pytest.mark.parametrize("here", ["true", "false"])
def test_new_settings_need_no_registry(clone: Path, here: str) -> None:
    """Where nothing can be pulled, an upgrade goes on with the images that are here; without them it ends."""
    cases = f"""
"compose ps --quiet server") echo old;;
*"--file - config"*) grep IMAGE_PREFIX >/dev/null && printf '"command": [\n "mine"\n' && exit;;
*pull*) echo "no such host" >&2; exit 1;;
"image inspect"*) {here}; exit;;
*"run --detach"*server) echo new;;
inspect*) echo "running 0 healthy";;"""
    done = run_script(clone, "upgrade", running(cases))
    assert done.stderr.startswith("no such host\nupgrade: n")
    assert (done.returncode == 0, "serve that are here" in done.stderr) == (here == "true",) * 2
    assert ("rm --force --volumes new" in asked(clone)) == (here == "true")


@pytest.mark.parametrize("event", ["certificates_kept", "certificates_made"])
def test_a_server_reads_certificates_that_an_upgrade_has_renewed(clone: Path, event: str) -> None:
    """The administrator has a new certificate at once, so a server that stays is told of it."""
    cases = f"""
"compose ps --quiet server") echo old;;
*"run --rm"*certs) echo '{{"event":"{event}"}}';;
*"run --detach"*server) echo new;;
inspect*) echo "running 0 healthy";;"""
    done = run_script(clone, "upgrade", running(cases))
    assert done.returncode == 0, done.stderr
    assert ("compose kill --signal HUP server" in asked(clone)) == (event == "certificates_made")


CLUSTER = """
"compose ps --quiet server") [ -e "$(dirname "$0")/new" ] && echo new; echo old;;
"compose ps --status paused"*) echo paused;;
"network inspect"*) echo 10.214.77.0/24 10.214.77.128/25;;
"compose up"*--scale*) touch "$(dirname "$0")/new";;
"rm "*new) rm "$(dirname "$0")/new";;
"compose exec"*) printf '1\\n# be_id\\n'
    for backend in players administrators; do
        for server in old new; do echo "3 $backend 1 $server $server 2 0"; done
    done;;
"inspect"*State*new) echo "{state}";;
"inspect"*) echo "${{@: -1}}";;"""


@pytest.mark.parametrize("script", ["upgrade", "same-topology"])
@pytest.mark.parametrize(
    ("network", "told"),
    [
        (
            "10.1.2.0/24 10.1.2.128/25",
            "BALANCED_PREFIX means 10.214.77.0/24, and what is here is in 10.1.2.0/24:",
        ),
        ("10.214.77.0/24", "that of an older version"),
    ],
)
def test_no_script_changes_a_network(clone: Path, script: str, network: str, told: str) -> None:
    """Another network than that of the settings is told in a line: to change it ends all servers at once."""
    cluster = CLUSTER.format(state="running 0 healthy").replace("10.214.77.0/24 10.214.77.128/25", network)
    done = run_script(clone, script, running(cluster, meant="several", runs="several"))
    assert done.returncode == 1
    assert done.stderr.count("\n") == 1
    assert told in done.stderr
    assert not [line for line in asked(clone) if line.startswith(("compose up", "compose run", "stop"))]


def test_no_server_gives_way_to_one_that_only_the_balancer_believes_in(clone: Path) -> None:
    """A balancer takes a newcomer for well until its first check: one that is restarted replaces nobody."""
    done = run_script(
        clone,
        "upgrade",
        running(CLUSTER.format(state="restarting 0 starting"), meant="several", runs="several"),
    )
    assert done.returncode == 1
    assert "the new server does not come up" in done.stderr
    assert "gave way" not in done.stderr
    assert [line for line in asked(clone) if line.startswith(("stop", "rm "))] == ["rm --force --volumes new"]


def test_an_upgrade_begins_without_the_servers_that_ended_and_wakes_the_paused(clone: Path) -> None:
    """Compose would start an ended one again in place of a new one, and none beside a paused one."""
    run_script(
        clone, "upgrade", running(CLUSTER.format(state="exited 0 starting"), meant="several", runs="several")
    )
    lines = asked(clone)
    (start,) = [at for at, line in enumerate(lines) if "--scale server=2" in line]
    assert {"compose rm --force --volumes server", "unpause paused"} <= set(lines[start - 4 : start])


@pytest.mark.parametrize(
    "script", sorted(path.name for path in (ROOT / "scripts").iterdir() if path.is_file())
)
def test_nothing_stops_reading_a_pipe_early(script: str) -> None:
    """With pipefail, who writes into a `grep -q` or `head` that has seen enough fails now and then."""
    text = (ROOT / "scripts" / script).read_text(encoding="utf-8")
    early = re.compile(r"\|\s*(grep -\w*q|head\b)")
    assert not [line for line in text.splitlines() if early.search(line) and not line.startswith("#")]
