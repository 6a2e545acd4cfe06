"""GAME_LENIENT_FRAMING: clients that never end their lines, and what holds all the same (F-8)."""

from __future__ import annotations

import os
import subprocess
import sys
from typing import TYPE_CHECKING

import pytest

from tests.support.server_process import Alteration, ServerProcess

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tests.support.line_client import LineClient


@pytest.fixture(scope="module", params=[(), ("uvloop", "epoll")], ids=["fastest loop", "no epoll"])
def server(request: pytest.FixtureRequest) -> Iterator[ServerProcess]:
    """Give a server that ends lines after a tenth of a second."""
    with ServerProcess(Alteration(without=request.param), GAME_LENIENT_FRAMING="0.1") as running:
        yield running


def ask(client: LineClient, line: str) -> str:
    """Say a line without its end, and return the reply."""
    client.send(line.encode())
    return client.read_line()


def test_a_game_without_line_ends(server: ServerProcess) -> None:
    """A client that ends no line is greeted, plays and wins, and the log tells its dialect once (F-8)."""
    with server.new_player() as player:
        peer = "{} {}".format(*player.address)
        assert ask(player, "Hello") == "Greetings"
        assert ask(player, "Game") == "Ready"
        verdict, number = "", 0
        while verdict != "Correct":
            number += 1
            verdict = ask(player, f"My Guess is: {number}")
        assert player.read_rest() == b""
    server.wait_for("session_closed", peer=peer, reason="won", guesses=number)
    assert [event["dialect"] for event in server.events("framing_relaxed", peer=peer)] == ["unterminated"]


def test_an_administrator_without_line_ends(server: ServerProcess) -> None:
    """It holds on the administrator's port too (F-8, A-1, A-2)."""
    with server.new_player("Hello", "Game"), server.new_admin() as admin:
        assert ask(admin, "Admin-Hello") == "Admin-Greetings"
        assert ask(admin, "Who").startswith("127.0.0.1 ")


def test_the_end_of_the_stream_ends_a_line(server: ServerProcess) -> None:
    """What a half-closing client left without an end is executed and answered before the close (F-6, F-8)."""
    with server.new_player() as player:
        player.send(b"Hello\r\nGame\r\n0\r\n999")
        player.end_sending()
        assert player.read_rest() == b"Greetings\r\nReady\r\n" + b"Pick a number between 1-30\r\n" * 2


def test_whole_lines_are_as_ever(server: ServerProcess) -> None:
    """Clients that end their lines notice nothing, pieces in quick succession are one line (F-3, F-8)."""
    with server.new_player() as player:
        peer = "{} {}".format(*player.address)
        for octet in b"Hello\r\nGame\r\n":
            player.send(bytes([octet]))
        assert [player.read_line(), player.read_line()] == ["Greetings", "Ready"]
        player.send(b"0\r\n" + b"9" * 600)
        assert player.read_rest().endswith(b"Refused: line longer than 512 octets\r\n")
    server.wait_for("session_closed", peer=peer)
    assert not server.events("framing_relaxed", peer=peer)


def test_timeouts_hold() -> None:
    """Dripping without a pause outlasts no timeout, and silence after such a line is idle (P-10, P-11)."""
    settings = {"GAME_HANDSHAKE_TIMEOUT": "1", "GAME_IDLE_TIMEOUT": "1", "GAME_LENIENT_FRAMING": "0.7"}
    with ServerProcess(**settings) as server:
        with server.new_player("Hello", "Game") as idle:
            assert ask(idle, "0") == "Pick a number between 1-30"
            assert idle.read_rest() == b"Refused: idle for 1 s\r\n"
        with server.new_player() as player:
            said = b""
            while not said:
                player.send(b" ")
                said = player.read_within(0.05)
            assert said in {
                b"Refused: line not ended by CRLF\r\n",
                b"Refused: line longer than 512 octets\r\n",
            }


def test_a_mass_of_lines_is_throttled_all_the_same() -> None:
    """What waits for its rate is answered in its order, the unterminated rest last (F-3, F-8)."""
    with ServerProcess(GAME_MAX_LINE_RATE="10", GAME_LENIENT_FRAMING="0.1") as server:
        with server.new_player("Hello", "Game") as player:
            player.send(b"0\r\n1000\r\n" * 8 + b"Hello")
            assert player.read(28 * 17) == b"Pick a number between 1-30\r\n" * 17
        server.wait_for("framing_relaxed")


def test_it_is_off_by_default() -> None:
    """Without the setting a line without its end is none; the setting takes no zero (F-6, F-8)."""
    with ServerProcess() as server, server.new_player("Hello") as player:
        player.send(b"Game")
        player.end_sending()
        assert player.read_rest() == b"Refused: line not ended by CRLF\r\n"
    ended = subprocess.run(
        [sys.executable, "-m", "services.server"],
        env={**os.environ, "GAME_LENIENT_FRAMING": "0"},
        capture_output=True,
        text=True,
        check=False,
    )
    assert ended.stderr.startswith("GAME_LENIENT_FRAMING: out of range")
