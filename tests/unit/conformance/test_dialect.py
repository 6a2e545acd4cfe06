"""What the kit makes of the words of other programs."""

from __future__ import annotations

import pytest

from services.conformance.dialect import Meaning, addresses, classify


@pytest.mark.parametrize(
    ("text", "meant"),
    [
        ("Greetings", Meaning.GREETING),
        ("Welcome, stranger", Meaning.GREETING),
        ("Ready", Meaning.READY),
        ("We are ready", Meaning.READY),
        ("Far", Meaning.FAR),
        ("You are far away", Meaning.FAR),
        ("Cold!", Meaning.FAR),
        ("Not even close", Meaning.FAR),
        ("CLOSE", Meaning.CLOSE),
        ("You are close, but not there", Meaning.CLOSE),
        ("Correct", Meaning.CORRECT),
        ("Congratulations, you won in 3", Meaning.CORRECT),
        ("You win", Meaning.CORRECT),
        ("Incorrect", Meaning.MISS),
        ("Too high", Meaning.MISS),
        ("Your number is too low", Meaning.MISS),
        ("Too late", Meaning.TOO_LATE),
        ("Pick a number between 1-30", Meaning.PROMPT),
        ("Number out of range", Meaning.PROMPT),
        ("Invalid input", Meaning.PROMPT),
        ("Refused: server full", Meaning.REFUSAL),
        ("Connection rejected", Meaning.REFUSAL),
        ("", Meaning.OTHER),
        ("42", Meaning.OTHER),
    ],
)
def test_meaning_of_words(text: str, meant: Meaning) -> None:
    """A reply is taken by its first word, or else by what its words suggest."""
    assert classify(text) is meant


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ("127.0.0.1 50123", [("127.0.0.1", 50123)]),
        ("127.0.0.1:50123", [("127.0.0.1", 50123)]),
        ("('127.0.0.1', 50123)", [("127.0.0.1", 50123)]),
        ("Player 1: IP=10.0.0.7, Port=4123", [("10.0.0.7", 4123)]),
        ("2001:db8::7 50123", [("2001:db8::7", 50123)]),
        ("::ffff:127.0.0.1 50123", [("::ffff:127.0.0.1", 50123)]),
        ("10.0.0.7 1\n10.0.0.8 2", [("10.0.0.7", 1), ("10.0.0.8", 2)]),
        ("nobody is playing at 12:30", []),
        ("", []),
    ],
)
def test_addresses_in_any_form(text: str, found: list[tuple[str, int]]) -> None:
    """Players are found in a list of whatever form."""
    assert addresses(text) == found
