"""An administrator's conversation, as transcripts: lines in, reply lines out."""

from __future__ import annotations

import pytest

from services.server.game.admin import AdminState
from services.server.game.log_events import LogEvent
from tests.support.transcript import OTHER_PLAYER, FakeServer, as_admin, as_player

LISTED = ["192.0.2.7 50123", "2001:db8::7 50124"]


@pytest.fixture
def server() -> FakeServer:
    """Two players at play, and one who has not begun."""
    server = FakeServer()
    as_player("Hello", "Game", server=server)
    as_player("Hello", "Game", "15", server=server, address=OTHER_PLAYER)
    as_player("Hello", server=server)
    return server


@pytest.mark.parametrize("hello", ["Hello", "Admin-Hello", "admin-HELLO "])
def test_who_lists_those_at_play_and_closes(server: FakeServer, hello: str) -> None:
    """Either hello is greeted; Who lists those who play, not those who only said Hello (A-1, A-2)."""
    transcript = as_admin(server=server)

    assert transcript.send(hello) == ["Admin-Greetings"]
    assert transcript.send("Who", "Who") == LISTED
    assert transcript.closed == "listed"


def test_who_gives_an_empty_line_when_nobody_plays() -> None:
    """Nobody playing is one empty line, then the close (A-2)."""
    transcript = as_admin("Hello")

    assert transcript.send("Who") == [""]
    assert transcript.closed == "listed"


def test_watch_gives_the_list_and_end(server: FakeServer) -> None:
    """Watch takes the seat, and its list is ended by End; the connection stays (A-3)."""
    transcript = as_admin("Hello", server=server)

    assert transcript.send("Watch") == [*LISTED, "End"]
    assert server.seat is transcript
    assert transcript.closed is None


def test_watch_begins_with_the_round_in_play(server: FakeServer) -> None:
    """Where rounds are shared, a watcher is told at once which one is in play (R-4)."""
    server.shared_rounds, server.round_number = True, 7

    assert as_admin("Hello", server=server).send("Watch") == [*LISTED, "End", "Round 7"]


def test_watch_gives_end_alone_when_nobody_plays() -> None:
    """Within a watch an empty list has no empty line (A-3)."""
    assert as_admin("Hello").send("Watch") == ["End"]


def test_who_within_a_watch_does_not_close(server: FakeServer) -> None:
    """The watcher may ask for the list as often as it likes (A-5)."""
    transcript = as_admin("Hello", "Watch", server=server)

    assert transcript.send("Who", "who") == [*LISTED, "End"] * 2
    assert transcript.closed is None


def test_a_second_watch_is_refused_and_who_is_not(server: FakeServer) -> None:
    """There is one administrator; the list is for anybody (A-7)."""
    as_admin("Hello", "Watch", server=server)
    second = as_admin("Hello", server=server)

    assert second.send("Watch", "Who") == ["Refused: another administrator is watching"]
    assert second.closed == "another administrator is watching"
    assert second.logged(LogEvent.ADMIN_REFUSED) == [("another administrator is watching",)]
    assert as_admin("Hello", server=server).send("Who") == LISTED


def test_the_seat_is_free_again_after_the_watch(server: FakeServer) -> None:
    """When the watcher's connection ends, the next one takes the seat (A-7)."""
    first = as_admin("Hello", "Watch", server=server)

    assert first.half_close() == []
    assert first.logged(LogEvent.ADMIN_LEFT) == [("peer closed",)]
    assert as_admin("Hello", server=server).send("Watch")[-1] == "End"


@pytest.mark.parametrize("line", ["Watch", "Hello", "Game", "5", "", "x"])
def test_a_watcher_who_says_anything_else_is_refused(server: FakeServer, line: str) -> None:
    """Out of turn within a watch is refused, and costs the seat (A-10, S-2)."""
    transcript = as_admin("Hello", "Watch", server=server)

    assert transcript.send(line, "Who") == ["Refused: say Who or nothing"]
    assert transcript.closed == "say Who or nothing"
    assert server.seat is None
    assert transcript.logged(LogEvent.ADMIN_LEFT) == [("say Who or nothing",)]


def test_pong_has_no_reply_and_is_remembered() -> None:
    """A watcher who answers a Ping is known to do so (A-8)."""
    transcript = as_admin("Hello", "Watch")
    assert isinstance(transcript.state, AdminState)
    assert not transcript.state.answers_pings

    assert transcript.send("Pong", "Who", "pong") == ["End"]
    assert transcript.state.answers_pings


@pytest.mark.parametrize("line", ["", "Who", "Watch", "Game", "5", "Pong", "x"])
def test_hello_comes_first(line: str) -> None:
    """Whatever else is said first is refused (A-1, A-10, S-2)."""
    transcript = as_admin()

    [reply] = transcript.send(line, "Hello")
    assert reply.startswith("Refused: say Hello first")
    assert transcript.logged(LogEvent.HANDSHAKE_REFUSED) == [(reply.removeprefix("Refused: "), line)]


@pytest.mark.parametrize("line", ["", "Hello", "Admin-Hello", "Game", "5", "Pong", "x"])
def test_who_or_watch_comes_second(line: str) -> None:
    """After the greeting there are two requests and no others (A-10, S-2)."""
    [reply] = as_admin("Hello").send(line, "Who")
    assert reply.startswith("Refused: say Who or Watch")


def test_timeout_and_limit_hold_here_too() -> None:
    """A slow administrator and one too many are refused as players are (A-10, P-10, P-12)."""
    slow, surplus = as_admin("Hello"), as_admin()

    refused = slow.perform(slow.state.too_slow(2.5, slow.unterminated))

    assert refused == ["Refused: handshake not completed within 2.5 s"]
    assert surplus.perform(surplus.state.refuse("server full")) == ["Refused: server full"]


def test_an_overlong_line_ends_the_watch() -> None:
    """The limit of a line holds for the watcher, too (F-2, A-10)."""
    transcript = as_admin("Hello", "Watch")

    assert transcript.feed(b"x" * 513) == ["Refused: line longer than 512 octets"]
    assert transcript.server.seat is None


@pytest.mark.parametrize("hello", ["Hello", "Admin-Hello"])
def test_the_handshake_is_recorded(hello: str) -> None:
    """The log tells which hello was said, and that the handshake is complete (A-1)."""
    assert as_admin(hello).log == [
        (LogEvent.HANDSHAKE_ADVANCED, (hello, "Admin-Greetings")),
        (LogEvent.HANDSHAKE_COMPLETED, ("admin",)),
    ]


@pytest.mark.parametrize("line", ["Who", "Watch"])
def test_what_other_servers_hold_may_be_out_of_reach(server: FakeServer, line: str) -> None:
    """Where the list or the seat cannot be known now, a line says so (R-5, A-10)."""
    server.reachable = False

    assert as_admin("Hello", server=server).send(line) == [
        "Refused: the other servers cannot be asked now, try again"
    ]
    assert server.seat is None
