"""JSON lines on standard output: their form, and what happens when nobody reads them."""

from __future__ import annotations

import importlib.util
import json
import os
from io import BytesIO, TextIOWrapper
from typing import TYPE_CHECKING

import pytest
import structlog
from hypothesis import given
from hypothesis import strategies as st

from services.runtime.logging import (
    BACKLOG_OCTETS,
    LogFormat,
    LogSink,
    configure,
    default_format,
    encode_json,
)
from tests.support.log_contract import check_line

if TYPE_CHECKING:
    from collections.abc import Iterator


@pytest.fixture
def pipe() -> Iterator[tuple[int, int]]:
    """Give the two ends of a pipe: to read, to write."""
    reading, writing = os.pipe()
    yield reading, writing
    os.close(reading)
    os.close(writing)
    structlog.reset_defaults()


def read(fd: int) -> str:
    """Return what is in a pipe."""
    os.set_blocking(fd, False)
    pieces = []
    try:
        while piece := os.read(fd, 1 << 20):
            pieces.append(piece)
    except BlockingIOError:
        pass
    return b"".join(pieces).decode()


def test_a_line_begins_with_the_common_fields(pipe: tuple[int, int]) -> None:
    """Time, level, event and service come first, then session and peer, then the event's own."""
    configure("server", LogFormat.JSON, "info", pipe[1])

    structlog.get_logger().info("game_won", guesses=3, peer="::1 4", session="x")

    text = read(pipe[0])
    assert list(check_line(text.removesuffix("\n"))) == [
        *("timestamp", "level", "event", "service", "session", "peer", "guesses"),
    ]
    assert text.endswith("\n")


def test_a_traceback_is_a_field(pipe: tuple[int, int]) -> None:
    """What went wrong in the server is one line, too."""
    configure("server", LogFormat.JSON, "info", pipe[1])

    try:
        int("x")
    except ValueError:
        structlog.get_logger(session="x", peer="::1 4").exception("session_failed")

    [text] = read(pipe[0]).splitlines()
    assert check_line(text)["exception"].startswith("Traceback")


def test_what_a_peer_says_is_spelled_out(pipe: tuple[int, int]) -> None:
    """Neither the line nor what a JSON reader makes of it holds a control or bidirectional character."""
    configure("server", LogFormat.JSON, "info", pipe[1])

    structlog.get_logger(session="x", peer="::1 4").info("admin_left", reason="\x1b[2J\u202e\r\n")

    assert check_line(read(pipe[0]).removesuffix("\n"))["reason"] == r"\x1b[2J\u202e\r\n"


def test_levels_below_are_not_written(pipe: tuple[int, int]) -> None:
    """What matters less than the level asked for is dropped."""
    configure("server", LogFormat.JSON, "warning", pipe[1])

    structlog.get_logger().info("server_stopped")

    assert read(pipe[0]) == ""


def test_the_console_format_is_for_people(pipe: tuple[int, int]) -> None:
    """The other format is one readable line, without control characters of anybody's."""
    configure("server", LogFormat.CONSOLE, "info", pipe[1])

    structlog.get_logger().info("server_stopping", players=3, why="\x1b[2J\u202e")

    text = read(pipe[0])
    assert "server_stopping" in text
    assert text.removesuffix("\n").isprintable()
    assert default_format(pipe[1]) is LogFormat.JSON


def test_a_traceback_on_the_console_shows_no_variables(pipe: tuple[int, int]) -> None:
    """With rich installed, too: what a function knows is nobody's business, and its words steer nothing."""
    assert importlib.util.find_spec("rich")
    configure("server", LogFormat.CONSOLE, "info", pipe[1], coloured=True)
    secret = 1234 * 5
    try:
        raise ValueError("\x1b[2J")  # noqa: TRY301  a fault of the program's own
    except ValueError:
        structlog.get_logger().exception("session_failed")

    text = read(pipe[0])
    assert "Traceback" in text
    assert "ValueError: \\x1b[2J" in text
    assert str(secret) not in text
    assert "\x1b[2J" not in text


@pytest.mark.parametrize(("encoding", "shown"), [("ascii", b"Zo? ?"), ("iso-8859-1", b"Zo\xeb ?")])
def test_the_console_has_the_characters_of_the_terminal(
    encoding: str, shown: bytes, pipe: tuple[int, int], monkeypatch: pytest.MonkeyPatch
) -> None:
    """A character that the encoding lacks is a question mark, and no error."""
    monkeypatch.setattr("sys.stdout", TextIOWrapper(BytesIO(), encoding=encoding))
    configure("server", LogFormat.CONSOLE, "info", pipe[1])
    structlog.get_logger().info("server_stopping", why="Zoë \u2588")

    assert shown in os.read(pipe[0], 4096)


@pytest.mark.parametrize("coloured", [False, True])
def test_colours_of_the_console(pipe: tuple[int, int], *, coloured: bool) -> None:
    """There are colours only if they are wanted."""
    configure("server", LogFormat.CONSOLE, "info", pipe[1], coloured=coloured)
    structlog.get_logger().info("server_stopping")

    assert ("\x1b[" in read(pipe[0])) is coloured


@given(st.recursive(st.none() | st.booleans() | st.integers() | st.text(), st.lists))
def test_any_value_is_printable_ascii_and_comes_back(value: object) -> None:
    """Nothing in a value can end a line or steer a terminal, and nothing of it is lost."""
    text = encode_json({"x": value})

    assert text.isascii()
    assert text.isprintable()
    assert json.loads(text) == {"x": value}


def test_held_lines_are_written_together(pipe: tuple[int, int]) -> None:
    """While the sink is held nothing is written, and one flush writes all of it in order."""
    sink = LogSink(pipe[1])
    sink.hold()
    sink.write("one\n")
    sink.write("two\n")
    assert read(pipe[0]) == ""

    sink.flush()

    assert read(pipe[0]) == "one\ntwo\n"
    sink.write("three\n")
    assert read(pipe[0]) == "three\n"


def test_a_reader_that_stands_still_costs_lines_and_is_told_how_many(pipe: tuple[int, int]) -> None:
    """What finds no room is dropped and counted, and the count is logged once lines flow again, in order."""
    sink = configure("server", LogFormat.JSON, "info", pipe[1])
    line = "x" * 1023 + "\n"
    written = BACKLOG_OCTETS // 1024 + 200
    for _ in range(written):
        sink.write(line)

    text = ""
    for _ in range(1000):
        text += read(pipe[0])
        sink.flush()
        if "log_lines_dropped" in text:
            break
    *kept, last = text.splitlines(keepends=True)

    assert set(kept) == {line}
    assert check_line(last.removesuffix("\n"))["lines"] == written - len(kept) > 0


def test_a_reader_that_is_gone_stops_nobody() -> None:
    """Lines that nobody can read any more are kept or dropped, and no exception comes of it."""
    reading, writing = os.pipe()
    sink = LogSink(writing)
    os.close(reading)

    sink.write("one\n")
    sink.close()

    os.close(writing)


def test_the_descriptor_stays_as_it_was(pipe: tuple[int, int]) -> None:
    """A pipe blocks for whoever shares it, while the sink is open and afterwards."""
    sink = LogSink(pipe[1])
    assert os.get_blocking(pipe[1])
    sink.close()
    assert os.get_blocking(pipe[1])
