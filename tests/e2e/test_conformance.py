"""The kit in containers: it judges the running topology, the clients of the image, and submissions."""

from __future__ import annotations

import csv
import json
import os
from typing import TYPE_CHECKING, Any

import docker
import pytest

from services.conformance.cli import run
from tests.support.conformance.judging import ROOT

if TYPE_CHECKING:
    from pathlib import Path

    from tests.support.topology import Topology

SUBMISSIONS = ROOT / "tests/support/conformance/submissions"
IMAGE = os.environ.get("PYTHON_IMAGE", "python:3.13-slim")
ENCRYPTED = (
    "--ca",
    "/certs/public/ca.pem",
    "--cert",
    "/certs/admin/cert.pem",
    "--key",
    "/certs/admin/key.pem",
)


def judge(topology: Topology, *arguments: str) -> dict[str, Any]:
    """Run the kit in its container, at the highest level; return its report, once nothing has failed."""
    # By itself, since what a build says would stand before the report.
    topology.run("build", "conformance")
    command = ("run", "--rm", "-T", "conformance", arguments[0], "--level", "extended", "--json")
    report: dict[str, Any] = json.loads(topology.run(*command, *arguments[1:]))
    assert [check for check in report["checks"] if check["outcome"] in {"fail", "not judged"}] == []
    assert report["holds"]
    return report


@pytest.mark.timeout(300)
def test_server_of_the_topology_holds_every_level(own_topology: Topology) -> None:
    """The server of the real compose file, encrypted and with bots at play, passes every clause."""
    own_topology.run("stop", "admin")
    report = judge(own_topology, "server", "server", *ENCRYPTED)
    outcomes = {check["name"]: check["outcome"] for check in report["checks"]}
    for name in ("crowd", "told", "seat-taken", "slow-watcher", "admin-plain-text", "admin-certificate"):
        assert outcomes[name] == "pass", name


@pytest.mark.timeout(300)
@pytest.mark.parametrize(
    ("subject", "program"),
    [
        ("client", ("services.player", "--bot", "smart", "--games", "1", "--think", "0-0")),
        ("admin-client", ("services.admin", "who")),
    ],
)
def test_clients_of_the_image_hold_every_level(
    subject: str, program: tuple[str, ...], topology: Topology
) -> None:
    """The clients that the image holds pass every clause for clients."""
    judge(topology, subject, "--", "python", "-m", *program, "--port", "{port}")


@pytest.mark.timeout(300)
def test_batch_judges_confined_submissions(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Each submission is judged in a container without network or rights, and nothing is left behind."""
    table, reports = tmp_path / "summary.csv", tmp_path / "reports"
    arguments = ["batch", str(SUBMISSIONS), "--image", IMAGE, "--judge-image", IMAGE]
    assert run([*arguments, "--csv", str(table), "--reports", str(reports)], os.environ) == 1
    with table.open(encoding="utf-8") as file:
        rows = {row["submission"]: row for row in csv.DictReader(file)}
    assert rows["student"]["holds"] == "no"
    assert "P-5" in rows["student"]["broken"].split()
    assert "> abc\\r\\n" in (reports / "student.txt").read_text(encoding="utf-8")
    # What the prisoner says of its prison is in the note, since it never listens.
    note = rows["prisoner"]["note"]
    assert "networks: ['lo'] user: 65534" in note
    assert "Read-only file system" in note
    assert "wrote" not in note
    assert "student" in capsys.readouterr().out
    engine = docker.from_env()
    try:
        assert engine.containers.list(all=True, filters={"label": "guessing-game.conformance=batch"}) == []
    finally:
        engine.close()
