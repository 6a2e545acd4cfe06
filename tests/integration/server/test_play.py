"""The server over loopback: players, as many and as rude as they come."""

from __future__ import annotations

import asyncio
import http.client
from typing import TYPE_CHECKING

import pytest

from tests.support.server_process import ServerProcess

if TYPE_CHECKING:
    from collections.abc import Iterator

EVERY_NUMBER = b"".join(b"%d\r\n" % number for number in range(1, 31))


@pytest.fixture(scope="module")
def server() -> Iterator[ServerProcess]:
    """Give a server that the tests of this file share."""
    with ServerProcess() as running:
        yield running


def test_a_game_from_hello_to_the_close(server: ServerProcess) -> None:
    """A player is greeted, plays, wins and is let go, and the log tells each step (P-1, P-2, P-4, P-8)."""
    with server.new_player() as player:
        peer = "{} {}".format(*player.address)
        assert player.ask("Hello") == "Greetings"
        assert player.ask("Game") == "Ready"
        verdict, number = "", 0
        while verdict != "Correct":
            number += 1
            verdict = player.ask(f"My Guess is: {number}")
            assert verdict in {"Far", "Close", "Correct"}
        assert player.read_rest() == b""

    closed = server.wait_for("session_closed", peer=peer)
    assert (closed["reason"], closed["guesses"]) == ("won", number)
    assert [event["attempt"] for event in server.events("guess_judged", peer=peer)] == [*range(1, number + 1)]
    assert server.events("game_won", peer=peer, guesses=number)


def test_a_reply_is_one_line_in_one_piece(server: ServerProcess) -> None:
    """Each reply arrives whole, and nothing arrives before the first question (F-4, F-5)."""
    with server.new_player() as player:
        for said, reply in [
            (b"Hello\r\n", b"Greetings\r\n"),
            (b"Game\r\n", b"Ready\r\n"),
            (b"0\r\n", b"Pick a number between 1-30\r\n"),
        ]:
            player.send(said)
            assert player.read_some() == reply


def test_a_whole_game_in_one_piece(server: ServerProcess) -> None:
    """Lines sent at once are answered in order up to Correct, which no reset overtakes (F-3, F-7, P-8)."""
    with server.new_player() as player:
        player.send(b"Hello\r\nGame\r\n" + EVERY_NUMBER * 40)
        replies = player.read_rest().decode().split("\r\n")

    assert replies[:2] == ["Greetings", "Ready"]
    assert replies[-2:] == ["Correct", ""]
    assert set(replies[2:-2]) <= {"Far", "Close"}


def test_a_game_octet_by_octet(server: ServerProcess) -> None:
    """However small the pieces are, the replies are the same (F-3)."""
    with server.new_player() as player:
        for octet in b"Hello\r\nGame\nMy Guess is: 99\r\n":
            player.send(bytes([octet]))
        assert [player.read_line() for _ in range(3)] == ["Greetings", "Ready", "Pick a number between 1-30"]


def test_a_half_close_still_gets_every_reply(server: ServerProcess) -> None:
    """Who ends the stream after the last line hears the answer to it, and then the end (F-6)."""
    with server.new_player() as player:
        player.send(b"Hello\r\nGame\r\n99\r\n")
        player.end_sending()
        assert player.read_rest() == b"Greetings\r\nReady\r\nPick a number between 1-30\r\n"


def test_a_line_left_unfinished_is_refused(server: ServerProcess) -> None:
    """Who ends the stream within a line is told so, and the line is not executed (F-6)."""
    with server.new_player("Hello") as player:
        player.send(b"Game")
        player.end_sending()
        assert player.read_rest() == b"Refused: line not ended by CRLF\r\n"


def test_a_reset_ends_the_game(server: ServerProcess) -> None:
    """A player who vanishes is no longer listed, and costs nobody else anything (A-4)."""
    player = server.new_player("Hello", "Game")
    peer = "{} {}".format(*player.address)
    player.reset()

    assert server.wait_for("session_closed", peer=peer)["reason"] == "connection reset"
    with server.new_admin("Hello") as admin:
        admin.send(b"Who\r\n")
        assert peer not in admin.read_rest().decode()


def test_an_overlong_line_is_refused_while_it_comes(server: ServerProcess) -> None:
    """Nobody has to end a line for the server to find it too long (F-2)."""
    with server.new_player("Hello") as player:
        player.send(b"x" * 513)
        assert player.read_rest() == b"Refused: line longer than 512 octets\r\n"


def test_a_probe_is_no_handshake(server: ServerProcess) -> None:
    """A connection without a byte is let go without a reply, and leaves no line at info (F-5)."""
    with server.new_player() as probe:
        peer = "{} {}".format(*probe.address)
        probe.end_sending()
        assert probe.read_rest() == b""
    with server.new_player("Hello", "x") as player:
        server.wait_for("handshake_refused", peer="{} {}".format(*player.address))

    assert not server.events("session_closed", peer=peer)
    assert not server.events("handshake_refused", peer=peer)


def test_two_hundred_players_at_once(server: ServerProcess) -> None:
    """Two hundred players who play at the same time all win their own games (P-4, P-8)."""

    async def play(port: int, ready: asyncio.Barrier) -> list[str]:
        reader, writer = await asyncio.open_connection("127.0.0.1", port)
        writer.write(b"Hello\r\nGame\r\n")
        replies = [(await reader.readline()).decode().strip() for _ in range(2)]
        await ready.wait()
        for number in range(1, 31):
            writer.write(b"Guess: %d\r\n" % number)
            replies.append((await reader.readline()).decode().strip())
            if replies[-1] == "Correct":
                break
        assert await reader.read() == b""
        writer.close()
        return replies

    async def play_all() -> list[list[str]]:
        ready = asyncio.Barrier(200)
        return await asyncio.gather(*(play(server.player[1], ready) for _ in range(200)))

    for replies in asyncio.run(play_all()):
        assert replies[:2] == ["Greetings", "Ready"]
        assert replies[-1] == "Correct"
        assert 1 <= replies.count("Close") + replies.count("Correct") <= 5


def test_who_is_too_slow_is_told_so() -> None:
    """Timeouts end a connection with their reasons, but silence without a reply (P-10, P-11)."""
    with (
        ServerProcess(GAME_HANDSHAKE_TIMEOUT="0.3", GAME_IDLE_TIMEOUT="0.4") as server,
        server.new_player() as silent,
        server.new_player("Hello") as slow,
        server.new_player("Hello", "Game") as idle,
        server.new_player() as beginner,
    ):
        beginner.send(b"Hello")
        assert silent.read_rest() == b""
        assert slow.read_rest() == b"Refused: handshake not completed within 0.3 s\r\n"
        assert beginner.read_rest() == b"Refused: line not ended by CRLF\r\n"
        assert idle.read_rest() == b"Refused: idle for 0.4 s\r\n"


def test_octets_that_end_no_line_do_not_keep_a_player() -> None:
    """Only a line restarts the idle timeout: who drips octets without one is idle all the same (P-11)."""
    with ServerProcess(GAME_IDLE_TIMEOUT="0.5") as server, server.new_player("Hello", "Game") as player:
        said = b""
        for _ in range(100):  # far more time than the timeout
            player.send(b"1")
            if said := player.read_within(0.05):
                break
        assert said == b"Refused: idle for 0.5 s\r\n"


def test_a_full_server_says_so_and_has_room_again() -> None:
    """One too many is refused in a line, and accepted as soon as somebody has left (P-12)."""
    with (
        ServerProcess(GAME_MAX_PLAYERS="2") as server,
        server.new_player("Hello") as first,
        server.new_player("Hello"),
    ):
        with server.new_player() as surplus:
            assert surplus.read_rest() == b"Refused: server full\r\n"
        first.end_sending()
        assert first.read_rest() == b""
        with server.new_player() as next_one:
            assert next_one.ask("Hello") == "Greetings"


def test_garbage_disturbs_nobody(server: ServerProcess) -> None:
    """Beside peers that send anything at all, a player plays on (F-3, P-6)."""
    garbage = [bytes(range(256)), b"\0" * 600, b"GET / HTTP/1.1\r\n\r\n", b"\xff\xfb\x1f", b"\x16\x03\x01"]
    with server.new_player("Hello", "Game") as player:
        for octets in garbage:
            with server.new_player() as rude:
                rude.send(octets)
                rude.end_sending()
                assert b"Refused: " in rude.read_rest()
            assert player.ask("0") == "Pick a number between 1-30"


@pytest.mark.parametrize("port", ["player", "admin"])
def test_a_browser_gets_something_to_read(server: ServerProcess, port: str) -> None:
    """Python's own client of HTTP takes the answer for one, whatever it sends beside the first line (P-6)."""
    host, number = getattr(server, port)
    connection = http.client.HTTPConnection(host, number, timeout=20)
    connection.request("GET", "/", headers={"X-Long": "x" * 400})
    answer = connection.getresponse()
    text = answer.read()
    connection.close()
    assert answer.status == 400
    assert text.startswith(b"Refused: this is no web server")
    assert text.count(b"\n") == 1


def test_putty_is_told_what_it_sends(server: ServerProcess) -> None:
    """Telnet negotiation in front of Hello is named, in the reply and in the log (S-2)."""
    with server.new_player() as player:
        player.send(b"\xff\xfb\x1f\xff\xfb\x20\xff\xfd\x03Hello\r\n")
        assert b"(seen: telnet negotiation, connect raw" in player.read_rest()
        peer = "{} {}".format(*player.address)
    refused = server.wait_for("handshake_refused", peer=peer)
    assert "telnet negotiation" in refused["reason"]
    assert refused["input"].startswith("\\xff\\xfb")
