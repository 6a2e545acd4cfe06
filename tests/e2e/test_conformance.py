"""The kit in containers: it judges the running topology, the clients of the image, and submissions."""

from __future__ import annotations

import csv
import json
import os
import shutil
import signal
import subprocess
import sys
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

import docker
import pytest

from services.conformance import containers
from services.conformance.cli import run
from services.conformance.pages import rows_in
from services.conformance.submission import UnfitError
from tests.support.conformance.judging import ROOT

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping
    from pathlib import Path

    from docker import DockerClient

    from tests.support.topology import Topology

CLASS = ROOT / "tests/support/conformance/class"
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
def test_server_of_the_topology_holds_every_level(topology: Topology) -> None:
    """The server of the real compose file, encrypted and with bots at play, passes every clause."""
    topology.run("stop", "admin")
    try:
        report = judge(topology, "server", "server", *ENCRYPTED)
    finally:
        topology.run("start", "admin")
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


LABEL: dict[str, str | list[str] | bool] = {"label": "guessing-game.conformance=batch"}


@pytest.fixture
def engine() -> Iterator[DockerClient]:
    """Return an engine; whatever a test leaves of the kit's containers is a fault."""
    engine = docker.from_env()
    yield engine
    left = engine.containers.list(all=True, filters=LABEL)
    engine.close()
    assert left == []


def batch(folder: Path, *arguments: str) -> tuple[int, dict[str, dict[str, str]]]:
    """Judge a folder of submissions; return the exit status, and the rows by their names."""
    table = folder.parent / "marks.csv"
    status = run(["batch", str(folder), "--image", IMAGE, "--csv", str(table), *arguments], os.environ)
    with table.open(encoding="utf-8") as file:
        return status, {row["submission"]: row for row in csv.DictReader(file)}


def submit(folder: Path, command: str, files: Mapping[str, str]) -> None:
    """Hand a submission in."""
    folder.mkdir(parents=True)
    (folder / "command").write_text(command, encoding="utf-8")
    for name, text in files.items():
        (folder / name).write_text(text, encoding="utf-8")


@pytest.mark.timeout(300)
@pytest.mark.usefixtures("engine")
def test_batch_judges_confined_submissions(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """A class with hostile submissions: none gets out or spoils the marks of another (G-12, G-13)."""
    folder = tmp_path / "class"
    shutil.copytree(SUBMISSIONS, folder)
    submit(folder / "links", "cat x", {})
    (folder / "links" / "x").symlink_to("/etc/passwd")
    (folder / "copied").symlink_to("student")
    submit(folder / "\x1b[31m=red", "python3 -c 'print(1)'\r\n", {})
    reports = tmp_path / "reports"
    status, rows = batch(folder, "--reports", str(reports), "--jobs", "4")
    assert status == 1
    assert {"P-5", "P-6"} <= set(rows["student"]["broken"].split())
    assert int(rows["student"]["points"]) > 50
    text = (reports / "student.txt").read_text(encoding="utf-8")
    assert "> My Guess is: 31\\r\\n" in text
    assert "IndexError: list index out of range" in text
    # What the prisoner says of its prison is in the note, since it never listens.
    note = rows["prisoner"]["note"]
    assert "networks: ['lo'] root: False" in note
    assert "Read-only file system" in note
    assert "wrote" not in note
    assert "killed by signal 9" in rows["glutton"]["note"]
    assert "No space left on device" in rows["filler"]["note"]
    assert "it printed: forking" in rows["forker"]["note"]
    assert "\\x1b[31mred" in rows["chatterer"]["note"]
    assert "x is a link that leads out of the submission" in rows["links"]["note"]
    assert "it is a symbolic link" in rows["copied"]["note"]
    assert "it printed: 1" in rows["\\x1b[31m=red"]["note"]
    said = capsys.readouterr()
    assert "\x1b" not in said.out + said.err


PLAYER = """
import os, socket
first = socket.getaddrinfo("localhost", os.environ["GAME_PORT"], type=socket.SOCK_STREAM)[0]
server = socket.socket(*first[:3])
server.connect(first[4])
replies = server.makefile("r", newline="\\n")
def ask(line):
    server.sendall((line + "\\r\\n").encode())
    return replies.readline()
ask("Hello")
ask("Game")
for number in range(1, 31):
    reply = ask("My Guess is: " + str(number))
    if not reply or reply.startswith(("Correct", "Refused")):
        break
"""
ADMINISTRATOR = """
import socket
assert socket.gethostbyname(socket.gethostname()) == "127.0.0.1"
server = socket.create_connection(("127.0.0.1", 4001))
replies = server.makefile("r", newline="\\n")
server.sendall(b"Hello\\r\\n")
if replies.readline().startswith("Admin-Greetings"):
    server.sendall(b"Who\\r\\n")
    print(replies.read())
"""


@pytest.mark.timeout(300)
@pytest.mark.usefixtures("engine")
def test_batch_judges_clients_and_one_alone(tmp_path: Path) -> None:
    """Players' and administrators' clients are judged as servers are; `--only` changes one row alone."""
    folder = tmp_path / "class"
    submit(folder / "ada", "python3 client.py", {"client.py": PLAYER})
    submit(folder / "linus", "python3 client.py", {"client.py": PLAYER.replace("Hello", "Hi")})
    level = ("--level", "classic")
    _, before = batch(folder, "--kind", "client", *level)
    assert before["ada"]["points"] == "100"
    assert before["linus"]["broken"].split() == ["C-1"]
    (folder / "linus" / "client.py").write_text(PLAYER, encoding="utf-8")
    status, after = batch(folder, "--kind", "client", "--only", "linus", *level)
    assert status == 0
    assert after["ada"] == before["ada"]
    assert after["linus"]["points"] == "100"
    for name in ("ada", "linus"):
        (folder / name / "admin.py").write_text(ADMINISTRATOR, encoding="utf-8")
    (folder / "linus" / "Makefile").write_text("all:\n\techo cannot be built; exit 3\n", encoding="utf-8")
    arguments = ("--kind", "admin-client", "--command", "python3 built.py", *level)
    _, rows = batch(folder, *arguments, "--build", "cp admin.py built.py")
    assert {row["points"] for row in rows.values()} == {"100"}
    matrix = tmp_path / "matrix"
    batch(folder, *arguments, "--build", "cp admin.py built.py", "--html", str(matrix))
    _, rows = batch(folder, *arguments, "--only", "linus", "--html", str(matrix))
    assert "the build (make) failed" in rows["linus"]["note"]
    assert [(row.name, row.points) for row in rows_in(matrix)] == [("ada", 100), ("linus", 0)]


@pytest.mark.usefixtures("engine")
def test_sandbox_judges_this_folder(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """A client is judged in a container, on a copy of the folder that the kit was started in."""
    submit(tmp_path / "mine", "", {"client.py": f"open('seen', 'w')\n{PLAYER}"})
    monkeypatch.chdir(tmp_path / "mine")
    arguments = ["client", "--sandbox", "--image", IMAGE, "--level", "classic", "--json"]
    assert run([*arguments, "--", "python3", "client.py"], os.environ) == 0
    assert json.loads(capsys.readouterr().out)["points"] == 100
    assert not (tmp_path / "mine" / "seen").exists()


@contextmanager
def events(engine: DockerClient, name: str) -> Iterator[Iterator[object]]:
    """Follow what happens to the kit's containers."""
    stream = engine.events(filters={**LABEL, "event": name}, decode=True)
    try:
        yield stream
    finally:
        stream._response.close()  # type: ignore[attr-defined]


HANGING = "python3 -c 'import signal; signal.pause()'"


@pytest.mark.parametrize("ended_by", [signal.SIGTERM, signal.SIGINT])
def test_containers_end_with_the_batch(
    ended_by: signal.Signals, tmp_path: Path, engine: DockerClient
) -> None:
    """A batch that is told to end takes its containers with it, and begins no more (G-12)."""
    for name in ("ada", "grace", "linus"):
        submit(tmp_path / "class" / name, HANGING, {})
    command = [
        sys.executable,
        "-m",
        "services.conformance",
        "batch",
        str(tmp_path / "class"),
        "--image",
        IMAGE,
    ]
    with (
        events(engine, "start") as begun,
        subprocess.Popen(command, cwd=ROOT, stderr=subprocess.PIPE) as process,
    ):
        next(begun)
        process.send_signal(ended_by)
        _, complaint = process.communicate()
    assert process.returncode == 130
    assert b"Traceback" not in complaint


def test_container_ends_by_itself(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, engine: DockerClient
) -> None:
    """The deadline is in the container: nobody outside needs to live for it to be removed (G-12)."""
    submit(tmp_path / "ada", HANGING, {})
    monkeypatch.setattr(containers, "GRACE_S", 1)
    with events(engine, "destroy") as ended, containers.Containers(IMAGE) as cells:
        monkeypatch.setattr(cells, "_remove", lambda _: None)
        with pytest.raises(UnfitError, match="its container was ended"):
            cells.judge(
                tmp_path / "ada",
                ["server", "127.0.0.1", "--server-command", HANGING],
                build_s=0,
                judging_s=1,
            )
        next(ended)


LEAVING = """
import os, signal, sys
from pathlib import Path
from docker.models.containers import Container
from services.conformance.containers import Containers
def start(self):
    print(self.id, flush=True)
    {then}
Container.start = start
with Containers({image!r}) as cells:
    cells.judge(Path(sys.argv[1]), ["server", "127.0.0.1"])
"""


@contextmanager
def about_to_start(folder: Path, then: str) -> Iterator[tuple[subprocess.Popen[str], str]]:
    """Run a batch up to where it would start a container that it has made; return the container's id too."""
    code = LEAVING.format(then=then, image=IMAGE)
    with subprocess.Popen(
        [sys.executable, "-c", code, str(folder)], cwd=ROOT, stdout=subprocess.PIPE, text=True
    ) as process:
        assert process.stdout is not None
        yield process, process.stdout.readline().strip()


def test_what_a_dead_batch_has_left_is_removed(tmp_path: Path, engine: DockerClient) -> None:
    """A container that a killed batch has made and not started goes with the next batch; others stay."""
    submit(tmp_path / "ada", HANGING, {})
    left = engine.containers
    with about_to_start(tmp_path / "ada", "os.kill(os.getpid(), signal.SIGKILL)") as (killed, dead):
        assert killed.wait() == -signal.SIGKILL
    assert left.get(dead).status == "created"
    with about_to_start(tmp_path / "ada", "signal.pause()") as (waiting, living):
        with containers.Containers(IMAGE):
            assert left.list(all=True, filters={"id": dead}) == []
            assert left.get(living).status == "created"
        waiting.kill()
    with containers.Containers(IMAGE):
        assert left.list(all=True, filters={"id": living}) == []


PLAINLY = """
def plainly(conn, address):
    return conn, (address[0].removeprefix("::ffff:"), address[1])
"""


@pytest.mark.timeout(300)
@pytest.mark.usefixtures("engine")
def test_servers_are_reached_wherever_they_listen(tmp_path: Path) -> None:
    """It does not matter to which address of its container a server binds, by number or by name."""
    server = (CLASS / "ada/server.py").read_text(encoding="utf-8")
    name = "socket.getaddrinfo(socket.gethostname(), 0)[0][4][0]"
    for folder, family, host in (
        ("every", "AF_INET", "'0.0.0.0'"),
        ("every-6", "AF_INET6", "'::'"),
        ("loopback-6", "AF_INET6", "'::1'"),
        ("name", "AF_INET", "socket.gethostname()"),
        ("name-6", "AF_INET6", name),
    ):
        bound = PLAINLY + server.replace("socket.socket()", f"socket.socket(socket.{family})")
        bound = bound.replace('bind((""', f"bind(({host}").replace("*listener", "*plainly(*listener")
        bound = bound.replace("listener.accept())", "listener.accept()))")
        submit(tmp_path / "class" / folder, "python3 server.py", {"server.py": bound})
    _, rows = batch(tmp_path / "class", "--level", "classic")
    assert {name: row["points"] for name, row in rows.items()} == dict.fromkeys(rows, "100"), rows
