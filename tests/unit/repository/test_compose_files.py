"""The compose files and what is told of them, as text and as YAML: no engine is needed."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import pytest
import yaml

from services.server.healthcheck import DEADLINE_S

ROOT = Path(__file__).parents[3]
FILES = ("docker-compose.yml", "compose.cluster.yml")
CHECKED = (*FILES, "deploy/swarm.yml")

HANGS_FOR_S = 20.0
"""A container that hangs is unhealthy by then."""


def services(file: str) -> dict[str, dict[str, Any]]:
    """Return the services of a compose file with what they share merged in, without Compose's own tags."""
    text = re.sub(r"!(reset|override)\b", "", (ROOT / file).read_text())
    return dict(yaml.safe_load(text)["services"])


@pytest.mark.parametrize("service", ["player", "conformance"])
def test_what_people_run_depends_on_nothing(service: str) -> None:
    """Compose has nothing to bring in line when somebody plays or judges: no service is named by these."""
    found = services("docker-compose.yml")[service]
    assert found["profiles"]
    assert not {"depends_on", "links", "volumes_from"} & found.keys()
    assert service not in services("compose.cluster.yml")


def test_every_setting_is_in_the_example() -> None:
    """What the compose files ask the environment for, .env.example tells, save the terminal's own."""
    told = set(re.findall(r"^#?([A-Z_]+)=", (ROOT / ".env.example").read_text(), re.MULTILINE))
    asked = {name for file in FILES for name in re.findall(r"\$\{([A-Z_]+)", (ROOT / file).read_text())}
    assert asked - told == {"NAME", "TERM"}  # the first is the word in a comment
    assert {"COMPOSE_PROJECT_NAME", "COMPOSE_FILE"} <= told


@pytest.mark.parametrize("file", FILES)
def test_no_container_swaps_or_mounts_this_folder(file: str) -> None:
    """Memory limits count swap too, and what a program reads does not depend on the working copy's rights."""
    for name, service in services(file).items():
        if "image" not in service:
            continue  # changes what the other file says
        assert service["memswap_limit"] == service["mem_limit"], name
        assert not [volume for volume in service.get("volumes", ()) if volume.startswith(".")], name


def test_line_ends_are_those_of_the_containers() -> None:
    """No working copy turns scripts and settings into files with CR LF."""
    assert "* text=auto eol=lf" in (ROOT / ".gitattributes").read_text().splitlines()


@pytest.mark.parametrize("file", sorted(path.name for path in ROOT.glob("Dockerfile.*")))
def test_what_images_take_from_this_folder_can_be_read_by_their_users(file: str) -> None:
    """A clone made under umask 077 builds the same: what is not installed by a tool is given its rights."""
    for stage in (ROOT / file).read_text().split("\nFROM ")[1:]:
        if not stage.partition("\n")[0].endswith(" AS build"):
            copies = [line for line in stage.splitlines() if line.startswith("COPY ")]
            assert all("--from=" in line or "--chmod=" in line for line in copies), copies
            # To a folder that is there: one that COPY made would have the mode of the file.
            targets = [line.split()[-1] for line in copies if "--chmod=" in line]
            assert all(target == "./" or target.count("/") == 1 for target in targets), targets


@pytest.mark.parametrize("file", CHECKED)
def test_checks_tell_busy_from_dead(file: str) -> None:
    """Each check has its own deadline, three tries, and time to start; what hangs is found within 20 s."""
    checks = {name: one["healthcheck"] for name, one in services(file).items() if "healthcheck" in one}
    assert checks
    for name, one in checks.items():
        words = " ".join(one["test"])
        given = re.search(r"\bread -rt (\d+) ", words)
        deadline_s = float(given[1]) if given else DEADLINE_S
        assert given or "services.server.healthcheck" in words, name
        interval_s, timeout_s = (float(one[field].removesuffix("s")) for field in ("interval", "timeout"))
        assert one["retries"] >= 3, name
        assert timeout_s >= 4 * deadline_s, name
        assert one["retries"] * (interval_s + deadline_s) < HANGS_FOR_S, name


def test_a_silent_resolver_takes_no_server_out() -> None:
    """The balancer keeps for a day what it knew when names are not answered: its checks judge servers."""
    settings = (ROOT / "cluster/haproxy.cfg").read_text()
    kept = dict(re.findall(r"^ +hold (\w+) (\S+)$", settings, re.MULTILINE))
    assert {kept[why] for why in ("refused", "timeout", "other")} == {"24h"}


def test_the_balancer_listens_where_its_ports_are_published() -> None:
    """To containers with IPv6 Docker passes on by IPv6 what it is told to publish there: BIND says which."""
    assert services("compose.cluster.yml")["balancer"]["environment"]["BIND"] == "${BIND:-127.0.0.1}"
    settings = (ROOT / "cluster/haproxy.cfg").read_text()
    for port in (4000, 4001):
        assert re.search(rf'^\.if strstr\("\$BIND",:\)\n +bind :::{port} v6only', settings, re.MULTILINE)
