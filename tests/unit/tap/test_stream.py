"""How the bytes of one direction become lines, and what they tell of their sender."""

from __future__ import annotations

import itertools

from hypothesis import given
from hypothesis import strategies as st

from services.protocol.framing import MAX_LINE_OCTETS
from services.tap.stream import SMALL_CHUNK_OCTETS, Line, LineStream


def cut(data: bytes, places: list[int]) -> list[bytes]:
    """Cut data at some places."""
    edges = [0, *sorted(place % (len(data) + 1) for place in places), len(data)]
    return [data[start:end] for start, end in itertools.pairwise(edges) if start < end]


@given(
    st.lists(st.binary(max_size=40).map(lambda line: line.replace(b"\n", b"").replace(b"\r", b""))),
    st.lists(st.integers(0, 9999)),
)
def test_any_cut_gives_the_same_lines(lines: list[bytes], places: list[int]) -> None:
    """However a stream is cut, its lines are the same."""
    stream = LineStream()
    came = [
        line
        for chunk in cut(b"".join(line + b"\r\n" for line in lines), places)
        for line in stream.feed(chunk)
    ]
    assert [line.octets for line in came] == lines
    assert {line.terminator for line in came} <= {b"\r\n"}
    assert not stream.unterminated


def test_terminators_are_told_apart() -> None:
    """CR LF, LF alone and the end of the stream are told apart (clause F-1)."""
    stream = LineStream()
    assert stream.feed(b"one\r\ntwo\nthree") == [Line(b"one", b"\r\n"), Line(b"two", b"\n")]
    assert stream.unterminated == b"three"
    assert stream.end() == [Line(b"three", b"")]
    assert stream.end() == []


def test_pieces_are_counted() -> None:
    """A line that comes in three chunks was written in three pieces (clause F-4)."""
    stream = LineStream()
    assert stream.feed(b"Gre") == stream.feed(b"etings") == []
    assert stream.feed(b"\r\nReady\r\n") == [Line(b"Greetings", b"\r\n", pieces=3), Line(b"Ready", b"\r\n")]


def test_large_chunks_are_cut_by_the_network() -> None:
    """A line at the edge of a large chunk is not held against its sender (clause F-4)."""
    stream = LineStream()
    *_, last = stream.feed(b"10.0.0.1 4000\r\n" * SMALL_CHUNK_OCTETS + b"10.0")
    assert last == Line(b"10.0.0.1 4000", b"\r\n")
    assert stream.feed(b".0.2 4000\r\n") == [Line(b"10.0.0.2 4000", b"\r\n")]


@given(st.integers(MAX_LINE_OCTETS - 3, MAX_LINE_OCTETS + 3), st.lists(st.integers(0, 9999)))
def test_the_longest_line(octets: int, places: list[int]) -> None:
    """A line of 512 octets with its terminator is no longer than allowed, one of 513 is (clause F-2)."""
    stream = LineStream()
    (line,) = [one for chunk in cut(b"x" * (octets - 1) + b"\n", places) for one in stream.feed(chunk)]
    assert line.is_too_long == (octets > MAX_LINE_OCTETS)


def test_a_line_without_end_is_not_kept() -> None:
    """Of a line that never ends the beginning alone is kept, and the next line is read as any other."""
    stream = LineStream()
    for _ in range(100):
        stream.feed(b"y" * 1000)
    assert len(stream.unterminated) == MAX_LINE_OCTETS
    (long, following) = stream.feed(b"\nHello\r\n")
    assert long.is_too_long
    assert following == Line(b"Hello", b"\r\n")
