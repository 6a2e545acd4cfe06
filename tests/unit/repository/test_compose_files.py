"""The compose files and what is told of them, as text and as YAML: no engine is needed."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import pytest
import yaml

ROOT = Path(__file__).parents[3]
FILES = ("docker-compose.yml", "compose.cluster.yml")


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
