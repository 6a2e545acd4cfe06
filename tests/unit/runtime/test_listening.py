"""Listening: what a host stands for, and that a port is had everywhere or nowhere."""

from __future__ import annotations

import contextlib
import errno
import socket
from concurrent.futures import Future
from typing import TYPE_CHECKING, Any

import pytest

from services.runtime import listening
from services.runtime.listening import FREE_PORT_TRIES, open_listeners

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from services.runtime.resolver import AddressInfo

TIMEOUT_S = 10.0
OTHERS = "192.0.2.1"
"""An address of no machine (RFC 5737)."""


@contextlib.contextmanager
def opened(host: str, port: int = 0) -> Iterator[list[socket.socket]]:
    """Listen until the block ends."""
    listeners = open_listeners(host, port, backlog=8)
    try:
        yield listeners
    finally:
        for listener in listeners:
            listener.close()


def is_reached(host: str, port: int) -> bool:
    """Tell whether somebody listens."""
    try:
        socket.create_connection((host, port), timeout=TIMEOUT_S).close()
    except ConnectionRefusedError:
        return False
    return True


def have(monkeypatch: pytest.MonkeyPatch, *addresses: str) -> None:
    """Let every name have these addresses."""

    def look_up(_: str, port: int, *, to_listen: bool) -> Future[Sequence[AddressInfo]]:
        assert to_listen
        answer: Future[Sequence[AddressInfo]] = Future()
        answer.set_result(
            [
                one
                for address in addresses
                for one in socket.getaddrinfo(address, port, type=socket.SOCK_STREAM)
            ]
        )
        return answer

    monkeypatch.setattr(listening, "look_up", look_up)


@pytest.mark.parametrize(
    ("host", "reached"),
    [
        ("", {"127.0.0.1", "::1"}),
        ("::", {"127.0.0.1", "::1"}),
        ("0.0.0.0", {"127.0.0.1"}),
        ("127.0.0.1", {"127.0.0.1"}),
        ("::1", {"::1"}),
    ],
)
def test_a_host_stands_for_its_addresses(host: str, reached: set[str]) -> None:
    """All addresses are of both families, whichever way they are spelled; an address is itself alone."""
    with opened(host) as listeners:
        port = listeners[0].getsockname()[1]
        assert {one for one in ("127.0.0.1", "::1") if is_reached(one, port)} == reached


def test_a_name_stands_for_all_its_addresses(monkeypatch: pytest.MonkeyPatch) -> None:
    """A name like localhost is reached in both families, at one port; twice the same address is one."""
    have(monkeypatch, "::1", "127.0.0.1", "127.0.0.1")
    with opened("localhost") as listeners:
        assert len({listener.getsockname()[1] for listener in listeners}) == 1
        assert [listener.getsockname()[0] for listener in listeners] == ["::1", "127.0.0.1"]


def test_an_address_that_is_not_here_is_passed_over(monkeypatch: pytest.MonkeyPatch) -> None:
    """One address of this machine is enough; none is a fault."""
    have(monkeypatch, OTHERS, "127.0.0.1")
    with opened("game.example") as listeners:
        assert [listener.getsockname()[0] for listener in listeners] == ["127.0.0.1"]
    have(monkeypatch, OTHERS)
    with pytest.raises(OSError, match="assign requested address") as caught:
        open_listeners("game.example", 0, backlog=8)
    assert caught.value.errno == errno.EADDRNOTAVAIL


def test_a_port_that_is_taken_at_one_address_is_had_at_none(monkeypatch: pytest.MonkeyPatch) -> None:
    """What was opened before is closed again."""
    have(monkeypatch, "127.0.0.1", "::1")
    usual, made = socket.create_server, []

    def create_server(*where: Any, family: int, **more: Any) -> socket.socket:
        if family == socket.AF_INET6:
            raise OSError(errno.EADDRINUSE, "taken")
        made.append(usual(*where, family=family, **more))
        return made[-1]

    monkeypatch.setattr(socket, "create_server", create_server)
    with pytest.raises(OSError, match="taken"):
        open_listeners("localhost", 0, backlog=8)
    assert [listener.fileno() for listener in made] == [-1] * (FREE_PORT_TRIES + 1)


def test_a_free_port_is_free_at_every_address(monkeypatch: pytest.MonkeyPatch) -> None:
    """Where the port that IPv4 was given happens to be taken in IPv6, another is tried."""
    have(monkeypatch, "127.0.0.1", "::1")
    usual, taken = socket.create_server, [True]

    def create_server(*where: Any, family: int, **more: Any) -> socket.socket:
        if family == socket.AF_INET6 and taken:
            taken.pop()
            raise OSError(errno.EADDRINUSE, "taken")
        return usual(*where, family=family, **more)

    monkeypatch.setattr(socket, "create_server", create_server)
    with opened("localhost") as listeners:
        assert len({listener.getsockname()[1] for listener in listeners}) == 1


def test_without_ipv6_all_addresses_are_those_of_ipv4(monkeypatch: pytest.MonkeyPatch) -> None:
    """A machine that has no IPv6 is served all the same."""
    monkeypatch.setattr(socket, "has_dualstack_ipv6", lambda: False)
    with opened("::") as listeners:
        assert [listener.family for listener in listeners] == [socket.AF_INET]


def test_what_cannot_be_looked_up_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    """No host name at all, and no name service that answers, are each a fault with a text."""
    with pytest.raises(OSError, match="no host name"):
        open_listeners("a..b", 0, backlog=8)
    monkeypatch.setattr(listening, "LOOK_UP_TIMEOUT_S", 0.01)
    monkeypatch.setattr(listening, "look_up", lambda *_, **__: Future())
    with pytest.raises(TimeoutError, match="no name service answers"):
        open_listeners("game.example", 0, backlog=8)
