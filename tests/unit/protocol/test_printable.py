"""What a peer sends, made fit to be shown."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from services.protocol.printable import printable, printable_octets


@given(st.text())
def test_any_text_is_shown_in_one_printable_line(text: str) -> None:
    """Whatever a text holds, what is shown of it can be printed, and a plain text stays as it is (P-6)."""
    assert printable(text).isprintable()
    assert printable(printable(text)) == printable(text)


@given(st.binary())
def test_any_octets_are_shown_in_ascii_and_can_be_read_back(octets: bytes) -> None:
    """What is shown of octets is printable ASCII, and tells exactly which they were (P-6)."""
    shown = printable_octets(octets)

    assert shown.isascii()
    assert shown.isprintable()
    assert shown.encode().decode("unicode_escape").encode("latin-1") == octets


@pytest.mark.parametrize(
    ("octets", "shown"), [(b"Guess: 5", "Guess: 5"), (b"'\"", "'\""), (b"\\\n\x1b[\xff", r"\\\n\x1b[\xff")]
)
def test_octets_are_spelled_as_usual(octets: bytes, shown: str) -> None:
    """Plain ASCII is shown as it is, quotation marks too; the rest is escaped (P-6)."""
    assert printable_octets(octets) == shown
