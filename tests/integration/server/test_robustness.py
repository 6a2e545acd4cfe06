"""What could make the server itself go wrong: order of work, mistakes of its own, resets at a bad moment."""

from __future__ import annotations

import contextlib
import signal
import socket
import threading
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from services.runtime.tls import client_context
from services.runtime.tls_settings import ClientTls
from services.server.app import listen
from services.server.connection import CHUNK_OCTETS
from services.server.quota import Quota
from tests.support.certificates import make_cast
from tests.support.line_client import LineClient
from tests.support.play import finish_a_game, start_a_game
from tests.support.server_process import LOOPS, Alteration, ServerProcess

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tests.support.certificates import Cast

PROMPT = b"Pick a number between 1-30\r\n"


@pytest.fixture(scope="module")
def cast(tmp_path_factory: pytest.TempPathFactory) -> Cast:
    """Certificates of a server and its peers."""
    return make_cast(tmp_path_factory.mktemp("cast"))


@pytest.fixture
def tls_server(cast: Cast) -> Iterator[ServerProcess]:
    """Give a server whose player port speaks TLS, too."""
    with ServerProcess(GAME_MAX_PLAYERS="2", GAME_LOG_LEVEL="debug", **tls_settings(cast)) as running:
        yield running


def tls_settings(cast: Cast) -> dict[str, str]:
    """Return the settings that name the server's files."""
    return {
        "GAME_TLS_CERT": str(cast.server.cert),
        "GAME_TLS_KEY": str(cast.server.key),
        "GAME_TLS_CLIENT_CA": str(cast.ca),
    }


def break_off(sock: socket.socket) -> None:
    """Reset a connection."""
    sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, b"\1\0\0\0\0\0\0\0")
    sock.close()


@pytest.mark.parametrize("without", LOOPS)
def test_no_reply_overtakes_another(without: tuple[str, ...]) -> None:
    """Lines that take several reads are answered in their order, the last one alone in its read (F-3)."""
    with ServerProcess(Alteration(without=without)) as server:
        player, guess, reply = start_a_game(server)
        invalid = b"My Guess is: 0\r\n"
        assert len(guess) == len(invalid)
        assert CHUNK_OCTETS % len(guess) == 0
        lines = CHUNK_OCTETS // len(guess)
        with player:
            for _ in range(20):
                player.send((guess + invalid) * lines + guess)
                assert (
                    player.read(len(reply + PROMPT) * lines + len(reply)) == (reply + PROMPT) * lines + reply
                )


def test_lines_that_tls_holds_are_not_forgotten(cast: Cast) -> None:
    """A client that reads late gets every reply, even to lines that only TLS still holds (F-3)."""
    count = 16_000  # in one piece for TLS
    with (
        ServerProcess(
            Alteration(send_buffer_octets=4096),
            GAME_MAX_INVALID_GUESSES=str(count + 1),
            **tls_settings(cast),
        ) as server,
        server.new_player(
            "Hello", "Game", tls=client_context(ClientTls(cast.ca)), receive_buffer_octets=4096
        ) as player,
    ):
        player.send(b"\n" * count)
        server.settle()  # it has stopped to read, because nobody reads what it says
        assert len(server.events("guess_rejected")) < count
        assert player.read(len(PROMPT) * count) == PROMPT * count


def test_a_mistake_of_ours_costs_one_session() -> None:
    """An exception nobody foresaw is logged and ends the session it happened in, and no other (G-2)."""
    broken = Alteration(failing=["services.lobby.memory.MemoryLobby.list_players"])
    with ServerProcess(broken) as server, server.new_player("Hello", "Game") as bystander:
        with server.new_admin("Hello") as victim:
            victim.send(b"Who\r\n")
            assert victim.read_rest() == b""
        assert "made on purpose" in server.wait_for("session_failed", peer=victim.peer)["exception"]
        assert server.wait_for("session_closed", peer=victim.peer)["reason"] == "internal error"
        assert bystander.ask("0") == "Pick a number between 1-30"
        finish_a_game(server)


def test_a_mistake_in_a_timer_does_not_stop_the_clock() -> None:
    """If acting on one deadline fails, those of all others are kept all the same (P-10)."""
    broken = Alteration(failing=["services.server.player_session.PlayerSession.on_silence"])
    with (
        ServerProcess(broken, GAME_HANDSHAKE_TIMEOUT="0.2") as server,
        server.new_player(),
        server.new_player("Hello") as slow,
    ):
        server.wait_for("session_failed")
        assert slow.read_rest() == b"Refused: handshake not completed within 0.2 s\r\n"


@pytest.mark.parametrize("without", LOOPS)
def test_what_came_while_the_server_was_stopped_is_answered(without: tuple[str, ...]) -> None:
    """A server that goes on after SIGSTOP reads what waits before it finds somebody idle (P-10)."""
    one_at_a_time = ("TURNS", "TURN_CONNECTIONS")
    values: dict[str, float] = {f"services.server.reactor.{name}": 1 for name in one_at_a_time}
    values["services.server.reactor.STANDSTILL_S"] = 0.5
    with ServerProcess(Alteration(without=without, values=values), GAME_IDLE_TIMEOUT="1") as server:
        games = [start_a_game(server) for _ in range(4)]
        server.signal(signal.SIGSTOP)
        for player, guess, _ in games:
            player.send(guess)
        threading.Event().wait(1.1)
        server.signal(signal.SIGCONT)
        for player, _, reply in games:
            with player:
                assert player.read(len(reply)) == reply


def test_a_reset_after_the_first_byte_of_tls_frees_its_place(tls_server: ServerProcess) -> None:
    """Connections that break before the server has looked at their first byte are forgotten."""
    for _ in range(3):  # more than there is room for
        sock = socket.create_connection(tls_server.player, timeout=10)
        tls_server.signal(signal.SIGSTOP)
        sock.sendall(b"\x16\x03\x01")
        break_off(sock)
        tls_server.signal(signal.SIGCONT)
    tls_server.wait_for("handshake_refused", count=3)
    finish_a_game(tls_server)


def test_handshakes_that_are_left_half_way_are_bounded(cast: Cast) -> None:
    """One too many displaces another; who finishes has a place beside as many as there may be (P-10)."""
    few = Alteration(values={"services.server.connection.MOST_HANDSHAKES": 3})
    patience = {"GAME_TLS_TIMEOUT": "60", "GAME_HANDSHAKE_TIMEOUT": "60", **tls_settings(cast)}
    with contextlib.ExitStack() as stack, ServerProcess(few, **patience) as server:
        for _ in range(5):
            stack.enter_context(server.new_player()).send(b"\x16\x03\x01")
        server.wait_for("handshake_refused", count=2, reason="TLS: handshake not completed")
        for _ in range(2):
            with server.new_player("Hello", tls=client_context(ClientTls(cast.ca))):
                pass
        server.wait_for("handshake_refused", count=3, reason="TLS: handshake not completed")
        finish_a_game(server)
    assert len(server.events("handshake_refused")) == 3


def test_a_full_server_may_be_left_without_a_word(tls_server: ServerProcess) -> None:
    """One too many who closes without a byte is refused once, and no place is lost (P-12)."""
    with tls_server.new_player("Hello"), tls_server.new_player("Hello"):
        for _ in range(3):
            with tls_server.new_player() as surplus:
                surplus.end_sending()
                assert surplus.read_rest() == b"Refused: server full\r\n"
    finish_a_game(tls_server)
    assert len(tls_server.events("handshake_refused", reason="server full")) == 3
    assert len(tls_server.events("connection_probed")) == 3


def test_one_address_may_play_twice() -> None:
    """A player who reaches two addresses of the server from one port of its own ends both games in peace."""
    any_port = ("127.0.0.1", 0)
    with (
        ServerProcess(GAME_HOST="") as server,
        server.new_player("Hello", "Game", source=any_port) as first,
    ):
        port = server.player[1]
        with LineClient(("127.0.0.2", port), source=first.address) as second:
            assert (second.ask("Hello"), second.ask("Game")) == ("Greetings", "Ready")
            assert second.address == first.address
        server.wait_for("session_closed")
        first.end_sending()
        assert first.read_rest() == b""
        server.wait_for("session_closed", count=2)
        finish_a_game(server)


def test_a_crowd_at_the_administrator_port_keeps_nobody_out() -> None:
    """Strangers who fill the port are let go, and who tries again gets in; the watch goes on (A-7, G-6)."""
    with (
        ServerProcess(GAME_MAX_CONNECTIONS="64", GAME_HANDSHAKE_TIMEOUT="2") as server,
        server.new_admin("Hello", "Watch") as watcher,
        contextlib.ExitStack() as crowd,
    ):
        for _ in range(100):
            crowd.enter_context(socket.create_connection(server.admin))
        assert watcher.ask("Who") == "End"
        greeted = False
        while not greeted:  # a newcomer that is dropped is closed at once, and comes again
            with contextlib.suppress(OSError, EOFError), server.new_admin() as newcomer:
                greeted = newcomer.ask("Hello") == "Admin-Greetings"
        assert watcher.ask("Who") == "End"


def test_vanished_peers_are_noticed() -> None:
    """Connections inherit from their listener that the kernel asks silent peers for a sign of life."""
    [listener] = listen("127.0.0.1", 0, "GAME_PLAYER_PORT")
    with listener:
        listener.setblocking(True)
        with socket.create_connection(listener.getsockname()[:2]), listener.accept()[0] as accepted:
            tcp = socket.IPPROTO_TCP
            assert accepted.getsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE)
            idle_s, interval_s, count, unanswered_ms = (
                accepted.getsockopt(tcp, option)
                for option in (
                    socket.TCP_KEEPIDLE,
                    socket.TCP_KEEPINTVL,
                    socket.TCP_KEEPCNT,
                    socket.TCP_USER_TIMEOUT,
                )
            )
            assert idle_s + interval_s * count <= 30
            assert unanswered_ms <= 30_000


@pytest.mark.parametrize("connections", [1, 4, 10, 36, 100, 960, 19_936, 1_000_000])
def test_connections_are_shared_out(connections: int) -> None:
    """However few there may be, players and administrators get some; together they are no more than that."""
    rooms = Quota.of(connections, 10_000)

    assert min(rooms) >= 1
    assert sum(rooms) <= max(connections, 4)
    assert rooms.players <= 10_000


@pytest.mark.parametrize("without", LOOPS)
def test_connections_come_and_go_and_leave_nothing_behind(without: tuple[str, ...]) -> None:
    """After many games, broken ones too, the server has the descriptors and threads that it had before."""

    def descriptors(pid: int) -> int:
        return len(list(Path(f"/proc/{pid}/fd").iterdir()))

    with ServerProcess(Alteration(without=without)) as server:
        finish_a_game(server)
        before = descriptors(server.pid)
        for _ in range(30):
            finish_a_game(server)
            server.new_player("Hello", "Game").reset()
        server.wait_for("session_closed", count=61)
        finish_a_game(server)
        assert descriptors(server.pid) <= before + 1  # the last one's end may be on its way
