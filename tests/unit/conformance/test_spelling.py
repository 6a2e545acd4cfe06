"""How a report spells what came: for a reader who may never have seen Python."""

from __future__ import annotations

import re
import ssl

import pytest

from services.conformance.connection import SHOWN_LINES, in_words, named, quoted, quoted_lines, shown


@pytest.mark.parametrize(
    ("text", "spelled"),
    [
        ("Far", "'Far'"),
        ("", "''"),
        ("don't", "'don't'"),
        ("\\x80", "'\\x80'"),
        ("a\tb\x1b[2J", "'a\\tb\\x1b[2J'"),
        ("٣", "'٣'"),
    ],
)
def test_line_is_quoted_as_it_came(text: str, spelled: str) -> None:
    """Quotation marks and backslashes stand as they are; nothing moves a cursor."""
    assert quoted(text) == spelled


@pytest.mark.parametrize(
    ("lines", "spelled"),
    [
        ([], "nothing"),
        ([""], "an empty line"),
        (["127.0.0.1 4000", ""], "'127.0.0.1 4000', an empty line"),
        (["x"] * (SHOWN_LINES + 3), ", ".join(["'x'"] * SHOWN_LINES) + "… and 3 lines more"),
    ],
)
def test_list_is_told_line_by_line(lines: list[str], spelled: str) -> None:
    """A list is its lines, a long one its first lines, and nothing is no line."""
    assert quoted_lines(lines) == spelled


def test_failed_connection_is_told_in_words() -> None:
    """Neither a number of the system nor a line of a library's source is told."""
    assert in_words(ConnectionRefusedError(111, "Connection refused")) == "Connection refused"
    assert in_words(TimeoutError("timed out")) == "timed out"
    slow = TimeoutError("_ssl.c:989: The handshake operation timed out")
    assert in_words(slow) == "The handshake operation timed out"
    incoming = ssl.MemoryBIO()
    incoming.write(b"Greetings\r\n")
    client = ssl.create_default_context().wrap_bio(incoming, ssl.MemoryBIO(), server_hostname="localhost")
    with pytest.raises(ssl.SSLError) as failed:
        client.do_handshake()
    assert re.fullmatch("TLS: [a-z ]+", in_words(failed.value))


def test_letters_beyond_ascii_are_named() -> None:
    """A letter that a beginner may not know is named, and spelled as the timeline has it."""
    assert named("5") == "'5'"
    assert named("٣") == r"'٣' (٣ is arabic-indic digit three, sent as \xd9\xa3)"


def test_long_lines_say_how_long_they_were() -> None:
    """What is cut says how long the whole was."""
    assert named("9" * 400).endswith("…' (400 octets in all)")
    assert shown(b"x" * 200, 10) == "xxxxxxxxxx… (200 octets in all)"
    assert shown(b"x" * 10, 10, 50) == "xxxxxxxxxx… (50 octets in all)"
