"""How the server ends beside what goes on in it, and how it comes back."""

from __future__ import annotations

import contextlib
import signal
import socket
import time
from typing import TYPE_CHECKING

import pytest

from services.server.app import ListenError, listen
from tests.support.play import finish_a_game, win
from tests.support.server_process import LOOPS, Alteration, ServerProcess

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tests.support.line_client import LineClient

STOPPING = b"Refused: server is stopping\r\n"


@pytest.fixture(params=LOOPS, ids=["fastest loop", "asyncio", "no epoll"])
def server(request: pytest.FixtureRequest) -> Iterator[ServerProcess]:
    """Give a server on one event loop and on the other, which drains for as long as a test may take."""
    with ServerProcess(Alteration(without=request.param), GAME_DRAIN_TIMEOUT="600") as running:
        yield running


def test_games_under_way_may_be_won(server: ServerProcess) -> None:
    """A player who is at play when the server stops plays to the end, watched; no new player is accepted."""
    with (
        server.new_player("Hello", "Game") as player,
        server.new_player("Hello", "Game") as other,
        server.new_admin("Hello") as watcher,
    ):
        assert watcher.ask("Watch") == player.peer
        server.signal(signal.SIGTERM)
        server.wait_for("server_stopping", players=2)
        with pytest.raises(ConnectionRefusedError):
            server.new_player()
        win(player)
        win(other)
        seen = watcher.read_rest()
        assert seen.count(b"Won ") == 2
        assert seen.endswith(STOPPING)
        assert server.wait() == 0
        assert server.wait_for("session_closed", peer=watcher.peer)["reason"] == "server is stopping"


def test_nobody_is_closed_without_a_word(server: ServerProcess) -> None:
    """In whatever state a connection is when the server ends, it is told why (P-6)."""
    with contextlib.ExitStack() as stack:

        def enter(client: LineClient, octets: bytes = b"") -> LineClient:
            client.send(octets)
            return stack.enter_context(client)

        clients = [
            enter(server.new_player()),
            enter(server.new_player("Hello")),
            enter(server.new_player("Hello"), b"Ga"),
            enter(server.new_player("Hello", "Game")),
            enter(server.new_player("Hello", "Game"), b"My Guess is: "),
            enter(server.new_admin()),
            enter(server.new_admin("Hello")),
            enter(server.new_admin("Hello", "Watch"), b"Wh"),
        ]
        server.signal(signal.SIGTERM)
        server.wait_for("server_stopping")
        server.signal(signal.SIGTERM)
        for client in clients:
            assert client.read_rest().endswith(STOPPING)
        assert server.wait() == 0
        assert server.all_events()[-1]["event"] == "server_stopped"


def test_who_waits_to_be_accepted_is_told_too(server: ServerProcess) -> None:
    """Connections that the kernel holds for a server that stops are answered, none is reset (P-6, F-7)."""
    with contextlib.ExitStack() as stack, server.new_player("Hello", "Game") as player:
        server.signal(signal.SIGSTOP)
        waiting = [
            stack.enter_context(new()) for _ in range(150) for new in (server.new_player, server.new_admin)
        ]
        for client in waiting[::2]:
            client.send(b"Hello\r\n")
        server.signal(signal.SIGTERM)
        server.signal(signal.SIGCONT)
        for client in waiting:
            assert client.read_rest().endswith(STOPPING)
        win(player)
        assert server.wait() == 0


def test_peers_that_stay_do_not_hold_it_up() -> None:
    """It ends within five seconds with connections open whose other side never closes, or does not read."""
    small = Alteration(send_buffer_octets=1 << 16)
    with ServerProcess(small, GAME_DRAIN_TIMEOUT="0.2", GAME_MAX_INVALID_GUESSES="999999999") as server:
        server.ignore("guess_rejected")
        with (
            server.new_player("Hello"),
            server.new_player("Hello", "Game"),
            server.new_admin("Hello", "Watch"),
            server.new_player("Hello", "Game", receive_buffer_octets=4096) as unread,
        ):
            unread.send(b"\n" * 200_000)
            server.settle()
            began_s = time.monotonic()
            server.signal(signal.SIGTERM)
            assert server.wait() == 0
            assert time.monotonic() - began_s < 5


def test_a_hang_up_without_certificates_is_a_stop(server: ServerProcess) -> None:
    """SIGHUP drains and ends a server that has nothing to load: a terminal was closed, and nothing else."""
    with server.new_player("Hello", "Game") as player:
        server.signal(signal.SIGHUP)
        server.wait_for("server_stopping", players=1)
        win(player)
    assert server.wait() == 0


def test_a_stop_before_anything_else() -> None:
    """A server that is stopped as soon as it listens ends in order."""
    with ServerProcess() as server:
        server.signal(signal.SIGTERM)
        assert server.wait() == 0
        server.wait_for("server_stopped")


def test_it_comes_back_on_its_ports_at_once(server: ServerProcess) -> None:
    """Killed with games under way and connections half closed, it listens on the same ports again."""
    with (
        server.new_player("Hello", "Game") as player,
        server.new_player("Hello") as half,
        server.new_admin("Hello", "Watch") as watcher,
    ):
        half.end_sending()
        server.signal(signal.SIGKILL)
        server.wait()
        began_s = time.monotonic()
        with ServerProcess(**server.ports) as again:
            assert time.monotonic() - began_s < 5
            with pytest.raises((EOFError, ConnectionError)):
                player.ask("1")
            with contextlib.suppress(ConnectionError):
                watcher.read_rest()
            finish_a_game(again)


@pytest.mark.parametrize(
    ("host", "names"),
    [("192.0.2.1", "GAME_HOST"), ("no such host", "GAME_HOST"), ("127.0.0.1", "GAME_PLAYER_PORT")],
)
def test_an_address_that_is_not_ours_is_named(host: str, names: str) -> None:
    """The complaint names the setting that is wrong, in one line."""
    with socket.create_server(("127.0.0.1", 0)) as taken, pytest.raises(ListenError) as caught:
        listen(host, taken.getsockname()[1], "GAME_PLAYER_PORT")
    assert str(caught.value).startswith(f"{names}: cannot listen on {host}")
    assert "\n" not in str(caught.value)
