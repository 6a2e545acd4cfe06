"""The server over loopback: the administrator, the list and the seat."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from tests.support.line_client import LineClient
from tests.support.server_process import Alteration, ServerProcess

if TYPE_CHECKING:
    from collections.abc import Iterator


@pytest.fixture
def server() -> Iterator[ServerProcess]:
    """Give a server of the test's own, on IPv4 and IPv6."""
    with ServerProcess(GAME_HOST="") as running:
        yield running


def spelled(client: LineClient) -> str:
    """Return a client's address as the server spells it."""
    return "{} {}".format(*client.address)


def test_the_list_and_the_events_equal_the_truth(server: ServerProcess) -> None:
    """The watcher is told who plays, then each event as it happens, in order (A-3, A-4, A-5)."""
    with server.new_player("Hello", "Game") as first, server.new_admin("Hello") as admin:
        assert admin.ask("Watch") == spelled(first)
        assert admin.read_line() == "End"

        with server.new_player("Hello", "Game") as second:
            assert admin.read_line() == f"Joined {spelled(second)}"
            assert admin.ask("Who") == spelled(first)
            assert admin.read_line() == spelled(second)
            assert admin.read_line() == "End"
            gone = spelled(second)
        assert admin.read_line() == f"Left {gone}"

        guesses, verdict = 0, ""
        while verdict != "Correct":
            guesses += 1
            verdict = first.ask(str(guesses))
            assert admin.read_line() == f"Guessed {spelled(first)} {guesses} {verdict}"
        assert admin.read_line() == f"Won {spelled(first)} {guesses}"
        assert admin.ask("Who") == "End"


def test_the_list_is_one_piece_and_then_the_end(server: ServerProcess) -> None:
    """Who is answered in one write, a line for each who plays, or one empty line (A-2)."""
    with server.new_admin("Hello") as admin:
        admin.send(b"Who\r\n")
        assert admin.read_rest() == b"\r\n"
    with (
        server.new_player("Hello", "Game") as one,
        server.new_player("Hello", "Game") as two,
        server.new_admin("Admin-Hello") as admin,
    ):
        admin.send(b"Who\r\n")
        assert admin.read_some().decode() == f"{spelled(one)}\r\n{spelled(two)}\r\n"
        assert admin.read_rest() == b""


def test_ipv4_is_never_mapped(server: ServerProcess) -> None:
    """On a port that serves both families an IPv4 player is listed with dots (A-6)."""
    with server.new_player("Hello", "Game") as player, server.new_admin("Hello") as admin:
        assert admin.ask("Who") == f"127.0.0.1 {player.address[1]}"


def test_there_is_one_administrator(server: ServerProcess) -> None:
    """A second watch is refused, Who is not, and the seat is free as soon as the first has gone (A-7)."""
    with server.new_admin("Hello", "Watch") as first:
        with server.new_admin("Hello") as second:
            second.send(b"Watch\r\n")
            assert second.read_rest() == b"Refused: another administrator is watching\r\n"
        with server.new_admin("Hello") as third:
            assert third.ask("Who") == ""
        peer = spelled(first)
        first.reset()
    server.wait_for("admin_left", peer=peer)
    with server.new_admin("Hello") as fourth:
        assert fourth.ask("Watch") == "End"


def test_a_watcher_who_does_not_read_loses_the_seat_and_nobody_waits() -> None:
    """A watcher that does not read at all is disconnected, and all the while the players play (A-9)."""
    guesses = b"999999998\r\n" * 500
    with (
        ServerProcess(
            Alteration(send_buffer_octets=4096), GAME_HIGH="999999999", GAME_WRITE_TIMEOUT="2"
        ) as server,
        LineClient(server.admin, receive_buffer_octets=4096) as admin,
        server.new_player("Hello", "Game") as player,
    ):
        admin.send(b"Hello\r\nWatch\r\n")
        server.wait_for("admin_seated")
        while not (left := server.events("admin_left")):
            player.send(guesses)
            assert all(player.read_line() in {"Far", "Close"} for _ in range(500))
        assert left[0]["reason"] == "replies not read"
        with server.new_admin("Hello") as next_one:
            next_one.send(b"Watch\r\n")
            assert next_one.read_line() == "{} {}".format(*player.address)


def test_a_watcher_who_ends_a_line_badly_is_refused_and_the_seat_is_free(server: ServerProcess) -> None:
    """What is out of turn within a watch is refused, and the next one is seated (A-7, A-10)."""
    with server.new_admin("Hello", "Watch") as admin:
        assert admin.ask("Game") == "Refused: say Who or nothing"
        assert admin.read_rest() == b""
        with server.new_admin("Hello") as next_one:
            assert next_one.ask("Watch") == "End"
