"""The page's server, started as a user would: routes, headers, JSON and the stream."""

from __future__ import annotations

import contextlib
import http.client
import json
import os
import signal
import socket
import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from tests.support.dashboard import dashboard
from tests.support.scripted_server import ScriptedServer

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tests.support.scripted_server import Peer


def one_player(peer: Peer) -> None:
    """Play a server with one player, who has guessed once."""
    peer.receive()
    peer.send("Admin-Greetings")
    peer.receive()
    peer.send("End", "Joined 10.0.0.1 5", "Guessed 10.0.0.1 5 7 Close")
    peer.wait_for_end()


def get(port: int, path: str, method: str = "GET", **headers: str) -> tuple[http.client.HTTPResponse, bytes]:
    """Make one request."""
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=20)
    connection.request(method, path, headers=headers)
    response = connection.getresponse()
    content = response.read()
    connection.close()
    return response, content


def events(response: http.client.HTTPResponse) -> Iterator[tuple[str, Any]]:
    """Read server-sent events."""
    kind = ""
    while line := response.readline().decode().rstrip("\n"):
        if line.startswith("event: "):
            kind = line.removeprefix("event: ")
        elif line.startswith("data: "):
            yield kind, json.loads(line.removeprefix("data: "))
            response.readline()
        elif line.startswith("retry: "):
            response.readline()


def test_the_state_once() -> None:
    """`/api/players` tells the board in the documented form."""
    with ScriptedServer(one_player) as server, dashboard(server.port) as (_, port):
        response, content = get(port, "/api/players")

    state = json.loads(content)
    assert (response.status, response.headers["content-type"]) == (200, "application/json")
    assert (state["version"], state["figures"]["playing"], state["link"]["watching"]) == (1, 1, True)
    assert [(row["ip"], row["tried"]) for row in state["players"]] == [("10.0.0.1", [[7, "Close"]])]


def test_the_state_as_a_stream() -> None:
    """`/api/events` begins with the state and goes on with changes, each at once."""
    told: list[Peer] = []

    def script(peer: Peer) -> None:
        told.append(peer)
        one_player(peer)

    with ScriptedServer(script) as server, dashboard(server.port) as (_, port):
        connection = http.client.HTTPConnection("127.0.0.1", port, timeout=20)
        connection.request("GET", "/api/events")
        response = connection.getresponse()
        stream = events(response)
        kind, state = next(stream)
        told[0].send("Guessed 10.0.0.1 5 9 Correct", "Won 10.0.0.1 5 2")
        changes = [next(stream)]
        while not changes[-1][1]["events"]:
            changes.append(next(stream))
        connection.close()

    assert response.headers["content-type"].startswith("text/event-stream")
    assert response.headers["x-accel-buffering"] == "no"
    assert (kind, [row["ip"] for row in state["players"]]) == ("state", ["10.0.0.1"])
    assert {kind for kind, _ in changes} == {"change"}
    change = changes[-1][1]
    assert change["figures"]["won"] == 1
    assert [event["kind"] for event in change["events"]] == ["guessed", "won"]
    assert change["players"][0]["won"] is not None


def test_health() -> None:
    """`/healthz` says that the page is there and whether the server is watched."""
    with ScriptedServer(one_player) as server, dashboard(server.port) as (_, port):
        response, content = get(port, "/healthz")

    assert response.status == 200
    assert json.loads(content) == {"version": 1, "status": "ok", "watching": True}


PATHS = ["/", "/page.js", "/page.css", "/icon.svg", "/api/players", "/healthz", "/nothing"]


def test_every_answer_is_guarded() -> None:
    """Every answer, errors included, carries the headers that keep a browser from anything else."""
    with ScriptedServer(one_player) as server, dashboard(server.port) as (_, port):
        answers = {path: get(port, path) for path in PATHS}

    for path, (response, _) in answers.items():
        assert response.status == (404 if path == "/nothing" else 200)
        policy = response.headers["content-security-policy"]
        assert "default-src 'none'" in policy
        assert "script-src 'self';" in policy
        assert "unsafe" not in policy
        assert response.headers["x-content-type-options"] == "nosniff"
        assert response.headers["referrer-policy"] == "no-referrer"
        assert "server" not in response.headers
    assert answers["/page.js"][0].headers["content-type"].startswith("text/javascript")


def test_the_page_names_nothing_elsewhere() -> None:
    """No file of the page names another origin, so that it works offline."""
    with ScriptedServer(one_player) as server, dashboard(server.port) as (_, port):
        files = [
            get(port, path)[1].decode()
            for path in ("/", "/page.js", "/players.js", "/charts.js", "/page.css")
        ]

    for text in files:
        assert "://" not in text.replace('"http://www.w3.org/2000/svg"', "")
        assert "innerHTML" not in text


@pytest.mark.parametrize(
    "path", ["/../settings.py", "/page/../../settings.py", "/%2e%2e/settings.py", "/page", "/healthz/"]
)
def test_nothing_else_is_served(path: str) -> None:
    """No path leads to a file that is not the page's."""
    with ScriptedServer(one_player) as server, dashboard(server.port) as (_, port):
        response, _ = get(port, path)

    assert response.status == 404


@pytest.mark.parametrize("method", ["POST", "PUT", "DELETE"])
def test_it_is_read_only(method: str) -> None:
    """Nothing can be changed: other methods than reading are refused."""
    with ScriptedServer(one_player) as server, dashboard(server.port) as (_, port):
        response, _ = get(port, "/api/players", method)

    assert response.status == 405


@pytest.mark.parametrize(("number", "status"), [(signal.SIGTERM, 0), (signal.SIGINT, 130)])
def test_a_signal_ends_it_while_somebody_looks_on(number: signal.Signals, status: int) -> None:
    """An open stream does not hold up the end, and is ended in order."""
    with ScriptedServer(one_player) as server, dashboard(server.port) as (process, port):
        connection = http.client.HTTPConnection("127.0.0.1", port, timeout=20)
        connection.request("GET", "/api/events")
        stream = events(connection.getresponse())
        next(stream)
        process.send_signal(number)
        assert process.wait(10) == status
        for _ in stream:
            pass
        connection.close()


def test_a_taken_port_is_one_clear_line() -> None:
    """A page that cannot be served is told, without a traceback, and the program ends with 1."""
    with socket.create_server(("127.0.0.1", 0)) as taken, ScriptedServer(one_player) as server:
        port = taken.getsockname()[1]
        done = subprocess.run(
            [sys.executable, "-m", "services.admin", "watch", "--port", str(server.port)],
            env={**os.environ, "GAME_DASHBOARD_PORT": str(port)},
            capture_output=True,
            text=True,
            timeout=20,
            check=False,
        )

    assert done.returncode == 1
    assert (
        done.stderr == f"guessing-admin: cannot serve the page at 127.0.0.1:{port}: Address already in use\n"
    )


@pytest.mark.parametrize("path", ["/", "/api/players", "/api/events", "/healthz"])
def test_a_foreign_name_is_not_answered(path: str) -> None:
    """A site whose name was made to lead here gets nothing (DNS rebinding, G-8); names that are set do."""
    with (
        ScriptedServer(one_player) as server,
        dashboard(server.port, GAME_DASHBOARD_NAMES="game.example") as (_, port),
    ):
        refused, content = get(port, path, "HEAD", Host="evil.example")
        told = get(port, path, Host=f"evil.example:{port}")[1]
        answers = [
            get(port, path, "HEAD", Host=host)[0].status
            for host in ("game.example", f"Game.Example:{port}", f"localhost:{port}", "[::1]:80", "192.0.2.7")
        ]

    assert (refused.status, content) == (421, b"")
    assert b"GAME_DASHBOARD_NAMES" in told
    assert answers == [200] * 5


@pytest.mark.parametrize(("descriptors", "connections"), [(1024, 1100), (160, 300)])
def test_connections_without_end_cost_no_descriptor(descriptors: int, connections: int) -> None:
    """More connections than there are descriptors: the health check is answered, and no line complains."""
    with (
        ScriptedServer(one_player) as server,
        dashboard(server.port, descriptors=descriptors) as (process, port),
        contextlib.ExitStack() as stack,
    ):
        for _ in range(connections):
            stack.enter_context(socket.create_connection(("127.0.0.1", port), timeout=20))
        response, content = get(port, "/healthz")
        held = len(list(Path(f"/proc/{process.pid}/fd").iterdir()))

    assert (response.status, json.loads(content)["watching"]) == (200, True)
    assert held < min(descriptors, 300)


@pytest.mark.parametrize(
    "octets",
    [
        b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03" + bytes(200),
        b"Hello\r\n\r\n",
        b"GET / HTTP/1.1\r\n" + b"x: y\r\n" * 5000,
        b"GET / HTTP/1.1\r\nConnection: Upgrade\r\nUpgrade: h2c\r\nHost: a\r\n\r\n",
    ],
    ids=["TLS", "another protocol", "a head without end", "an upgrade"],
)
def test_what_is_no_request_is_no_line_of_the_log(octets: bytes) -> None:
    """Anybody can send nonsense; it fills no log, and with `debug` it is an event of the contract."""
    with (
        ScriptedServer(one_player) as server,
        dashboard(server.port, GAME_LOG_LEVEL="debug") as (_, port),
        socket.create_connection(("127.0.0.1", port), timeout=20) as sock,
    ):
        sock.sendall(octets)
        with contextlib.suppress(ConnectionError):
            assert sock.recv(4096).startswith(b"HTTP/1.1 4")
        assert get(port, "/healthz")[0].status == 200


def test_scores_outlive_a_restart(tmp_path: Path) -> None:
    """Games that were won are in `/api/scores` by name, and still there after a kill."""

    def two_games(peer: Peer) -> None:
        peer.receive()
        peer.send("Admin-Greetings")
        peer.receive()
        peer.send("End", "Joined 10.0.0.1 5 ann", "Guessed 10.0.0.1 5 7 Correct", "Won 10.0.0.1 5 1")
        peer.send("Joined 10.0.0.1 6 ann", "Guessed 10.0.0.1 6 7 Correct", "Won 10.0.0.1 6 4")
        peer.wait_for_end()

    found = []
    with ScriptedServer(two_games, one_player) as server:
        for _ in range(2):
            with dashboard(server.port, GAME_HISTORY=str(tmp_path / "games.sqlite")) as (_, port):
                scores = json.loads(get(port, "/api/scores")[1])
                while scores["recorded"]["games"] < 2:
                    scores = json.loads(get(port, "/api/scores")[1])
                found.append((scores["version"], scores["ever"]))

    assert found == [(1, [{"name": "ann", "games": 2, "best": 1, "mean": 2.5}])] * 2


def test_no_variable_makes_a_pipe_a_terminal() -> None:
    """With FORCE_COLOR and TTY_COMPATIBLE, output into a pipe is still a JSON object a line."""
    with (
        ScriptedServer(one_player) as server,
        dashboard(server.port, FORCE_COLOR="1", TTY_COMPATIBLE="1") as (_, port),
    ):
        assert get(port, "/healthz")[0].status == 200
