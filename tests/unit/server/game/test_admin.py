"""An administrator's conversation, as transcripts: lines in, reply lines out."""

from __future__ import annotations

import pytest

from services.server.game.admin import AdminConversation
from services.server.game.facts import Fact
from tests.support.talk import OTHER_PLAYER, House, talk_as_admin, talk_as_player

LISTED = ["192.0.2.7 50123", "2001:db8::7 50124"]


@pytest.fixture
def house() -> House:
    """Two players at play, and one who has not begun."""
    house = House()
    talk_as_player("Hello", "Game", house=house)
    talk_as_player("Hello", "Game", "15", house=house, address=OTHER_PLAYER)
    talk_as_player("Hello", house=house)
    return house


@pytest.mark.parametrize("hello", ["Hello", "Admin-Hello", "admin-HELLO "])
def test_who_lists_those_at_play_and_closes(house: House, hello: str) -> None:
    """Either hello is greeted; Who lists those who play, not those who only said Hello (A-1, A-2)."""
    talk = talk_as_admin(house=house)

    assert talk.say(hello) == ["Admin-Greetings"]
    assert talk.say("Who", "Who") == LISTED
    assert talk.closed == "listed"


def test_who_gives_an_empty_line_when_nobody_plays() -> None:
    """Nobody playing is one empty line, then the close (A-2)."""
    talk = talk_as_admin("Hello")

    assert talk.say("Who") == [""]
    assert talk.closed == "listed"


def test_watch_gives_the_list_and_end(house: House) -> None:
    """Watch takes the seat, and its list is ended by End; the connection stays (A-3)."""
    talk = talk_as_admin("Hello", house=house)

    assert talk.say("Watch") == [*LISTED, "End"]
    assert house.seat is talk
    assert talk.closed is None


def test_watch_gives_end_alone_when_nobody_plays() -> None:
    """Within a watch an empty list has no empty line (A-3)."""
    assert talk_as_admin("Hello").say("Watch") == ["End"]


def test_who_within_a_watch_does_not_close(house: House) -> None:
    """The watcher may ask for the list as often as he likes (A-5)."""
    talk = talk_as_admin("Hello", "Watch", house=house)

    assert talk.say("Who", "who") == [*LISTED, "End"] * 2
    assert talk.closed is None


def test_a_second_watch_is_refused_and_who_is_not(house: House) -> None:
    """There is one administrator; the list is for anybody (A-7)."""
    talk_as_admin("Hello", "Watch", house=house)
    second = talk_as_admin("Hello", house=house)

    assert second.say("Watch", "Who") == ["Refused: another administrator is watching"]
    assert second.closed == "another administrator is watching"
    assert second.facts(Fact.ADMIN_REFUSED) == [("another administrator is watching",)]
    assert talk_as_admin("Hello", house=house).say("Who") == LISTED


def test_the_seat_is_free_again_after_the_watch(house: House) -> None:
    """When the watcher's connection ends, the next one takes the seat (A-7)."""
    first = talk_as_admin("Hello", "Watch", house=house)

    assert first.half_close() == []
    assert first.facts(Fact.ADMIN_LEFT) == [("peer closed",)]
    assert talk_as_admin("Hello", house=house).say("Watch")[-1] == "End"


@pytest.mark.parametrize("line", ["Watch", "Hello", "Game", "5", "", "x"])
def test_a_watcher_who_says_anything_else_is_refused(house: House, line: str) -> None:
    """Out of turn within a watch is refused, and costs the seat (A-10, S-2)."""
    talk = talk_as_admin("Hello", "Watch", house=house)

    assert talk.say(line, "Who") == ["Refused: say Who or nothing"]
    assert talk.closed == "say Who or nothing"
    assert house.seat is None
    assert talk.facts(Fact.ADMIN_LEFT) == [("say Who or nothing",)]


def test_pong_has_no_reply_and_is_remembered() -> None:
    """A watcher who answers a Ping is known to do so (A-8)."""
    talk = talk_as_admin("Hello", "Watch")
    assert isinstance(talk.conversation, AdminConversation)
    assert not talk.conversation.answers_pings

    assert talk.say("Pong", "Who", "pong") == ["End"]
    assert talk.conversation.answers_pings


@pytest.mark.parametrize("line", ["", "Who", "Watch", "Game", "5", "Pong", "x"])
def test_hello_comes_first(line: str) -> None:
    """Whatever else is said first is refused (A-1, A-10, S-2)."""
    talk = talk_as_admin()

    assert talk.say(line, "Hello") == ["Refused: say Hello first"]
    assert talk.facts(Fact.HANDSHAKE_REFUSED) == [("say Hello first", line)]


@pytest.mark.parametrize("line", ["", "Hello", "Admin-Hello", "Game", "5", "Pong", "x"])
def test_who_or_watch_comes_second(line: str) -> None:
    """After the greeting there are two requests and no others (A-10, S-2)."""
    assert talk_as_admin("Hello").say(line, "Who") == ["Refused: say Who or Watch"]


def test_timeout_and_limit_hold_here_too() -> None:
    """A slow administrator and one too many are refused as players are (A-10, P-10, P-12)."""
    slow, surplus = talk_as_admin("Hello"), talk_as_admin()

    refused = slow.perform(slow.conversation.too_slow(2.5))

    assert refused == ["Refused: handshake not completed within 2.5 s"]
    assert surplus.perform(surplus.conversation.refuse("server full")) == ["Refused: server full"]


def test_an_overlong_line_ends_the_watch() -> None:
    """The limit of a line holds for the watcher, too (F-2, A-10)."""
    talk = talk_as_admin("Hello", "Watch")

    assert talk.feed(b"x" * 513) == ["Refused: line longer than 512 octets"]
    assert talk.house.seat is None


@pytest.mark.parametrize("hello", ["Hello", "Admin-Hello"])
def test_the_handshake_is_recorded(hello: str) -> None:
    """The log tells which hello was said, and that the handshake is complete (A-1)."""
    assert talk_as_admin(hello).recorded == [
        (Fact.HANDSHAKE_ADVANCED, (hello, "Admin-Greetings")),
        (Fact.HANDSHAKE_COMPLETED, ("admin",)),
    ]


@pytest.mark.parametrize("line", ["Who", "Watch"])
def test_what_other_servers_hold_may_be_out_of_reach(house: House, line: str) -> None:
    """Where the list or the seat cannot be known now, a line says so (R-5, A-10)."""
    house.reachable = False

    assert talk_as_admin("Hello", house=house).say(line) == [
        "Refused: the other servers cannot be asked now, try again"
    ]
    assert house.seat is None
