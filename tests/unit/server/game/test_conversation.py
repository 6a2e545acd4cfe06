"""What both ports have in common, whatever arrives."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from hypothesis import given
from hypothesis import strategies as st

from services.server.game.conversation import INPUT_SHOWN_OCTETS, shown
from services.server.game.log_events import LogEvent
from tests.support.transcript import as_admin, as_player, known_game
from tests.support.wire import cut_streams

if TYPE_CHECKING:
    from collections.abc import Callable

    from tests.support.transcript import Transcript

ROLES = st.sampled_from((as_player, as_admin))


def outcome(transcript: Transcript) -> tuple[object, ...]:
    """Return all that a conversation came to."""
    return (
        transcript.output,
        transcript.log,
        transcript.server.published,
        transcript.closed,
        transcript.state.protocol_state,
    )


@given(cut_streams(), ROLES)
def test_any_bytes_in_any_pieces_give_replies_or_a_refusal(
    pieces: tuple[bytes, ...], role: Callable[[], Transcript]
) -> None:
    """However a peer's bytes arrive, the answer is the same, and never an exception (F-3, P-6, A-10)."""
    in_pieces, at_once = role(), role()

    in_pieces.feed(*pieces)
    at_once.feed(b"".join(pieces))

    assert outcome(in_pieces) == outcome(at_once)
    in_pieces.half_close()
    assert in_pieces.closed
    assert in_pieces.server.playing == []
    assert in_pieces.server.seat is None


@given(cut_streams())
def test_each_line_of_a_player_has_one_reply(pieces: tuple[bytes, ...]) -> None:
    """Line by line there is one reply, up to the close, which no reply follows (F-3, F-4, P-8)."""
    transcript = as_player()
    stream = b"".join(pieces)
    if max(map(len, stream.split(b"\n"))) > 500:
        stream = stream[:500]

    for line in stream.split(b"\n")[:-1]:
        open_before = transcript.closed is None
        assert len(transcript.feed(line + b"\n")) == int(open_before)
    if transcript.closed:
        assert transcript.output.endswith(b"Correct\r\n") or transcript.output.rpartition(b"\r\nRefused: ")[2]


@given(cut_streams(), st.integers(min_value=1, max_value=30))
def test_input_never_reaches_replies_or_log_as_it_is(pieces: tuple[bytes, ...], secret: int) -> None:
    """All that is sent or log is printable ASCII, whatever the input was (F-1, P-6)."""
    transcript = as_player(game=known_game(secret))
    transcript.feed(*pieces)
    transcript.half_close()

    text = transcript.output.decode("ascii").replace("\r\n", "")
    assert text.isprintable()
    for _, values in transcript.log:
        assert all(str(value).isascii() and str(value).isprintable() for value in values)


@given(cut_streams(), ROLES)
def test_a_timeout_may_come_at_any_moment(pieces: tuple[bytes, ...], role: Callable[[], Transcript]) -> None:
    """Wherever a conversation stands, the server may end it, and a refusal is its last word (P-6, P-10)."""
    transcript = role()
    transcript.feed(*pieces)
    if transcript.closed is None:
        [refusal] = transcript.perform(transcript.state.too_slow(10, transcript.unterminated))
        assert refusal.startswith("Refused: ")
    assert transcript.closed
    assert transcript.server.playing == []
    assert transcript.server.seat is None


@given(st.binary())
def test_what_is_shown_of_a_line_is_short_and_printable(line: bytes) -> None:
    """An offending line is logged as printable ASCII and cut, and a plain one as it is (P-6)."""
    text = shown(line)

    assert text.isascii()
    assert text.isprintable()
    assert len(text) <= 4 * INPUT_SHOWN_OCTETS


@pytest.mark.parametrize(
    ("line", "text"),
    [
        (b"Guess: 5", "Guess: 5"),
        (b"it's", "it's"),
        (b'"', '"'),
        (b"\x1b[0m\r\0", r"\x1b[0m\r\x00"),
        (b"\\", r"\\"),
    ],
)
def test_a_line_is_shown_escaped(line: bytes, text: str) -> None:
    """Plain text is shown as it is, quotation marks too; the rest is escaped (P-6)."""
    assert shown(line) == text


def test_a_refused_game_is_no_refused_handshake() -> None:
    """Once the game has begun a refusal is the end of the session, not of the handshake (P-6)."""
    transcript = as_player("Hello", "Game")

    transcript.feed(b"x" * 512)

    assert transcript.logged(LogEvent.HANDSHAKE_REFUSED) == []
