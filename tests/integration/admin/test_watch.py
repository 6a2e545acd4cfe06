"""`watch` away from a terminal: JSON lines, come what may, against scripted servers."""

from __future__ import annotations

import contextlib
import os
import signal
import subprocess
import sys
from typing import TYPE_CHECKING, Any

import pytest

from tests.support.log_contract import check_line
from tests.support.scripted_server import ScriptedServer
from tests.support.signals import storm

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from tests.support.scripted_server import Peer


class Watcher:
    """The program at work, and its lines."""

    def __init__(self, process: subprocess.Popen[str]) -> None:
        self.process = process

    def line(self) -> dict[str, Any]:
        """Return the next line, less what is the same or new in each."""
        assert self.process.stdout is not None
        text = self.process.stdout.readline()
        assert text, "the program has ended"
        fields = check_line(text.removesuffix("\n"))
        assert fields.pop("service") == "admin"
        assert fields.pop("timestamp").endswith("Z")
        return fields


@contextlib.contextmanager
def watcher(port: int, *arguments: str) -> Iterator[Watcher]:
    """Run the program until the block ends."""
    command = [sys.executable, "-m", "services.admin", "watch", "--host", "127.0.0.1", "--port", str(port)]
    with subprocess.Popen([*command, *arguments], stdout=subprocess.PIPE, text=True) as process:
        try:
            yield Watcher(process)
        finally:
            process.kill()


def seated(peer: Peer, *listed: str) -> None:
    """Play a server's part up to the end of the list."""
    assert peer.receive() == "Admin-Hello"
    peer.send("Admin-Greetings")
    assert peer.receive() == "Watch"
    peer.send(*listed, "End")


def test_every_change_is_a_line_with_the_count() -> None:
    """List and events come out as JSON lines, each with how many play after it (clause A-4)."""

    def script(peer: Peer) -> None:
        seated(peer, "10.0.0.9 9")
        peer.send(
            "Joined 10.0.0.1 5",
            "Guessed 10.0.0.1 5 7 Far",
            "Guessed 10.0.0.1 5 9 Correct",
            "Won 10.0.0.1 5 2",
        )
        peer.send("Left 10.0.0.9 9")
        peer.wait_for_end()

    with ScriptedServer(script) as server, watcher(server.port) as admin:
        lines = [admin.line() for _ in range(6)]

    ann = {"level": "info", "peer": "10.0.0.1 5"}
    assert lines == [
        {"level": "info", "event": "players_listed", "players": ["10.0.0.9 9"], "playing": 1},
        {**ann, "event": "player_joined", "playing": 2},
        {**ann, "event": "player_guessed", "number": 7, "verdict": "Far", "playing": 2},
        {**ann, "event": "player_guessed", "number": 9, "verdict": "Correct", "playing": 2},
        {**ann, "event": "player_won", "guesses": 2, "playing": 1},
        {"level": "info", "event": "player_left", "peer": "10.0.0.9 9", "playing": 0},
    ]


def test_a_ping_is_answered() -> None:
    """Ping is answered Pong and is no change (clause A-8)."""
    received: list[str] = []

    def script(peer: Peer) -> None:
        seated(peer)
        peer.send("Ping")
        received.append(peer.receive())
        peer.send("Joined 10.0.0.1 5")
        peer.wait_for_end()

    with ScriptedServer(script) as server, watcher(server.port) as admin:
        assert admin.line()["event"] == "players_listed"
        assert admin.line()["event"] == "player_joined"

    assert received == ["Pong"]


def test_it_comes_back() -> None:
    """A server that goes away is told, and the watch starts again with its new list."""

    def first(peer: Peer) -> None:
        seated(peer, "10.0.0.1 5")
        peer.close()

    def second(peer: Peer) -> None:
        seated(peer, "10.0.0.2 6")
        peer.wait_for_end()

    with ScriptedServer(first, second) as server, watcher(server.port) as admin:
        assert admin.line()["players"] == ["10.0.0.1 5"]
        lost = admin.line()
        assert (lost["level"], lost["event"]) == ("warning", "watch_lost")
        assert lost["reason"] == "the server closed the connection"
        assert admin.line()["players"] == ["10.0.0.2 6"]


def test_a_taken_seat_is_said_and_tried_again() -> None:
    """While another administrator is watching (clause A-7) the watcher says so and keeps trying."""

    def taken(peer: Peer) -> None:
        assert peer.receive() == "Admin-Hello"
        peer.send("Admin-Greetings")
        assert peer.receive() == "Watch"
        peer.send("Refused: another administrator is watching")
        peer.close()

    def free(peer: Peer) -> None:
        seated(peer)
        peer.wait_for_end()

    with ScriptedServer(taken, free) as server, watcher(server.port) as admin:
        refused = admin.line()
        assert refused["event"] == "watch_refused"
        assert refused["reason"] == "refused: 'another administrator is watching'"
        assert admin.line()["event"] == "players_listed"


@pytest.mark.parametrize(
    ("words", "reason"),
    [
        ("Welcome \x1b[2J", "unexpected words from the server: 'Welcome \\x1b[2J'"),
        ("x" * 600, "the server sent a line longer than 512 octets"),
    ],
)
def test_a_server_that_speaks_otherwise_is_told(words: str, reason: str) -> None:
    """Words that are not in the protocol end the attempt; they are shown escaped."""

    def script(peer: Peer) -> None:
        peer.receive()
        peer.send(words)
        peer.wait_for_end()

    with ScriptedServer(script) as server, watcher(server.port) as admin:
        assert admin.line()["reason"] == reason


@pytest.mark.parametrize("flags", [os.O_RDWR, os.O_WRONLY], ids=["both ways", "one way"])
def test_a_fifo_is_written_to(flags: int, tmp_path: Path) -> None:
    """Lines go into a FIFO, one that the shell has open both ways too, though it can be read itself."""
    fifo = tmp_path / "fifo"
    os.mkfifo(fifo)
    reading_fd = os.open(fifo, os.O_RDONLY | os.O_NONBLOCK)
    writing_fd = os.open(fifo, flags)
    os.set_blocking(reading_fd, True)

    def script(peer: Peer) -> None:
        seated(peer, "10.0.0.1 5")
        for number in range(1, 31):
            peer.send(f"Guessed 10.0.0.1 5 {number} Far")
        peer.receive()

    with (
        os.fdopen(reading_fd) as lines,
        ScriptedServer(script) as server,
        subprocess.Popen(
            [*(sys.executable, "-m", "services.admin", "watch"), "--port", str(server.port)],
            stdout=writing_fd,
        ) as process,
    ):
        os.close(writing_fd)
        assert "players_listed" in lines.readline()
        for _ in range(30):
            assert "player_guessed" in lines.readline()
        process.terminate()
        assert process.wait() == 0


def test_a_list_without_end_is_given_up() -> None:
    """A server that lists players without end is left, and asked again later, in bounded memory (G-10)."""

    def endless(peer: Peer) -> None:
        peer.receive()
        peer.send("Admin-Greetings")
        peer.receive()
        number = 0
        while True:
            peer.send(*(f"10.{number}.{high}.{low} 5" for high in range(250) for low in range(250)))
            number += 1

    def seat(peer: Peer) -> None:
        seated(peer)
        peer.wait_for_end()

    with ScriptedServer(endless, seat) as server, watcher(server.port) as admin:
        assert admin.line()["reason"] == "the server lists more than 100000 players"
        assert admin.line()["event"] == "players_listed"


def test_it_ends_with_whoever_reads_it() -> None:
    """When its output has no reader any more, as in `watch | head`, it ends with 1."""

    def script(peer: Peer) -> None:
        seated(peer)
        peer.wait_for_end()

    with ScriptedServer(script) as server, watcher(server.port) as admin:
        assert admin.line()["event"] == "players_listed"
        assert admin.process.stdout is not None
        admin.process.stdout.close()
        assert admin.process.wait(10) == 1


@pytest.mark.parametrize(("number", "status"), [(signal.SIGTERM, 0), (signal.SIGINT, 130)])
def test_impatience_changes_no_status(number: signal.Signals, status: int) -> None:
    """However often a signal comes, the watch ends with the status that goes with the first."""

    def script(peer: Peer) -> None:
        seated(peer)
        peer.wait_for_end()

    with ScriptedServer(script) as server, watcher(server.port) as admin:
        assert admin.line()["event"] == "players_listed"
        assert storm(admin.process, number) == status


@pytest.mark.parametrize(("number", "status"), [(signal.SIGTERM, 0), (signal.SIGINT, 130)])
def test_a_signal_ends_it(number: signal.Signals, status: int) -> None:
    """SIGTERM ends the watch with 0 and Ctrl-C with 130, and the server sees it leave."""
    left: list[bool] = []

    def script(peer: Peer) -> None:
        seated(peer)
        peer.wait_for_end()
        left.append(True)

    with ScriptedServer(script) as server, watcher(server.port) as admin:
        assert admin.line()["event"] == "players_listed"
        admin.process.send_signal(number)
        assert admin.process.wait(10) == status

    assert left == [True]
