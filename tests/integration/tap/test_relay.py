"""The tap between sockets: everything goes through unchanged, and is shown."""

from __future__ import annotations

import asyncio
import contextlib
import gc
import itertools
import json
import os
import select
import signal
import socket
import struct
import subprocess
import sys
import threading
from typing import TYPE_CHECKING, Any, Self

import pytest

from services.runtime.connecting import Target
from services.tap.follow import Port
from services.tap.players import Players
from services.tap.relay import Relay
from tests.support.certificates import ADMINISTRATOR, CLIENT_AUTH, LOCALHOST, SERVER_AUTH, Authority
from tests.support.line_client import LineClient
from tests.support.server_process import ServerProcess
from tests.support.signals import storm

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from services.tap.render import Entry

WAIT_S = 20.0
RESET = struct.pack("ii", 1, 0)


class TapProcess:
    """A tap on free ports, as a process; its JSON lines are read as they come."""

    def __init__(
        self, port: int, admin_port: int, *flags: str, listen: str = "0", descriptors: int = 0
    ) -> None:
        limit = f"ulimit -n {descriptors}; " if descriptors else ""
        self._process = subprocess.Popen(
            [
                *("bash", "-c", f'{limit}exec "$0" "$@"'),
                *(
                    sys.executable,
                    "-m",
                    "services.tap",
                    "--json",
                    "--listen",
                    listen,
                    "--to",
                    f"localhost:{port}",
                ),
                *("--admin-to", str(admin_port), *flags),
            ],
            env={name: value for name, value in os.environ.items() if not name.startswith(("GAME_", "TAP_"))},
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )
        assert self._process.stdout is not None
        assert self._process.stderr is not None
        self.output = self._process.stdout
        self.said = ""
        ports: list[int] = []
        while len(ports) < 2:
            line = self._process.stderr.readline()
            assert line, self.said
            self.said += line
            if " go to " in line:
                ports.append(int(line.split(" go to ")[0].rpartition(":")[2]))
        self.player, self.admin = (("127.0.0.1", port) for port in ports)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._process.kill()
        self._process.communicate()

    def wait(self) -> tuple[int, str]:
        """Return its exit status and its complaints, without reading what it shows."""
        assert self._process.stderr
        return self._process.wait(WAIT_S), self._process.stderr.read()

    def terminate(self) -> None:
        """Send it SIGTERM."""
        self._process.terminate()

    def stop(self) -> tuple[int, list[dict[str, Any]]]:
        """Stop it as Ctrl-C does; return its exit status and what it showed."""
        self._process.send_signal(signal.SIGINT)
        output, errors = self._process.communicate(timeout=WAIT_S)
        assert not errors
        return self._process.returncode, [json.loads(line) for line in output.splitlines()]

    def stop_impatiently(self, *numbers: signal.Signals) -> int:
        """Stop it with signals one after the other until it has ended; return its exit status."""
        return storm(self._process, *numbers)

    def until(self, text: str) -> dict[str, Any]:
        """Read on until an entry with this text."""
        for line in self.output:
            entry: dict[str, Any] = json.loads(line)
            if text in entry["text"]:
                return entry
        raise AssertionError(text)


@pytest.fixture
def listener() -> Iterator[socket.socket]:
    """Give a server's socket, for a test that plays the server itself."""
    with socket.create_server(("127.0.0.1", 0)) as sock:
        sock.settimeout(WAIT_S)
        yield sock


@contextlib.contextmanager
def both_ends(listener: socket.socket) -> Iterator[tuple[TapProcess, socket.socket, socket.socket]]:
    """Give a tap, and a client's and a server's socket that it stands between."""
    with (
        TapProcess(listener.getsockname()[1], 1) as tap,
        socket.create_connection(tap.player, timeout=WAIT_S) as client,
        listener.accept()[0] as server,
    ):
        server.settimeout(WAIT_S)
        yield tap, client, server


def read_all(sock: socket.socket) -> bytes:
    """Read up to the end of the stream."""
    return b"".join(iter(lambda: sock.recv(65536), b""))


def test_a_game_with_our_server() -> None:
    """A game through the tap is won as without it; each line is shown with its sender, and none is marked."""
    with (
        ServerProcess(GAME_LOW="1", GAME_HIGH="2", GAME_CLOSE_DISTANCE="1") as server,
        TapProcess(server.player[1], server.admin[1]) as tap,
    ):
        with LineClient(tap.player) as player:
            assert [player.ask(line) for line in ("Hello", "Game")] == ["Greetings", "Ready"]
            assert player.ask("1") == "Correct" or player.ask("2") == "Correct"
            assert player.read_rest() == b""
        with LineClient(tap.admin) as administrator:
            assert administrator.ask("Hello") == "Admin-Greetings"
            assert administrator.ask("Who") == ""
        status, entries = tap.stop()
    assert status == 0
    lines = [(entry["port"], entry["from"], entry["text"]) for entry in entries if entry["kind"] == "line"]
    assert lines[:4] == [
        ("player", "client", "Hello"),
        ("player", "server", "Greetings"),
        ("player", "client", "Game"),
        ("player", "server", "Ready"),
    ]
    assert ("admin", "server", "Admin-Greetings") in lines
    assert not [entry for entry in entries if entry["findings"]]
    assert [entry["at_s"] for entry in entries] == sorted(entry["at_s"] for entry in entries)


def test_encrypted_towards_the_server(tmp_path: Path) -> None:
    """A plain client plays on a server that wants TLS, and is its administrator by the tap's certificate."""
    authority = Authority(tmp_path)
    own = authority.sign("server", *LOCALHOST, usage=SERVER_AUTH)
    admin = authority.sign("admin", *ADMINISTRATOR, usage=CLIENT_AUTH)
    settings = {"GAME_TLS_CERT": str(own.cert), "GAME_TLS_KEY": str(own.key)}
    with ServerProcess(
        **settings, GAME_TLS_CLIENT_CA=str(authority.path), GAME_PLAYER_TLS="required"
    ) as server:
        flags = ("--ca", str(authority.path), "--cert", str(admin.cert), "--key", str(admin.key))
        with TapProcess(server.player[1], server.admin[1], *flags) as tap:
            with LineClient(tap.player) as player, LineClient(tap.admin) as administrator:
                assert player.ask("Hello") == "Greetings"
                assert administrator.ask("Hello") == "Admin-Greetings"
            _, entries = tap.stop()
    assert "Greetings" in [entry["text"] for entry in entries]
    assert "is the administrator there" in tap.said


@pytest.mark.parametrize("address", ["127.0.0.1", "::1"])
def test_everywhere_is_both_families(address: str, listener: socket.socket) -> None:
    """Who lets the tap listen on `::` reaches it by IPv4 too."""
    with (
        TapProcess(listener.getsockname()[1], 1, listen="[::]:0") as tap,
        socket.create_connection((address, tap.player[1]), timeout=WAIT_S) as client,
        listener.accept()[0] as server,
    ):
        client.sendall(b"Hello\r\n")
        assert server.recv(100) == b"Hello\r\n"


def test_bytes_go_through_as_they_are(listener: socket.socket) -> None:
    """Megabytes of any octets arrive unchanged in both directions, a slow reader and half-closes included."""
    sent = os.urandom(3 << 20)
    with both_ends(listener) as (tap, client, server):

        def send() -> None:
            client.sendall(sent)
            client.shutdown(socket.SHUT_WR)

        # What is shown has to be read, or the tap waits for whoever looks at it.
        for work in (send, tap.output.read):
            threading.Thread(target=work, daemon=True).start()
        assert read_all(server) == sent
        # The client has half-closed, and is still answered.
        server.sendall(sent[:70_000])
        server.shutdown(socket.SHUT_WR)
        assert read_all(client) == sent[:70_000]


def test_pieces_stay_pieces(listener: socket.socket) -> None:
    """A reply in two writes reaches the client in two pieces, and is marked (F-4)."""
    with both_ends(listener) as (tap, client, server):
        client.sendall(b"Hello\r\n")
        assert server.recv(100) == b"Hello\r\n"
        server.sendall(b"Greet")
        assert client.recv(100) == b"Greet"
        server.sendall(b"ings\r\n")
        assert client.recv(100) == b"ings\r\n"
        assert [finding["clause"] for finding in tap.until("Greetings")["findings"]] == ["F-4"]


@pytest.mark.parametrize("who", ["client", "server"])
def test_a_reset_stays_a_reset(who: str, listener: socket.socket) -> None:
    """Where one side breaks the connection off, the other sees it broken off, and the tap goes on."""
    with both_ends(listener) as (tap, client, server):
        breaking, other = (client, server) if who == "client" else (server, client)
        breaking.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, RESET)
        breaking.close()
        with pytest.raises(ConnectionResetError):
            other.recv(100)
        with (
            socket.create_connection(tap.player, timeout=WAIT_S) as again,
            listener.accept()[0] as server_again,
        ):
            again.sendall(b"Hello\r\n")
            assert server_again.recv(100) == b"Hello\r\n"


def test_a_connection_is_kept_although_its_client_is_gone() -> None:
    """What still waits for the server is not collected as garbage, which would be told as a fault."""
    complaints: list[str] = []
    asyncio.run(break_off_after_the_end(complaints))
    assert complaints == []


async def break_off_after_the_end(complaints: list[str]) -> None:
    """Have a client end its side, then break off while the server speaks."""
    loop = asyncio.get_running_loop()
    loop.set_exception_handler(lambda _, context: complaints.append(context["message"]))
    shown: list[str] = []
    told = asyncio.Event()

    def show(entry: Entry) -> None:
        shown.append(entry.shown.text)
        told.set()

    async def until(text: str) -> None:
        async with asyncio.timeout(WAIT_S):
            while text not in shown:
                told.clear()
                await told.wait()

    with socket.create_server(("127.0.0.1", 0)) as listener:
        relay = Relay(
            *(Port.PLAYER, Target(*listener.getsockname()), show, lambda: asyncio.sleep(0)),
            numbers=itertools.count(1),
            players=Players(),
            started_s=loop.time(),
            most=1,
        )
        tap = await asyncio.start_server(relay.accept, "127.0.0.1", 0)
        with socket.create_connection(tap.sockets[0].getsockname()) as client:
            client.shutdown(socket.SHUT_WR)
            await until("(closed its side)")
            client.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, RESET)
        with listener.accept()[0] as server:
            server.sendall(b"Greetings\r\n")
            await until("Greetings")
            for _ in range(10):
                await asyncio.sleep(0)  # the reset is noticed in these turns of the loop
            gc.collect()
        tap.close()
        for task in asyncio.all_tasks() - {asyncio.current_task()}:
            await task


def test_a_line_without_end_is_explained(listener: socket.socket) -> None:
    """A client that waits for the reply to a line that it has not ended is told why, while it waits (F-1)."""
    with both_ends(listener) as (tap, client, _):
        client.sendall(b"Hello")
        assert [finding["clause"] for finding in tap.until("no line end")["findings"]] == ["F-1"]


def test_a_silent_server_is_named_while_one_waits(listener: socket.socket) -> None:
    """What is waited for is said while it is waited for, and once more when the tap ends."""
    with both_ends(listener) as (tap, client, _):
        client.sendall(b"Hello\r\n")
        waiting = tap.until("waits for Greetings since")
        assert (waiting["from"], waiting["findings"]) == ("server", [])
        status, entries = tap.stop()
    assert status == 0
    assert [(entry["text"], entry["findings"][0]["clause"]) for entry in entries] == [("(still owed)", "P-1")]


def test_a_piece_is_shown_before_the_answer_to_it(listener: socket.socket) -> None:
    """Half a line and a reply to it are shown as they came, and the reply is marked (F-3)."""
    with both_ends(listener) as (tap, client, server):
        client.sendall(b"Hel")
        assert server.recv(100) == b"Hel"
        server.sendall(b"Greetings\r\n")
        assert client.recv(100) == b"Greetings\r\n"
        assert tap.until("Hel")["kind"] == "remark"
        assert [finding["clause"] for finding in tap.until("Greetings")["findings"]] == ["F-3"]


def test_a_listed_player_is_a_connection_of_the_tap(listener: socket.socket) -> None:
    """A listed address is shown with the player's number, and is marked when that player has gone (A-2)."""
    with (
        socket.create_server(("127.0.0.1", 0)) as admin_listener,
        TapProcess(listener.getsockname()[1], admin_listener.getsockname()[1]) as tap,
        socket.create_connection(tap.admin, timeout=WAIT_S) as administrator,
    ):
        admin_listener.settimeout(WAIT_S)
        with admin_listener.accept()[0] as admin_server:
            with socket.create_connection(tap.player, timeout=WAIT_S):
                player_server, (host, port) = listener.accept()
                assert tap.until("there this is 127.0.0.1 " + str(port))["port"] == "player"
                line = f"{host} {port}\r\n".encode()
                administrator.sendall(b"Hello\r\nWho\r\n")
                admin_server.sendall(b"Admin-Greetings\r\n" + line)
                listed = tap.until(f"{host} {port}")
                assert (listed["note"], listed["findings"]) == ("(player 2)", [])
            player_server.close()
            tap.until("closed its side")
            findings: list[dict[str, str]] = []
            while not findings:
                admin_server.sendall(line)
                assert administrator.recv(100)
                findings = tap.until(f"{host} {port}")["findings"]
    assert [finding["clause"] for finding in findings] == ["A-2"]


def test_what_nobody_reads_costs_nothing(listener: socket.socket) -> None:
    """A server that sends without end to a client that does not read is slowed down, not stored."""
    with both_ends(listener) as (tap, client, server):
        client.sendall(b"Hello\r\n")
        tap.until("Hello")
        server.setblocking(False)
        sent = 0
        with contextlib.suppress(BlockingIOError):
            while sent < 64 << 20:
                try:
                    sent += server.send(b"x" * 65536)
                except BlockingIOError:
                    # Nothing more is taken, however long one waits for it.
                    if not select.select([], [server], [], 2)[1]:
                        raise
        assert sent < 64 << 20


def test_output_that_nobody_reads_ends_with_the_tap(listener: socket.socket) -> None:
    """While its output is stopped, so is the conversation; SIGTERM ends the tap all the same."""
    with both_ends(listener) as (tap, client, _):
        client.setblocking(False)
        with contextlib.suppress(BlockingIOError):
            while True:
                client.send(b"Hello\r\n" * 1000)
                # Nothing more is taken, however long one waits for it.
                if not select.select([], [client], [], 2)[1]:
                    break
        tap.terminate()
        assert tap.wait() == (0, "")


def test_the_tap_ends_with_its_reader(listener: socket.socket) -> None:
    """As in `guessing-tap | head`: status 1, and no complaint."""
    with both_ends(listener) as (tap, client, _):
        tap.until("connected")
        tap.output.close()
        client.sendall(b"Hello\r\n")
        assert tap.wait() == (1, "")


def test_few_descriptors_are_few_connections(listener: socket.socket) -> None:
    """Where the system allows few open files the tap serves fewer at once, and says so instead of failing."""
    with TapProcess(listener.getsockname()[1], 1, descriptors=40) as tap:
        crowd = [socket.create_connection(tap.player, timeout=WAIT_S) for _ in range(60)]
        tap.until("refused: the tap serves 2 connections at once")
        for client in crowd:
            client.close()
        tap.terminate()
        assert tap.wait() == (0, "")


def test_a_server_that_is_not_there() -> None:
    """Where no server answers the client's connection is reset, and the tap says why and goes on."""
    with socket.create_server(("127.0.0.1", 0)) as closed:
        port = closed.getsockname()[1]
    with TapProcess(port, 1) as tap:
        for _ in range(2):
            # On a busy machine the reset is there before the client has noticed that it is connected.
            with pytest.raises(ConnectionResetError), LineClient(tap.player) as client:
                client.read_rest()
        assert "Connection refused" in tap.until("not reached")["text"]


def test_the_page(listener: socket.socket, tmp_path: Path) -> None:
    """At the end the tap writes a page with all that was said, as text."""
    page = tmp_path / "tap.html"
    with TapProcess(listener.getsockname()[1], 1, "--html", str(page)) as tap:
        with LineClient(tap.player) as client, listener.accept()[0]:
            client.send(b"<script>\r\n")
            tap.until("<script>")
        status, _ = tap.stop()
    assert status == 0
    assert "&lt;script&gt;" in page.read_text()


@pytest.mark.parametrize(
    "numbers", [(signal.SIGINT,), (signal.SIGTERM,), (signal.SIGINT, signal.SIGTERM)], ids=str
)
def test_impatience_spoils_nothing(
    numbers: tuple[signal.Signals, ...], listener: socket.socket, tmp_path: Path
) -> None:
    """However many signals come, the status is 0, the page is whole, and no draft is left beside it."""
    page = tmp_path / "tap.html"
    with TapProcess(listener.getsockname()[1], 1, "--html", str(page)) as tap:
        with LineClient(tap.player) as client, listener.accept()[0]:
            client.send(b"Hello\r\n")
            tap.until("Hello")
        assert tap.stop_impatiently(*numbers) == 0
    assert page.read_text().endswith("</html>\n")
    assert list(tmp_path.iterdir()) == [page]


@pytest.mark.parametrize(
    ("flags", "said"),
    [
        (("--listen", "99999"), "TAP_PORT"),
        (("--to", "a..b"), "GAME_HOST"),
        (("--to", "[::1]:x"), "GAME_PORT"),
        (("--ca", "/nowhere"), "GAME_TLS_CA"),
    ],
)
def test_wrong_settings(flags: tuple[str, ...], said: str) -> None:
    """A setting that cannot be used is named in one line, with exit status 2."""
    done = subprocess.run(
        [sys.executable, "-m", "services.tap", *flags],
        capture_output=True,
        text=True,
        check=False,
        timeout=WAIT_S,
    )
    assert done.returncode == 2
    assert len(done.stderr.splitlines()) == 1
    assert said in done.stderr


def test_a_port_in_use(listener: socket.socket) -> None:
    """Where the port is taken the tap says so, and which flags or page help, with exit status 1."""
    done = subprocess.run(
        [sys.executable, "-m", "services.tap", "--listen", str(listener.getsockname()[1])],
        capture_output=True,
        text=True,
        check=False,
        timeout=WAIT_S,
    )
    assert done.returncode == 1
    assert "--listen" in done.stderr
    assert "docs/tap.md" in done.stderr
    assert "Traceback" not in done.stderr
