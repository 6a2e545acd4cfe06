"""Names to addresses: answered, refused, and shared between those who ask for the same."""

from __future__ import annotations

import socket
import threading
from typing import TYPE_CHECKING

import pytest

from services.runtime import resolver
from services.runtime.resolver import look_up

if TYPE_CHECKING:
    from services.runtime.resolver import AddressInfo

TIMEOUT_S = 10.0


def test_a_look_up_is_answered_or_fails() -> None:
    """An address is its own answer; a name goes to the system's resolver, whose complaint comes through."""
    assert look_up("127.0.0.1", 4000).result(0)[0][4] == ("127.0.0.1", 4000)
    assert look_up("localhost", 4000).result(TIMEOUT_S)
    assert look_up("", 4000, to_listen=True).result(TIMEOUT_S)[0][4][0] in {"0.0.0.0", "::"}
    with pytest.raises(UnicodeError):
        look_up("a..b", 4000).result(TIMEOUT_S)


def test_where_no_thread_may_be_started_the_look_up_fails(monkeypatch: pytest.MonkeyPatch) -> None:
    """It is a fault of the connection, which is tried again, and says which limit it is."""

    def start(_: threading.Thread) -> None:
        raise RuntimeError("can't start new thread")

    with monkeypatch.context() as patched:
        patched.setattr(threading.Thread, "start", start)
        with pytest.raises(OSError, match="ulimit -u"):
            look_up("localhost", 4000).result(0)
    assert look_up("localhost", 4000).result(TIMEOUT_S)


def test_who_asks_for_the_same_shares_a_thread(monkeypatch: pytest.MonkeyPatch) -> None:
    """A thousand bots that look up one name are one question, and all get the answer."""
    asked: list[str] = []
    go_on = threading.Event()

    def resolve(question: tuple[str, int, int], flags: int) -> list[AddressInfo]:
        if flags:
            raise socket.gaierror(socket.EAI_NONAME, "no address")
        asked.append(question[0])
        assert go_on.wait(TIMEOUT_S)
        return []

    monkeypatch.setattr(resolver, "_resolve", resolve)
    answers = [look_up("game.example", 4000) for _ in range(1000)]
    go_on.set()

    assert [answer.result(TIMEOUT_S) for answer in answers] == [[]] * 1000
    assert asked == ["game.example"]
    assert look_up("game.example", 4000).result(TIMEOUT_S) == []
    assert asked == ["game.example"] * 2
