"""Bytes to lines: terminators, the limit, and that no cut makes a difference."""

from __future__ import annotations

import pytest
from hypothesis import given

from services.protocol.framing import MAX_LINE_OCTETS, LineBuffer
from tests.support.wire import cut_streams


def lines_of(*pieces: bytes) -> tuple[list[bytes], LineBuffer]:
    """Feed the pieces and return all lines, and the buffer as it is left."""
    buffer = LineBuffer()
    return [line for piece in pieces for line in buffer.feed(piece)], buffer


def test_crlf_and_lf_end_a_line() -> None:
    """CRLF ends a line and so does a lone LF, in any mixture (F-1)."""
    lines, buffer = lines_of(b"Hello\r\nGame\n\r\n\nGuess: 5\r\n")

    assert lines == [b"Hello", b"Game", b"", b"", b"Guess: 5"]
    assert buffer.unterminated == b""


def test_a_lone_cr_ends_nothing() -> None:
    """A CR without LF is part of the line, and only the CR before the LF is its terminator (F-1)."""
    assert lines_of(b"a\rb\r\r\n")[0] == [b"a\rb\r"]


def test_a_line_waits_for_its_end() -> None:
    """What has no terminator yet is no line, but can be seen (F-1, F-3)."""
    lines, buffer = lines_of(b"Hello\r\nGa", b"", b"me\r")

    assert lines == [b"Hello"]
    assert buffer.unterminated == b"Game\r"
    assert buffer.feed(b"\n") == [b"Game"]
    assert buffer.unterminated == b""


@pytest.mark.parametrize("terminator", [b"\r\n", b"\n"])
def test_the_limit_counts_the_terminator_and_is_included(terminator: bytes) -> None:
    """A line of 512 octets, terminator included, is a line like any other (F-2)."""
    longest = b"x" * (MAX_LINE_OCTETS - len(terminator))

    lines, buffer = lines_of(longest + terminator + b"Game\r\n")

    assert lines == [longest, b"Game"]
    assert buffer.overlong is None


@pytest.mark.parametrize("terminator", [b"\r\n", b"\n"])
def test_one_octet_over_the_limit_is_too_long(terminator: bytes) -> None:
    """A line of 513 octets is too long; lines before it are lines, those after it are dropped (F-2)."""
    overlong = b"x" * (MAX_LINE_OCTETS + 1 - len(terminator))

    lines, buffer = lines_of(b"Hello\r\n" + overlong + terminator + b"Game\r\n", b"Game\r\n")

    assert lines == [b"Hello"]
    assert buffer.overlong is not None
    assert buffer.overlong.reason == "line longer than 512 octets"


def test_a_line_is_too_long_before_it_ends() -> None:
    """512 octets without a terminator are too long already: nobody waits for the end, or stores it (F-2)."""
    assert lines_of(b"Hello\r\n", b"x" * 500, b"x" * 11)[1].overlong is None

    lines, buffer = lines_of(b"Hello\r\n", b"x" * 500, b"x" * 100_000)

    assert lines == [b"Hello"]
    assert buffer.overlong is not None
    assert buffer.unterminated == b"x" * MAX_LINE_OCTETS


@given(cut_streams())
def test_no_cut_makes_a_difference(pieces: tuple[bytes, ...]) -> None:
    """However a stream arrives, it gives the same lines, the same rest and the same fault (F-3)."""
    lines, buffer = lines_of(*pieces)
    lines_at_once, buffer_at_once = lines_of(b"".join(pieces))

    assert lines == lines_at_once
    assert buffer.unterminated == buffer_at_once.unterminated
    assert (buffer.overlong is None) == (buffer_at_once.overlong is None)


@pytest.mark.parametrize("rest", [b"Hello", b"Hello\r"])
def test_what_is_unterminated_can_be_taken_as_a_line(rest: bytes) -> None:
    """It has its end then, and nothing of it is left for the next line (F-8)."""
    lines, buffer = lines_of(b"Game\r\n" + rest)

    assert lines == [b"Game"]
    assert buffer.take_unterminated() == b"Hello\r\n"
    assert buffer.feed(b"Who\n") == [b"Who"]


@given(cut_streams())
def test_nothing_is_lost_and_nothing_is_long(pieces: tuple[bytes, ...]) -> None:
    """Lines and rest together are the stream, none beyond the limit, unless one was too long (F-2, F-3)."""
    lines, buffer = lines_of(*pieces)

    assert all(len(line) < MAX_LINE_OCTETS and b"\n" not in line for line in lines)
    assert len(buffer.unterminated) <= MAX_LINE_OCTETS
    if buffer.overlong is None:
        stream = b"".join(pieces)
        assert [line.removesuffix(b"\r") for line in stream.split(b"\n")[:-1]] == lines
        assert stream.endswith(buffer.unterminated)
