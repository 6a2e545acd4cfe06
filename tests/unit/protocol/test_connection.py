"""The client's end of a conversation: what it says, what it hears, what is out of turn."""

from __future__ import annotations

from contextlib import suppress
from typing import TYPE_CHECKING

import pytest
from hypothesis import given
from hypothesis import strategies as st

from services.protocol.connection import ClientConnection
from services.protocol.errors import LineTooLongError, OutOfTurnError, ProtocolError
from services.protocol.messages import (
    Address,
    AdminGreetings,
    AdminHello,
    End,
    Game,
    Greetings,
    Guess,
    Hello,
    Listed,
    Ready,
    Unknown,
    Verdict,
    Watch,
)
from services.protocol.state import State
from tests.support.wire import cut_streams

if TYPE_CHECKING:
    from services.protocol.messages import Reply


def receive(connection: ClientConnection, data: bytes) -> list[Reply]:
    """Receive data and take every reply of it."""
    replies = connection.receive(data)
    for reply in replies:
        connection.take(reply)
    return replies


def test_a_player_walks_through_a_game() -> None:
    """Each step is said, answered and taken, up to the end that the client sees by itself (C-1, C-2)."""
    connection = ClientConnection()

    assert connection.send(Hello()) == b"Hello\r\n"
    assert receive(connection, b"Greetings\r\n") == [Greetings()]
    assert connection.send(Game()) == b"Game\r\n"
    assert receive(connection, b"Ready\r\n") == [Ready()]
    assert connection.send(Guess(21)) == b"My Guess is: 21\r\n"
    assert receive(connection, b"Correct\r\n") == [Verdict.CORRECT]
    assert connection.state is State.CLOSED


def test_an_administrator_walks_into_a_watch() -> None:
    """The administrator's end reads the lines of the administrator port (A-1, A-3)."""
    connection = ClientConnection(State.ADMIN_CONNECTED)

    assert connection.send(AdminHello()) == b"Admin-Hello\r\n"
    assert receive(connection, b"Admin-Greetings\r\n") == [AdminGreetings()]
    assert connection.send(Watch()) == b"Watch\r\n"
    assert receive(connection, b"::1 4\r\nEnd\r\n") == [Listed(Address("::1", 4)), End()]
    assert connection.state is State.WATCHING


def test_the_client_waits_for_its_turn() -> None:
    """Sending while a reply is owed is stopped before a byte is sent, and nothing changes (C-1)."""
    connection = ClientConnection()
    connection.send(Hello())

    with pytest.raises(OutOfTurnError, match="wait for the reply"):
        connection.send(Game())
    assert connection.state is State.GREETING


def test_a_server_that_speaks_unasked_is_out_of_turn() -> None:
    """A banner is no part of the protocol (F-5, S-1)."""
    connection = ClientConnection()

    with pytest.raises(OutOfTurnError):
        receive(connection, b"Welcome!\r\n")


def test_a_refusal_ends_it_at_any_moment() -> None:
    """A refusal is the end, asked for or not (C-4)."""
    connection = ClientConnection()

    receive(connection, b"Refused: server full\r\n")

    assert connection.state is State.CLOSED


def test_a_server_may_not_send_long_lines_either() -> None:
    """The limit of a line holds in both directions (F-2)."""
    with pytest.raises(LineTooLongError, match="line longer than 512 octets"):
        ClientConnection().receive(b"x" * 512)


@given(cut_streams(), st.sampled_from([State.CONNECTED, State.ADMIN_CONNECTED]))
def test_any_bytes_are_replies_or_a_fault_of_the_server(pieces: tuple[bytes, ...], start: State) -> None:
    """Whatever a server sends, a client gets replies or a ProtocolError, no other exception (F-3, S-1)."""
    connection = ClientConnection(start)
    connection.send(Hello())

    with suppress(ProtocolError):
        for piece in pieces:
            receive(connection, piece)


def test_an_unknown_reply_is_a_reply() -> None:
    """What a server of the family says beyond the protocol reaches the client, which judges it (C-2)."""
    assert ClientConnection().receive(b"Bonjour\r\n") == [Unknown("Bonjour")]
