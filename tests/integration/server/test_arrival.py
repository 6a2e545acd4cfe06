"""The server behind a balancer: whose connection it is, and who may say so (X-1)."""

from __future__ import annotations

import contextlib
from typing import TYPE_CHECKING

import pytest

from tests.support.proxy import LOCAL, proxy_header
from tests.support.server_process import ServerProcess

if TYPE_CHECKING:
    from collections.abc import Iterator

BALANCED = {"GAME_PROXY_FROM": "127.0.0.0/8", "GAME_HANDSHAKE_TIMEOUT": "1"}


@pytest.fixture
def server() -> Iterator[ServerProcess]:
    """Give a server that takes loopback for the balancer's network."""
    with ServerProcess(**BALANCED) as running:
        yield running


@pytest.mark.parametrize("host", ["203.0.113.9", "2001:db8::9"])
def test_a_player_is_known_by_the_address_that_the_balancer_names(server: ServerProcess, host: str) -> None:
    """The header's address is the player's, in the list and in the log; the game is as usual (X-1, A-2)."""
    with server.new_player() as player, server.new_admin() as admin:
        header = proxy_header(host, 4711)
        for octet in header[:20]:  # it may come in any pieces
            player.send(bytes([octet]))
        player.send(header[20:] + b"Hello\r\nGame\r\n")
        assert [player.read_line(), player.read_line()] == ["Greetings", "Ready"]
        admin.send(proxy_header("198.51.100.1", 1) + b"Hello\r\nWho\r\n")
        assert admin.read_rest() == f"Admin-Greetings\r\n{host} 4711\r\n".encode()
        server.wait_for("handshake_completed", peer=f"{host} 4711")


def test_a_balancers_own_check_is_nobody(server: ServerProcess) -> None:
    """A check is answered on both ports, in however many pieces it comes, and is in no log (X-1)."""
    for check in (server.new_player(), server.new_admin()):
        with check:
            check.send(LOCAL + b"Hello\r\n")
            assert check.read_rest() == b"Greetings\r\n"
    with server.new_player() as slow, server.new_player() as gone:
        for octet in LOCAL + b"H":
            slow.send(bytes([octet]))
        assert slow.read_rest() == b"Greetings\r\n"
        gone.send(LOCAL)
        gone.end_sending()
        assert gone.read_rest() == b""
    with server.new_player() as player:
        player.send(proxy_header("203.0.113.9", 4711) + b"Hello\r\n")
        assert player.read_line() == "Greetings"
        server.wait_for("handshake_advanced")
    peers = {event.get("peer") for event in server.all_events()} - {None}
    assert peers == {"203.0.113.9 4711"}


def test_a_balancer_that_does_not_say_is_dropped(server: ServerProcess) -> None:
    """What is no header ends the connection without a reply, and so does silence (X-1)."""
    with server.new_player() as player:
        player.send(b"Hello\r\nGame\r\n15\r\n")
        with contextlib.suppress(ConnectionResetError):  # the rest was not read
            assert player.read_rest() == b""
    server.wait_for("proxy_header_refused", peer=player.peer)
    with server.new_player() as silent:
        silent.send(proxy_header("203.0.113.9", 4711)[:-1])
        assert silent.read_rest() == b""
    with server.new_player() as gone:
        gone.end_sending()
        assert gone.read_rest() == b""
    assert not server.events("handshake_completed")


def test_one_header_is_believed_and_no_second(server: ServerProcess) -> None:
    """A header that the player sends on top of the balancer's is input like any other (X-1)."""
    with server.new_player() as player:
        player.send(proxy_header("203.0.113.9", 4711) + proxy_header("198.51.100.1", 1) + b"Hello\r\n")
        assert player.read_line().startswith("Refused: ")
    refused = server.wait_for("handshake_refused")
    assert refused["peer"] == "203.0.113.9 4711"


def test_a_forged_header_shows_up_nowhere() -> None:
    """From outside of the balancer's network a header is input, refused, and its address in no list (X-1)."""
    with ServerProcess(GAME_PROXY_FROM="10.9.0.0/16") as server:
        with server.new_player() as player:
            player.send(proxy_header("203.0.113.9", 4711) + b"Hello\r\nGame\r\n")
            assert player.read_line().startswith("Refused: ")
            server.wait_for("handshake_refused", peer=player.peer)
        with server.new_player("Hello", "Game") as honest, server.new_admin("Hello") as admin:
            assert admin.ask("Who") == honest.peer
        assert not [event for event in server.all_events() if "203.0.113.9" in str(event.get("peer"))]
