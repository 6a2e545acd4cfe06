"""Names by reverse DNS: cached, bounded, and never waited for."""

from __future__ import annotations

import threading

import pytest

from services.admin.dashboard.names import FRESH_S, MOST_PENDING, Names, container_name, reverse_dns

LAST = "last"


class Directory:
    """A name server that a test holds in its hands."""

    def __init__(self, names: dict[str, str]) -> None:
        self.names = names
        self.asked: list[str] = []
        self.open = threading.Event()
        self.open.set()
        self._last_called = threading.Event()

    def look_up(self, ip: str) -> str | None:
        """Answer once the test lets it."""
        if ip == LAST:
            self._last_called.set()
            return None
        assert self.open.wait(10)
        self.asked.append(ip)
        return self.names.get(ip)

    def wait_for(self, names: Names) -> set[str]:
        """Wait until every question so far is answered, and return the hosts whose names changed."""
        # Questions are answered in turn: when the last one is asked, the answers to all others are there.
        self._last_called.clear()
        names._known.pop(LAST, None)
        names.of(LAST)
        assert self._last_called.wait(10)
        return names.take_fresh()


def test_a_name_is_known_after_it_was_pending_for() -> None:
    """The first question returns at once without a name; the answer is told as fresh, once."""
    directory = Directory({"10.0.0.1": "bot-1"})
    names = Names(directory.look_up, lambda: 0.0)

    assert names.of("10.0.0.1") is None
    assert directory.wait_for(names) == {"10.0.0.1"}
    assert names.of("10.0.0.1") == "bot-1"
    assert names.take_fresh() == set()


def test_a_slow_name_server_holds_nobody_up() -> None:
    """While the name server does not answer, questions return at once and are not repeated."""
    directory = Directory({})
    directory.open.clear()
    names = Names(directory.look_up, lambda: 0.0)

    assert [names.of("10.0.0.1") for _ in range(3)] == [None] * 3
    assert names.take_fresh() == set()

    directory.open.set()
    assert directory.wait_for(names) == set()
    assert directory.asked == ["10.0.0.1"]


def test_a_name_is_looked_up_again_after_a_while() -> None:
    """An address may belong to another container later, also if it had no name at first."""
    directory = Directory({})
    now = 0.0
    names = Names(directory.look_up, lambda: now)
    names.of("10.0.0.1")
    directory.wait_for(names)
    directory.names["10.0.0.1"] = "bot-2"

    assert names.of("10.0.0.1") is None
    now = FRESH_S + 1
    names.of("10.0.0.1")

    assert directory.wait_for(names) == {"10.0.0.1"}
    assert names.of("10.0.0.1") == "bot-2"


def test_memory_is_bounded(monkeypatch: pytest.MonkeyPatch) -> None:
    """Neither the names known nor the questions that wait grow without end."""
    monkeypatch.setattr("services.admin.dashboard.names.MOST_KNOWN", 4)
    directory = Directory({})
    directory.open.clear()
    names = Names(directory.look_up, lambda: 0.0)
    for number in range(MOST_PENDING + 10):
        names.of(f"10.0.{number // 256}.{number % 256}")
    assert len(names._pending) == MOST_PENDING

    directory.open.set()
    names._pending.pop()
    directory.wait_for(names)
    assert len(names._known) <= 4


@pytest.mark.parametrize(
    ("full_name", "name"),
    [
        ("game-bot-3.game_players", "bot-3"),
        ("my_game-bot-3.my_game_players", "bot-3"),
        ("else-bot-3.game_players", "else-bot-3"),
        ("laptop.lan", "laptop"),
        ("laptop", "laptop"),
        ("<b>.evil", None),
        ("\x1b[2J", None),
        ("", None),
        ("a" * 64, None),
    ],
)
def test_only_ordinary_names_are_taken(full_name: str, name: str | None) -> None:
    """A container is called as Compose calls it, a host by its first part; only plain names are taken."""
    assert container_name(full_name) == name


@pytest.mark.parametrize("ip", ["127.0.0.1", "::1"])
def test_loopback_has_no_name(ip: str) -> None:
    """That a player is on this machine needs no name."""
    assert reverse_dns(ip) is None
