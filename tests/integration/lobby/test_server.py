"""Servers that share a lobby in Valkey, as players and administrators see them."""

from __future__ import annotations

from contextlib import ExitStack
from typing import TYPE_CHECKING

import pytest

from tests.support.cluster import ask_who, eventually, ready_player
from tests.support.server_process import ServerProcess

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tests.support.valkey_container import ValkeyContainer

NUMBERS = range(1, 31)
PIPELINED = "".join(f"{line}\r\n" for line in ("Hello", "Game", *NUMBERS)).encode()


@pytest.fixture
def servers(valkey: ValkeyContainer) -> Iterator[list[ServerProcess]]:
    """Give two servers of one game with shared rounds."""
    with ExitStack() as stack:
        started = [
            stack.enter_context(ServerProcess(GAME_STATE_URL=valkey.url, GAME_ROUND="shared"))
            for _ in range(2)
        ]
        for server in started:
            server.wait_for("lobby_connected")
        yield started


def list_at(server: ServerProcess) -> set[str]:
    """Return who plays, as one server tells."""
    with server.new_admin() as admin:
        return ask_who(admin)


def test_lines_that_wait_for_valkey_are_answered_in_order(servers: list[ServerProcess]) -> None:
    """However many lines come at once, the replies keep their order and end with Correct (F-3, P-8)."""
    for _ in range(10):
        with servers[0].new_player() as player:
            player.send(PIPELINED)
            greeting, begun, *verdicts = player.read_rest().decode().splitlines()
        assert (greeting, begun) == ("Greetings", "Ready")
        assert verdicts[-1] == "Correct"
        assert set(verdicts[:-1]) <= {"Far", "Close"}
        close = [at for at, verdict in enumerate(verdicts) if verdict == "Close"]
        assert close == [at for at in (len(verdicts) - 3, len(verdicts) - 2) if at >= 0]
    assert not servers[0].events("session_failed")


def test_a_round_is_won_at_one_server_and_lost_at_the_other(servers: list[ServerProcess]) -> None:
    """After a win the next guess at the other server is too late, the one after it is not (R-3, R-4)."""
    here, there = servers
    with (
        ready_player(here.new_player) as winner,
        ready_player(there.new_player) as loser,
        there.new_admin("Hello") as admin,
    ):
        eventually(lambda: list_at(there) == {winner.peer, loser.peer}, "both are listed")
        listed = {admin.ask("Watch"), admin.read_line()}
        assert listed == {winner.peer, loser.peer}
        assert admin.read_line() == "End"
        begun = int(admin.read_line().removeprefix("Round "))
        for number in NUMBERS:
            verdict = winner.ask(str(number))
            assert admin.read_line() == f"Guessed {winner.peer} {number} {verdict}"
            if verdict == "Correct":
                assert admin.read_line() == f"Won {winner.peer} {number}"
                break
        assert admin.read_line() == f"Round {begun + 1}"
        assert loser.ask("15") == f"Too late {number}"
        verdict = loser.ask("15")
        assert verdict in {"Far", "Close", "Correct"}
        assert admin.read_line() == f"Guessed {loser.peer} 15 {verdict}"


def test_a_watcher_at_either_server_holds_the_one_seat(servers: list[ServerProcess]) -> None:
    """The seat that is taken at one server is taken at the other, and free there once it is left (A-7)."""
    here, there = servers
    with here.new_admin("Hello") as first:
        assert first.ask("Watch") == "End"
        with there.new_admin("Hello") as second:
            assert second.ask("Watch") == "Refused: another administrator is watching"
        first.end_sending()
        first.read_rest()

    def seated() -> bool:
        with there.new_admin("Hello") as third:
            return third.ask("Watch") == "End"

    eventually(seated, "the seat is free there too")  # the news takes the way through Valkey
