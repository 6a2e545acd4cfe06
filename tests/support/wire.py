"""Strategies for what may come over a wire: anything, but rich in what the protocol knows."""

from __future__ import annotations

from hypothesis import strategies as st

from services.protocol.framing import MAX_LINE_OCTETS

_WORDS = (
    b"Hello",
    b"Admin-Hello",
    b"Name: ann",
    b"Name: ?",
    b"Game",
    b"Who",
    b"Watch",
    b"Pong",
    b"Greetings",
    b"Far",
    b"Correct",
)
_PREFIXES = (b"My Guess is: ", b"Guess: ", b"guess:\t", b"MY GUESS IS:", b"")
_NUMBERS = st.integers(min_value=-3, max_value=40).map(lambda number: b"%d" % number)
_TERMINATORS = st.sampled_from((b"\r\n", b"\r\n", b"\r\n", b"\n", b"\r", b""))
_LENGTHS_AT_THE_LIMIT = st.integers(min_value=MAX_LINE_OCTETS - 3, max_value=MAX_LINE_OCTETS + 3)

REQUEST_LINES = st.one_of(
    st.sampled_from(_WORDS),
    st.builds(lambda prefix, number: prefix + number, st.sampled_from(_PREFIXES), _NUMBERS),
    st.binary(max_size=12).map(lambda octets: octets.replace(b"\n", b" ")),
)
"""One line without its terminator, most of them requests."""

OPENINGS = st.sampled_from((b"", b"", b"Hello\r\n", b"Hello\r\nGame\r\n", b"Hello\r\nWatch\r\n"))
"""How a stream begins: at the first line, or well into a conversation."""

STREAMS = st.builds(
    lambda opening, chunks: opening + b"".join(chunks),
    OPENINGS,
    st.lists(
        st.one_of(
            st.builds(lambda line, end: line + end, REQUEST_LINES, _TERMINATORS),
            st.builds(lambda length, end: b"x" * length + end, _LENGTHS_AT_THE_LIMIT, _TERMINATORS),
            st.binary(max_size=40),
        ),
        max_size=12,
    ),
)
"""All that a peer ever says."""


@st.composite
def cut_streams(draw: st.DrawFn) -> tuple[bytes, ...]:
    """Draw all that a peer ever says, in the pieces in which it arrives."""
    stream = draw(STREAMS)
    cuts = sorted(draw(st.sets(st.integers(min_value=0, max_value=len(stream)), max_size=8)))
    return tuple(stream[start:end] for start, end in zip([0, *cuts], [*cuts, len(stream)], strict=True))
