"""Where a server is, how it is reached, and why it cannot be, in words."""

from __future__ import annotations

import asyncio
import contextlib
import errno
import socket
import ssl
import struct
import threading
from typing import TYPE_CHECKING
from unittest.mock import Mock

import pytest

from services.runtime import connecting, resolver
from services.runtime.connecting import Target, UnreachableError, cause, connect, open_stream
from services.runtime.tls import ReloadingContext

if TYPE_CHECKING:
    from collections.abc import Iterator

    from services.runtime.resolver import AddressInfo

TIMEOUT_S = 10.0


@pytest.mark.parametrize(
    ("host", "text"),
    [("localhost", "localhost:4000"), ("10.0.0.1", "10.0.0.1:4000"), ("::1", "[::1]:4000")],
)
def test_a_target_is_spelled_as_people_do(host: str, text: str) -> None:
    """An IPv6 address stands in brackets, so that its port can be told."""
    assert str(Target(host, 4000)) == text


def test_causes() -> None:
    """Each failure of a connection is a few words, without repeating where to."""
    untrusted = ssl.SSLCertVerificationError(1, "long")
    untrusted.verify_message = "self-signed certificate"

    assert cause(untrusted) == "its certificate is not accepted: self-signed certificate"
    assert cause(ConnectionRefusedError(errno.ECONNREFUSED, "Call failed")) == "Connection refused"
    assert cause(socket.gaierror(socket.EAI_NONAME, "Name not known")) == "Name not known"
    assert cause(OSError("in words alone")) == "in words alone"


def test_a_peer_that_closes_in_the_tls_handshake_is_told_so() -> None:
    """A balancer without servers accepts a connection and closes it: that is said, in words."""
    trusting = Mock(spec=ReloadingContext)
    trusting.current = ssl.create_default_context

    async def meet_nobody() -> str:
        async def close(_: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
            writer.close()
            await writer.wait_closed()

        async with await asyncio.start_server(close, "127.0.0.1", 0) as balancer:
            port = balancer.sockets[0].getsockname()[1]
            with pytest.raises(UnreachableError) as caught:
                await open_stream(Target("127.0.0.1", port, trusting))
        return str(caught.value).partition(": ")[2]

    assert asyncio.run(meet_nobody()) == "it closed the connection"


@contextlib.contextmanager
def listening(host: str, *, full: bool = False) -> Iterator[socket.socket]:
    """Listen on an address; where `full`, nobody else gets an answer, as in a black hole."""
    with contextlib.ExitStack() as stack:
        listener = stack.enter_context(socket.create_server((host, 0), backlog=0 if full else 8))
        for _ in range(4 if full else 0):
            waiting = stack.enter_context(socket.socket())
            waiting.setblocking(False)
            waiting.connect_ex(listener.getsockname())
        yield listener


def infos(*listeners: socket.socket) -> list[AddressInfo]:
    """Return the addresses of a name that stands for all of these."""
    return [
        (socket.AF_INET, socket.SOCK_STREAM, socket.IPPROTO_TCP, "", listener.getsockname())
        for listener in listeners
    ]


def names(monkeypatch: pytest.MonkeyPatch, found: list[AddressInfo]) -> None:
    """Let every name stand for these addresses."""
    monkeypatch.setattr(resolver, "_resolve", lambda _question, _flags: found)


async def reached(target: Target) -> str:
    """Connect and return the address that was reached."""
    _, writer = await open_stream(target, timeout_s=TIMEOUT_S)
    address: str = writer.get_extra_info("peername")[0]
    writer.close()
    await writer.wait_closed()
    return address


def test_an_address_that_does_not_answer_delays_nobody(monkeypatch: pytest.MonkeyPatch) -> None:
    """Of a name's two addresses the first is a black hole: the second is reached all the same."""
    with listening("127.0.0.2", full=True) as black_hole, listening("127.0.0.1") as server:
        names(monkeypatch, infos(black_hole, server))

        assert asyncio.run(reached(Target("game.example", 4000))) == "127.0.0.1"


def test_an_address_that_refuses_is_passed_over(monkeypatch: pytest.MonkeyPatch) -> None:
    """Of a name's two addresses the first refuses: the second is tried at once, not after the head start."""
    with listening("127.0.0.2") as refusing, listening("127.0.0.1") as server:
        names(monkeypatch, infos(refusing, server))
        refusing.close()
        monkeypatch.setattr(connecting, "HEAD_START_S", TIMEOUT_S * 2)

        assert asyncio.run(reached(Target("game.example", 4000))) == "127.0.0.1"


def test_the_families_take_turns() -> None:
    """However many addresses of one family a name has, the other family is tried second."""
    six, four = (
        [(family, socket.SOCK_STREAM, 6, "", (str(number), 4000)) for number in range(count)]
        for family, count in ((socket.AF_INET6, 3), (socket.AF_INET, 1))
    )

    assert connecting._alternating([*six, *four]) == [six[0], four[0], six[1], six[2]]


def test_when_no_address_answers_every_cause_is_named_once(monkeypatch: pytest.MonkeyPatch) -> None:
    """Two addresses that refuse for the same reason are one reason."""
    with listening("127.0.0.2") as one, listening("127.0.0.1") as other:
        names(monkeypatch, infos(one, other))
    with pytest.raises(UnreachableError) as caught:
        asyncio.run(reached(Target("game.example", 4000)))

    assert str(caught.value) == "cannot reach game.example:4000: Connection refused"


def test_connecting_has_a_time_limit(monkeypatch: pytest.MonkeyPatch) -> None:
    """A server that does not answer is given up."""
    with listening("127.0.0.2", full=True) as black_hole:
        names(monkeypatch, infos(black_hole))
        with pytest.raises(UnreachableError) as caught:
            asyncio.run(connect(Target("game.example", 4000), lambda _: asyncio.Protocol(), timeout_s=0.1))

    assert str(caught.value) == "game.example:4000 does not answer"


@pytest.fixture
def deaf(monkeypatch: pytest.MonkeyPatch) -> Iterator[list[str]]:
    """Let no name service answer; tell how many were asked."""
    asked: list[str] = []
    enough = threading.Event()

    def wait_for_ever(question: tuple[str, int, int], flags: int) -> list[AddressInfo]:
        if not flags:
            asked.append(question[0])
            enough.wait()
        raise socket.gaierror(socket.EAI_AGAIN, "Temporary failure in name resolution")

    monkeypatch.setattr(resolver, "_resolve", wait_for_ever)
    yield asked
    enough.set()


def test_a_name_service_that_does_not_answer_is_named(deaf: list[str]) -> None:
    """It is not the server's fault, and the message does not say so; asking twice asks once."""

    async def ask_twice() -> list[BaseException | None]:
        target = Target("game.example", 4000)
        twice = (connect(target, lambda _: asyncio.Protocol(), timeout_s=0.1) for _ in range(2))
        return [one if isinstance(one, BaseException) else None
                for one in await asyncio.gather(*twice, return_exceptions=True)]  # fmt: skip

    outcomes = asyncio.run(ask_twice())

    assert list(map(str, outcomes)) == ["cannot reach game.example:4000: no name service answers"] * 2
    assert deaf == ["game.example"]


def test_a_name_that_no_name_service_can_be_asked_for() -> None:
    """What slips past the settings is one clear line all the same."""
    with pytest.raises(UnreachableError) as caught:
        asyncio.run(connect(Target("a..b", 4000), lambda _: asyncio.Protocol()))

    assert str(caught.value) == "cannot reach a..b:4000: that is no host name"


def test_a_connection_that_is_reset_at_once_is_no_connection(monkeypatch: pytest.MonkeyPatch) -> None:
    """A server may accept and reset before anybody has looked: that is told as if it were not there."""
    opened: list[socket.socket] = []

    async def open_and_lose(_: object) -> socket.socket:
        with socket.create_server(("127.0.0.1", 0)) as server:
            opened.append(socket.create_connection(server.getsockname()))
            accepted, _ = server.accept()
            accepted.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
            accepted.close()
        with contextlib.suppress(ConnectionResetError):  # it has come
            opened[0].recv(1)
        return opened[0]

    monkeypatch.setattr(connecting, "_open_first", open_and_lose)
    with pytest.raises(UnreachableError, match="Connection reset by peer"):
        asyncio.run(connect(Target("127.0.0.1", 4000), lambda _: asyncio.Protocol()))
    assert opened[0].fileno() < 0
