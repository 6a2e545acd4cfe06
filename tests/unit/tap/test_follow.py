"""What the tap says of a conversation, as transcripts: `>` the client, `<` the server, and the marks."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from hypothesis import given
from hypothesis import strategies as st

from services.protocol.state import TRANSITIONS, State
from services.tap.follow import _OWED, Conversation, Port, Side

if TYPE_CHECKING:
    from services.tap.follow import Shown

SIDES = {">": Side.CLIENT, "<": Side.SERVER}


def play(port: Port, transcript: str) -> list[tuple[str, list[str]]]:
    """Play lines of a transcript, each a chunk; return what was shown and which clauses were marked."""
    conversation = Conversation(port)
    shown: list[Shown] = []
    for line in transcript.strip().splitlines():
        side, _, text = line.strip().partition(" ")
        data = b"" if text == "(end)" else text.encode().decode("unicode_escape").encode("latin-1")
        shown += conversation.received(SIDES[side], data)
    return [(one.text, [finding.clause for finding in one.findings]) for one in shown]


def marks(port: Port, transcript: str) -> list[str]:
    """Return the clauses marked in a transcript, in order."""
    return [clause for _, clauses in play(port, transcript) for clause in clauses]


def test_a_conversation_that_keeps_the_protocol_has_no_marks() -> None:
    """Handshake, guesses and the end of a game are shown as they were sent, and nothing is marked."""
    assert play(
        Port.PLAYER,
        r"""
        > Hello\r\n
        < Greetings\r\n
        > Game\r\n
        < Ready\r\n
        > My Guess is: 3\r\n
        < Far\r\n
        > 7\r\n
        < Correct\r\n
        < (end)
        > (end)
        """,
    ) == [
        (text, [])
        for text in (
            *("Hello", "Greetings", "Game", "Ready", "My Guess is: 3", "Far", "7", "Correct"),
            *("(closed its side)", "(closed its side)"),
        )
    ]


def test_an_administrator_that_keeps_the_protocol_has_no_marks() -> None:
    """A watch with events, a ping and a list within it has nothing to mark."""
    transcript = r"""
        > Admin-Hello\r\n
        < Admin-Greetings\r\n
        > Watch\r\n
        < 10.0.0.1 4000\r\nEnd\r\n
        < Guessed 10.0.0.1 4000 7 Far\r\n
        < Ping 3\r\n
        > Pong\r\n
        > Who\r\n
        < Joined 10.0.0.2 4000\r\n10.0.0.1 4000\r\nEnd\r\n
        """
    assert marks(Port.ADMIN, transcript) == []
    assert (
        marks(
            Port.ADMIN,
            "> Hello\\r\\n\n< Admin-Greetings\\r\\n\n> Who\\r\\n\n< \\r\\n\n< (end)",
        )
        == []
    )


@pytest.mark.parametrize(
    ("clause", "transcript"),
    [
        ("P-1", r"> Game\r\n"),
        ("P-2", "> Hello\\r\\n\n< Greetings\\r\\n\n> Hello\\r\\n"),
        ("C-1", "> Hello\\r\\nGame\\r\\n"),
        ("C-3", "> Hello\\r\\n\n< Greetings\\r\\n\n> Guess: 31\\r\\n"),
        ("P-3", "> Hello\\r\\n\n< Greetings\\r\\n\n> 3\\r\\n\n< Far\\r\\n\n> seven\\r\\n"),
        ("C-4", "> Hello\\r\\n\n< Refused: server full\\r\\n\n> Game\\r\\n"),
        ("A-1", r"> Who\r\n"),
        ("A-10", "> Hello\\r\\n\n< Admin-Greetings\\r\\n\n> List\\r\\n"),
        ("F-6", "> Hello\n> (end)"),
        ("F-2", f"> {'x' * 600}\\n"),
    ],
)
def test_what_a_client_does_wrong(clause: str, transcript: str) -> None:
    """What a client sends out of turn, out of range, unended or too long is marked with its clause."""
    port = Port.ADMIN if clause.startswith("A") else Port.PLAYER
    assert clause in marks(port, transcript)


@pytest.mark.parametrize(
    ("clause", "transcript"),
    [
        ("F-5", r"< Welcome to the game!\r\n"),
        ("F-1", "> Hello\\r\\n\n< Greetings\\n"),
        ("F-1", "> Hello\\r\\n\n< Greetings\n< (end)"),
        ("F-4", "> Hello\\r\\n\n< Greet\n< ings\\r\\n"),
        ("P-1", "> Hello\\r\\n\n< Hi there\\r\\n"),
        ("P-1", "> Hello\\r\\n\n< (end)"),
        ("P-2", "> Hello\\r\\n\n< Greetings\\r\\n\n> Game\\r\\n\n< Far\\r\\n"),
        ("P-4", "> Hello\\r\\n\n< Greetings\\r\\n\n> 3\\r\\n\n< You are way off.\\r\\n"),
        ("P-8", "> Hello\\r\\n\n< Greetings\\r\\n\n> 3\\r\\n\n< Correct\\r\\n\n< Far\\r\\n"),
        ("A-1", "> Hello\\r\\n\n< Greetings\\r\\n"),
        ("A-2", "> Hello\\r\\n\n< Admin-Greetings\\r\\n\n> Who\\r\\n\n< ('10.0.0.1', 4000)\\r\\n"),
        ("A-3", "> Hello\\r\\n\n< Admin-Greetings\\r\\n\n> Watch\\r\\n\n< (end)"),
    ],
)
def test_what_a_server_does_wrong(clause: str, transcript: str) -> None:
    """What a server sends unasked, in other words, in pieces or badly ended is marked with its clause."""
    port = Port.ADMIN if clause.startswith("A") else Port.PLAYER
    assert marks(port, transcript) == [clause]


def test_the_conversation_is_followed_after_a_mark() -> None:
    """A server with words of its own is marked at each of them, and the client beside it is not."""
    assert marks(
        Port.PLAYER,
        r"""
        > Hello\r\n
        < Hi\r\n
        > Game\r\n
        < Let us begin\r\n
        > 3\r\n
        < cold\r\n
        > 4\r\n
        < Correct\r\n
        """,
    ) == ["P-1", "P-2", "P-4"]


def test_a_banner_is_marked_alone() -> None:
    """A line that nobody asked for does not shift the replies after it (clause F-5)."""
    assert marks(
        Port.PLAYER, "< Welcome\\r\\n\n> Hello\\r\\n\n< Greetings\\r\\n\n> Game\\r\\n\n< Ready\\r\\n"
    ) == ["F-5"]


def test_lines_sent_ahead_are_followed_in_their_turn() -> None:
    """A client that does not wait is told so at each line, and each reply still finds its request (C-1)."""
    assert marks(
        Port.PLAYER,
        r"""
        > Hello\r\nGame\r\n1\r\n2\r\n
        < Greetings\r\nReady\r\nFar\r\nFar\r\n
        > 3\r\n
        < Correct\r\n
        """,
    ) == ["C-1", "C-1", "C-1"]


def test_the_range_is_the_servers() -> None:
    """After a prompt with another range a guess is held against that one (C-3)."""
    begin = "> Hello\\r\\n\n< Greetings\\r\\n\n> 3\\r\\n\n< Pick a number between 1-100\\r\\n\n"
    assert marks(Port.PLAYER, begin + r"> 77\r\n") == []
    assert marks(Port.PLAYER, begin + r"> 101\r\n") == ["C-3"]


def test_a_line_that_is_not_ended_is_explained() -> None:
    """After a silence the tap says that the line begun has no end (F-1), and of nothing it says nothing."""
    conversation = Conversation(Port.PLAYER)
    assert conversation.silence(Side.CLIENT) == []
    conversation.received(Side.CLIENT, b"Hello")
    (shown,) = conversation.silence(Side.CLIENT)
    assert "Hello" in shown.text
    assert [finding.clause for finding in shown.findings] == ["F-1"]


def test_encryption_cannot_be_read() -> None:
    """A client that begins with TLS is told how to be read (T-1), and its octets are shown to nobody."""
    conversation = Conversation(Port.PLAYER)
    (shown,) = conversation.received(Side.CLIENT, b"\x16\x03\x01")
    assert "--ca" in shown.text
    assert conversation.received(Side.SERVER, b"\x16\x03\x03\n\n") == []
    assert conversation.silence(Side.CLIENT) == []


@given(
    st.sampled_from(Port),
    st.lists(
        st.tuples(
            st.sampled_from(Side),
            st.binary(max_size=30) | st.sampled_from([b"Hello\r\n", b"Game\n", b"Far\r\n"]),
        )
    ),
)
def test_any_bytes_are_followed(port: Port, chunks: list[tuple[Side, bytes]]) -> None:
    """Whatever two programs send each other, the tap follows it and shows printable ASCII alone."""
    conversation = Conversation(port)
    for side, data in chunks:
        for shown in conversation.received(side, data):
            assert shown.text.isascii()
            assert shown.text.isprintable()


def test_every_reply_that_is_owed_has_its_words() -> None:
    """For each state that owes a reply the tap can say which."""
    owing = {state for state in TRANSITIONS if state.endswith("ing")} - {State.PLAYING, State.WATCHING}
    assert owing | {State.LISTING_ONCE} == set(_OWED)
