"""What the tap says of a conversation, as transcripts: `>` client, `<` server, `.` silence; and the marks."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from hypothesis import given
from hypothesis import strategies as st

from services.protocol.messages import Address
from services.tap.follow import SILENCE_S, Conversation, Port, Side
from services.tap.players import Players

if TYPE_CHECKING:
    from services.tap.follow import Shown

SIDES = {">": Side.CLIENT, "<": Side.SERVER}
STEP_S = 0.01
"""Between two lines of a transcript."""


def follow(port: Port, transcript: str, players: Players | None = None) -> list[Shown]:
    """Play lines of a transcript, each a chunk, up to the end of the connection; return what was shown.

    `. SECONDS` is a silence, in which the tap is asked as soon as it has something to say.
    """
    conversation = Conversation(port, players)
    shown: list[Shown] = []
    now_s = 0.0
    for line in transcript.strip().splitlines():
        side, _, text = line.strip().partition(" ")
        if side == ".":
            until_s = now_s + float(text)
            while (due_s := conversation.due_s) is not None and due_s <= until_s:
                said = conversation.silence(due_s)
                assert conversation.due_s != due_s
                shown += said
            now_s = until_s
        else:
            data = b"" if text == "(end)" else text.encode().decode("unicode_escape").encode("latin-1")
            shown += conversation.received(SIDES[side], data, now_s)
            now_s += STEP_S
    return [*shown, *conversation.left(now_s)]


def play(port: Port, transcript: str) -> list[tuple[str, list[str]]]:
    """Play a transcript; return what was shown and which clauses were marked."""
    return [(one.text, [finding.clause for finding in one.findings]) for one in follow(port, transcript)]


def marks(port: Port, transcript: str) -> list[str]:
    """Return the clauses marked in a transcript, in order."""
    return [clause for _, clauses in play(port, transcript) for clause in clauses]


def blamed(side: Side, port: Port, transcript: str) -> list[str]:
    """Return the clauses that one side broke in a transcript, in order."""
    return [
        finding.clause for one in follow(port, transcript) if one.side is side for finding in one.findings
    ]


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
    begin = "> Hello\\r\\n\n< Greetings\\r\\n\n> 3\\r\\n\n< Pick a number between 10-100\\r\\n\n"
    assert marks(Port.PLAYER, begin + r"> 77\r\n") == []
    assert marks(Port.PLAYER, begin + r"> 101\r\n") == ["C-3"]


def test_a_line_that_is_not_ended_is_explained() -> None:
    """After a silence the tap says that the line begun has no end (F-1), and of nothing it says nothing."""
    assert play(Port.PLAYER, "> Hel\n> lo\n. 5") == [
        ("Hel (a piece of a line)", []),
        ("lo (a piece of a line)", []),
        ("Hello (no line end has come)", ["F-1"]),
    ]
    assert play(Port.PLAYER, ". 5") == []


def test_encryption_cannot_be_read() -> None:
    """A client that begins with TLS is told how to be read (T-1), and its octets are shown to nobody."""
    conversation = Conversation(Port.PLAYER)
    (shown,) = conversation.received(Side.CLIENT, b"\x16\x03\x01", 0.0)
    assert "--ca" in shown.text
    assert conversation.received(Side.SERVER, b"\x16\x03\x03\n\n", 0.0) == []
    assert conversation.due_s is None
    assert conversation.left(9.0) == []


LINES = [b"Hello\r\n", b"Game\n", b"31\r\n", b"5\r\n", b"Nonsense\r\n", b"Who\r\n", b"Watch\r\n", b"Pong\r\n"]
REPLIES = [b"Greetings\r\n", b"Admin-Greetings\r\n", b"Ready\r\n", b"Far\r\n", b"Correct\r\n", b"End\r\n"]
REPLIES += [b"\r\n", b"Pick a number between 1-30\r\n", b"Refused: no\r\n", b"10.0.0.1 4000\r\n"]


@given(
    st.sampled_from(Port),
    st.lists(
        st.tuples(
            st.sampled_from(Side),
            st.binary(max_size=30) | st.sampled_from(LINES + REPLIES),
            st.floats(0, 3),
        )
    ),
)
def test_any_bytes_are_followed(port: Port, chunks: list[tuple[Side, bytes, float]]) -> None:
    """Whatever two programs send each other, and when, the tap follows it and shows printable ASCII alone.

    What it says of a silence it says once, and then waits for something to happen.
    """
    conversation = Conversation(port)
    now_s = 0.0
    shown: list[Shown] = []
    for side, data, pause_s in chunks:
        shown += conversation.received(side, data, now_s)
        now_s += pause_s
        shown += conversation.silence(now_s)
        assert conversation.due_s is None or conversation.due_s > now_s
    shown += conversation.left(now_s)
    for one in shown:
        for text in (one.text, one.note, *(finding.text for finding in one.findings)):
            assert text.isascii()
            assert text.isprintable()


@given(
    st.sampled_from(Port),
    st.lists(st.tuples(st.sampled_from(LINES), st.lists(st.sampled_from(REPLIES), max_size=2))),
)
def test_who_waits_for_a_silent_server_is_not_blamed(
    port: Port, exchanges: list[tuple[bytes, list[bytes]]]
) -> None:
    """Whatever the server answers or not, a client that gives it time for each reply never breaks C-1."""
    conversation = Conversation(port)
    now_s = 0.0
    for line, replies in exchanges:
        shown = conversation.received(Side.CLIENT, line, now_s)
        assert "C-1" not in [finding.clause for one in shown for finding in one.findings]
        for reply in replies:
            conversation.received(Side.SERVER, reply, now_s)
        now_s += SILENCE_S


@given(
    st.lists(st.binary(max_size=20).map(lambda line: line.replace(b"\n", b"") + b"\r\n"), max_size=5),
    st.lists(st.integers(1, 99)),
)
def test_every_piece_is_shown_at_its_time(lines: list[bytes], lengths: list[int]) -> None:
    """However a stream is cut, each chunk that leaves a line begun shows what it brought of that line."""
    conversation = Conversation(Port.PLAYER)
    data = b"Hello\r\n" + b"".join(lines)
    for length in [*lengths, len(data)]:
        chunk, data = data[:length], data[length:]
        if not chunk:
            continue
        shown = conversation.received(Side.CLIENT, chunk, 0.0)
        pieces = [one.text for one in shown if one.text.endswith("(a piece of a line)")]
        assert len(pieces) == (not chunk.endswith(b"\n"))
        assert len(shown) == chunk.count(b"\n") + len(pieces)


HELLO = "> Hello\\r\\n\n< Greetings\\r\\n\n"
GAME = HELLO + "> Game\\r\\n\n< Ready\\r\\n\n"
END = "the end of the connection after"
A_LINE = "a line `IP port`"
ADMIN = "> Hello\\r\\n\n< Admin-Greetings\\r\\n\n"


@pytest.mark.parametrize(
    ("port", "transcript", "waits", "clause"),
    [
        (Port.PLAYER, r"> Hello\r\n", "Greetings since 0.000", "P-1"),
        (Port.PLAYER, GAME + r"> 5\r\n", "Far, Close, Correct or the prompt since 0.040", "P-4"),
        (Port.PLAYER, GAME + r"> abc\r\n", "Pick a number between 1-30 since 0.040", "P-5"),
        (Port.PLAYER, r"> Game\r\n", "Refused: REASON since 0.000", "P-6"),
        (Port.PLAYER, GAME + "> 5\\r\\n\n< Correct\\r\\n", f"{END} Correct since 0.050", "P-8"),
        (Port.PLAYER, "> Hello\\r\\n\n< Refused: no\\r\\n", f"{END} Refused since 0.010", "P-6"),
        (Port.ADMIN, r"> List\r\n", "Refused: REASON since 0.000", "A-10"),
        (Port.ADMIN, ADMIN + r"> Who\r\n", f"{A_LINE} for each player, or one empty line since 0.020", "A-2"),
        (Port.ADMIN, ADMIN + "> Who\\r\\n\n< \\r\\n", f"{END} the list since 0.030", "A-2"),
        (
            Port.ADMIN,
            ADMIN + "> Watch\\r\\n\n< Round 1\\r\\n",
            "lines `IP port`, then End since 0.020",
            "A-3",
        ),
    ],
)
def test_a_silent_server_is_named(port: Port, transcript: str, waits: str, clause: str) -> None:
    """While a reply is waited for the tap says which and since when; at the end it names the clause."""
    *_, waiting, end = follow(port, transcript + "\n. 6.5")
    assert (waiting.side, waiting.text, waiting.findings) == (Side.SERVER, f"(waits for {waits})", ())
    assert (end.side, end.text) == (Side.SERVER, "(still owed)")
    assert [(finding.clause, finding.text) for finding in end.findings] == [(clause, waits)]


def test_an_end_that_was_waited_for_is_named_when_the_client_ends() -> None:
    """A server that closes only after its client has broken P-8, though the connection ends well."""
    assert marks(Port.PLAYER, GAME + "> 5\\r\\n\n< Correct\\r\\n\n. 3\n> (end)\n< (end)") == ["P-8"]
    assert marks(Port.PLAYER, GAME + "> 5\\r\\n\n< Correct\\r\\n\n> (end)\n< (end)") == []


def test_no_time_no_blame() -> None:
    """A client that leaves at once gives the server no time to answer: nothing is marked."""
    assert marks(Port.PLAYER, r"> Hello\r\n") == []


@pytest.mark.parametrize(
    "transcript",
    [
        GAME + "> 5\\r\\n\n. 2\n> 6\\r\\n\n. 2\n> 7\\r\\n\n< Far\\r\\n",
        "> Hello\\r\\n\n. 2\n> Hello\\r\\n\n< Greetings\\r\\n\n> Game\\r\\n\n< Ready\\r\\n",
        "> Hello\\r\\n\n. 2\n> Game\\r\\n\n< Ready\\r\\n",
        GAME + "> 5\\r\\n\n. 2\n> Hello\\r\\n\n< Greetings\\r\\n\n> Game\\r\\n\n< Ready\\r\\n",
        HELLO + "> Nonsense\\r\\n\n. 2\n> Game\\r\\n\n< Ready\\r\\n",
    ],
)
def test_a_client_that_goes_on_after_a_silence_is_not_blamed(transcript: str) -> None:
    """Only a line before the reply could come breaks C-1; lines without a reply are the server's (F-3)."""
    assert "C-1" not in marks(Port.PLAYER, transcript)
    assert {*blamed(Side.SERVER, Port.PLAYER, transcript)} <= {"F-3"}


def test_lines_without_a_reply_are_counted() -> None:
    """A server that skips lines is told how many, also those that came ahead of their turn (F-3)."""
    (end,) = follow(
        Port.PLAYER,
        r"""
        > Hello\r\nGame\r\n
        . 2
        > Game\r\n
        < Ready\r\n
        """,
    )[-1:]
    assert [(finding.clause, finding.text) for finding in end.findings] == [
        ("F-3", "every line gets its reply, and 2 before did not")
    ]
    assert blamed(Side.SERVER, Port.ADMIN, "> Hello\\r\\nWatch\\r\\nPong\\r\\n\n. 2\n> Who\\r\\n") == ["F-3"]


@pytest.mark.parametrize(
    "transcript",
    [
        GAME + "> 5\\r\\n\n. 2\n> 6\\r\\n\n< Far\\r\\n\n< Far\\r\\n",
        "> Hello\\r\\n\n. 2\n> Game\\r\\n\n< Greetings\\r\\n\n< Ready\\r\\n",
    ],
)
def test_a_late_reply_is_no_fault(transcript: str) -> None:
    """The replies of a slow server to a client that went on find their lines, and nobody is marked."""
    assert marks(Port.PLAYER, transcript) == []


def test_a_reply_without_its_end_is_there_for_the_client() -> None:
    """A server that ends no line is marked (F-1); the client that reads it all the same did not go ahead."""
    transcript = "> Hello\\r\\n\n< Greetings\n> Game\\r\\n\n< Ready\n> 5\\r\\n\n< Far\n< (end)"
    assert blamed(Side.CLIENT, Port.PLAYER, transcript) == []
    assert "F-1" in blamed(Side.SERVER, Port.PLAYER, transcript)


@pytest.mark.parametrize(
    ("port", "clause", "transcript"),
    [
        (Port.PLAYER, "P-6", "> Game\\r\\n\n< Ready\\r\\n"),
        (Port.PLAYER, "P-6", HELLO + "> Nonsense\\r\\n\n< Pick a number between 1-30\\r\\n"),
        (Port.PLAYER, "P-6", HELLO + "> Nonsense\\r\\n\n< What?\\r\\n"),
        (Port.PLAYER, "P-5", GAME + "> 31\\r\\n\n< Far\\r\\n"),
        (Port.PLAYER, "P-5", GAME + "> abc\\r\\n\n< Correct\\r\\n"),
        (Port.PLAYER, "P-4", GAME + "> 5\\r\\n\n< Pick a number between 1-30\\r\\n"),
        (Port.PLAYER, "P-6", "> Hello\\r\\n\n< Refused: no\\r\\n\n< Greetings\\r\\n"),
        (Port.PLAYER, "F-5", GAME + "< Far\\r\\n"),
        (Port.ADMIN, "A-10", ADMIN + "> List\\r\\n\n< 10.0.0.1 4000\\r\\n"),
        (Port.ADMIN, "A-10", "> Who\\r\\n\n< Admin-Greetings\\r\\n"),
        (Port.ADMIN, "A-2", ADMIN + "> Who\\r\\n\n< (end)"),
        (Port.ADMIN, "A-2", ADMIN + "> Who\\r\\n\n< Nobody\\r\\n\n< (end)"),
    ],
)
def test_a_wrong_reply_is_marked_with_what_was_owed(port: Port, clause: str, transcript: str) -> None:
    """A reply that is not the one that was asked for is marked once, with the clause of the right one."""
    assert blamed(Side.SERVER, port, transcript) == [clause]


@pytest.mark.parametrize(
    ("port", "transcript"),
    [
        (Port.PLAYER, "> Game\\r\\n\n< Refused: say Hello first\\r\\n\n< (end)"),
        (Port.PLAYER, GAME + "> 31\\r\\n\n< Too late\\r\\n"),
        (Port.PLAYER, GAME + "> 31\\r\\n\n< Refused: too many invalid guesses\\r\\n\n< (end)"),
        (Port.PLAYER, GAME + "> 5\\r\\n\n< Pick a number between 10-30\\r\\n"),
        (Port.ADMIN, ADMIN + "> Watch\\r\\n\n< End\\r\\n\n> List\\r\\n\n< Ping\\r\\n\n< Refused: no\\r\\n"),
        (Port.ADMIN, ADMIN + "> Watch\\r\\n\n> Pong\\r\\n\n< End\\r\\n\n. 9\n< Round 2\\r\\n"),
    ],
)
def test_a_right_reply_to_a_wrong_line_is_not_marked(port: Port, transcript: str) -> None:
    """A server that refuses, prompts or tells events as the clauses say has nothing marked."""
    assert blamed(Side.SERVER, port, transcript) == []


def test_nothing_is_owed_for_a_line_that_never_ended() -> None:
    """A server that closes on half a line had got no line: the client's F-6 is all that is marked."""
    assert marks(Port.PLAYER, "> Hello\n> (end)\n< (end)") == ["F-6"]
    assert marks(Port.PLAYER, "> Hello\n> (end)\n< Refused: line not ended by CRLF\\r\\n\n< (end)") == ["F-6"]
    assert marks(Port.PLAYER, "> Hello\n> (end)\n< Greetings\\r\\n\n< (end)") == ["F-6", "F-3"]


def test_an_answer_to_half_a_line_stands_behind_that_half() -> None:
    """A piece of a line is shown when it comes, and a reply to it is marked: it came too early (F-3)."""
    assert play(
        Port.PLAYER,
        GAME + "> My Guess is: 1\n< Far\\r\\n\n> \\r\\n\n> 2\\r\\n\n< Far\\r\\n",
    )[4:] == [
        ("My Guess is: 1 (a piece of a line)", []),
        ("Far", ["F-3"]),
        ("My Guess is: 1", []),
        ("2", []),
        ("Far", []),
    ]


def test_a_client_without_line_ends_is_followed() -> None:
    """Where neither side has a notion of lines the server is marked at each reply (F-3)."""
    assert (
        marks(Port.PLAYER, "> Hello\n< Greetings\\r\\n\n> Game\n< Ready\\r\\n\n> 5\n< Correct\\r\\n")
        == ["F-3"] * 3
    )


def test_a_client_that_goes_on_after_the_end_of_the_stream() -> None:
    """The end of the server's stream is the end of the conversation for a client (C-4)."""
    assert marks(Port.PLAYER, GAME + "< (end)\n> 5\\r\\n") == ["C-4"]


def test_large_chunks_show_no_pieces() -> None:
    """What the network may have cut is no piece that somebody sent."""
    data = "x" * 2000
    assert follow(Port.PLAYER, f"> {data}") == []


def test_a_listed_address_is_a_connection_of_the_tap() -> None:
    """A player's address in a list or an event is that of a numbered connection; others are let be."""
    players = Players()
    players.opened(3, Address("10.0.0.1", 4000))
    shown = follow(
        Port.ADMIN,
        ADMIN
        + "> Watch\\r\\n\n< 10.0.0.1 4000\\r\\n10.0.0.2 4000\\r\\nEnd\\r\\n\n< Left 10.0.0.1 4000\\r\\n",
        players,
    )
    assert [one.note for one in shown[3:]] == ["(player 3)", "", "", "(player 3)"]
    assert not [one for one in shown if one.findings]


@pytest.mark.parametrize(("question", "clause"), [("Who", "A-2"), ("Watch", "A-3")])
def test_a_ghost_is_marked(question: str, clause: str) -> None:
    """A listed player whose connection ended a while ago is marked; one that ended just now is not."""
    players = Players()
    gone, going = (players.opened(n, Address("10.0.0.1", n)) for n in (1, 2))
    gone.ended_s, going.ended_s = 0.5, 4.0
    shown = follow(Port.ADMIN, f"{ADMIN}. 4\n> {question}\\r\\n\n< 10.0.0.1 1\\r\\n10.0.0.1 2\\r\\n", players)
    (ghost, other) = shown[3:]
    assert [(finding.clause, finding.text) for finding in ghost.findings] == [
        (clause, "a list names who plays now: player 1 ended at 0.500")
    ]
    assert other.findings == ()
