"""Games on the page: lines carried both ways, bounds on what a browser may cost, and nobody left behind."""

from __future__ import annotations

import http.client
import json
import socket
from contextlib import ExitStack, contextmanager
from typing import TYPE_CHECKING, Any

import pytest
from websockets.exceptions import InvalidStatus

from tests.support.certificates import make_cast
from tests.support.dashboard import dashboard
from tests.support.page_player import PROMPT, besiege, page_player, reset
from tests.support.server_process import ServerProcess

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path


@contextmanager
def page_of(server: ServerProcess, **settings: str) -> Iterator[int]:
    """Serve the page of a server; yield its port."""
    with dashboard(server.admin[1], **{"GAME_PLAY_PORT": str(server.player[1]), **settings}) as (_, port):  # type: ignore[arg-type]  # descriptors is not among them
        yield port


def get(port: int, path: str) -> tuple[int, Any]:
    """Make one request."""
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=20)
    connection.request("GET", path)
    response = connection.getresponse()
    content = json.loads(response.read())
    connection.close()
    return response.status, content


def nobody_plays(server: ServerProcess, own: str) -> None:
    """Wait until the player's session has ended, and see that the list is empty."""
    server.wait_for("session_closed", peer=own)
    with server.new_admin("Hello") as admin:
        assert admin.ask("Who") == ""


def test_a_game_is_carried_line_by_line() -> None:
    """Each message is a line and each line a message, up to the end; the player is listed meanwhile."""
    with ServerProcess() as server, page_of(server) as port, page_player(port) as player:
        own = player.begin()
        with server.new_admin("Hello") as admin:
            assert admin.ask("Who") == own
        assert player.ask("nonsense") == PROMPT
        replies = []
        for number in range(1, 31):
            replies.append(player.ask(f"My Guess is: {number}"))
            if replies[-1] == "Correct":
                break
        assert set(replies[:-1]) <= {"Far", "Close"}
        assert player.end() == (1000, "")


def test_lines_that_come_together_are_messages_of_their_own() -> None:
    """What the server answers in one write still reaches the browser line by line."""
    with ServerProcess() as server, page_of(server) as port, page_player(port) as player:
        player.begin()
        for _ in range(5):
            player.connection.send("nonsense")
        assert [player.receive() for _ in range(5)] == [PROMPT] * 5


@pytest.mark.parametrize("origin", ["http://evil.example", "https://127.0.0.1", "null"])
def test_pages_of_other_origins_are_refused(origin: str) -> None:
    """A browser lets any page open a WebSocket anywhere, so the page's service looks at whose page it is."""
    with ServerProcess() as server, page_of(server) as port:
        with pytest.raises(InvalidStatus) as refused, page_player(port, origin):
            pass
        assert refused.value.response.status_code == 403


@pytest.mark.parametrize(
    ("message", "code"), [("x" * 511, 1009), (b"Hello", 1003), ("Hello\r\nGame", 1008), ("Hello\n", 1008)]
)
def test_what_is_no_line_ends_the_game(message: str | bytes, code: int) -> None:
    """Too long, not text, or more than one line: the game ends, and the player is gone from the list."""
    with ServerProcess() as server, page_of(server) as port:
        with page_player(port) as player:
            own = player.begin()
            assert player.ask("x" * 510) == PROMPT
            player.connection.send(message)
            assert player.end()[0] == code
        nobody_plays(server, own)


def test_a_browser_that_vanishes_leaves_no_player_behind() -> None:
    """Closed properly, half-closed or broken off by a reset: the server hears of the end at once."""
    with ServerProcess() as server, page_of(server) as port:
        with page_player(port) as player:
            own = player.begin()
        nobody_plays(server, own)
        for hang_up in (reset, _half_close):
            with ExitStack() as stack:
                player = stack.enter_context(page_player(port))
                own = player.begin()
                hang_up(player.connection.socket)
                nobody_plays(server, own)


def _half_close(connection: socket.socket) -> None:
    connection.shutdown(socket.SHUT_WR)


def test_games_and_their_time_are_limited() -> None:
    """One game too many is told to try again later; a game that takes too long ends, with a reason."""
    with ServerProcess() as server, page_of(server, GAME_PLAY_GAMES="1", GAME_PLAY_TIMEOUT="2") as port:
        with page_player(port) as player:
            own = player.begin()
            with page_player(port) as late:
                assert late.end() == (1013, "too many games are played on this page now, try again later")
            assert player.end() == (1008, "a game on this page may take 2 s")
        nobody_plays(server, own)
        with page_player(port) as player:
            player.begin()


def test_the_server_goes_and_comes_back() -> None:
    """A game breaks off with its server, the next one is told why it cannot begin; then it can again."""
    with ServerProcess() as server:
        ports = server.ports
        with page_of(server) as port:
            with page_player(port) as player:
                player.begin()
                server.signal(9)  # type: ignore[arg-type]
                assert player.end()[0] in {1000, 1014}
            server.wait()
            with page_player(port) as player:
                code, reason = player.end()
                assert (code, "Connection refused" in reason) == (1014, True)
            with ServerProcess(**ports), page_player(port) as player:
                player.begin()


def test_the_servers_certificate_is_verified(tmp_path: Path) -> None:
    """Between page and server the game is encrypted; a server that is not the one gets no line."""
    cast = make_cast(tmp_path)
    tls = {
        "GAME_TLS_CERT": str(cast.server.cert),
        "GAME_TLS_KEY": str(cast.server.key),
        "GAME_TLS_CLIENT_CA": str(cast.ca),
    }
    own = {
        "GAME_TLS_CA": str(cast.ca),
        "GAME_TLS_CERT": str(cast.administrator.cert),
        "GAME_TLS_KEY": str(cast.administrator.key),
    }
    with ServerProcess(**tls, GAME_PLAYER_TLS="required") as server, ServerProcess() as other:
        with page_of(server, **own) as port, page_player(port) as player:
            player.begin()
        server.wait_for("admin_left")
        astray = {"GAME_PLAY_PORT": str(other.player[1])}
        with page_of(server, **own, **astray) as port, page_player(port) as player:
            code, reason = player.end()
            assert (code, "TLS" in reason) == (1014, True)
        assert not other.events("handshake_advanced")


def test_a_hint_is_the_best_next_guess() -> None:
    """It follows from what was tried; what is no list of guesses is refused."""
    with ServerProcess() as server, page_of(server) as port:
        status, hint = get(port, "/api/hint?tried=15:Far,20:Close")
        assert (status, hint["left"]) == (200, 4)  # 18, 19, 21 and 22
        assert hint["guess"] in {18, 19, 21, 22}
        assert get(port, "/api/hint")[1]["left"] == 30
        tried = ",".join(f"{number}:Far" for number in range(1, 30) if number % 5)
        assert get(port, f"/api/hint?tried={tried}")[0] == 200
        for bad in ("15", "15:Correct", "15:Far,", "x:Far", "9999999999:Far"):
            assert get(port, f"/api/hint?tried={bad}")[0] == 400


def test_hostile_browsers_hurt_nobody_and_leave_nothing() -> None:
    """Whatever two hundred do at once, others play on, and nothing of them is left (G-8)."""
    with ServerProcess() as server, page_of(server, GAME_PLAY_GAMES="20") as port:
        with page_player(port) as bystander:
            bystander.begin()
            besiege(port, bystander)
            assert get(port, "/healthz")[1]["status"] == "ok"
        with page_player(port) as player:
            player.begin()
        with server.new_admin("Hello") as admin:
            server.settle()
            assert admin.ask("Who") == ""
