"""What the kit makes of the words of other programs."""

from __future__ import annotations

import pytest

from services.conformance.dialect import Sense, addresses, sense


@pytest.mark.parametrize(
    ("text", "meant"),
    [
        ("Greetings", Sense.GREETING),
        ("Welcome, stranger", Sense.GREETING),
        ("Ready", Sense.READY),
        ("We are ready", Sense.READY),
        ("Far", Sense.FAR),
        ("You are far away", Sense.FAR),
        ("Cold!", Sense.FAR),
        ("Not even close", Sense.FAR),
        ("CLOSE", Sense.CLOSE),
        ("You are close, but not there", Sense.CLOSE),
        ("Correct", Sense.CORRECT),
        ("Congratulations, you won in 3", Sense.CORRECT),
        ("You win", Sense.CORRECT),
        ("Incorrect", Sense.MISS),
        ("Too high", Sense.MISS),
        ("Your number is too low", Sense.MISS),
        ("Too late", Sense.TOO_LATE),
        ("Pick a number between 1-30", Sense.PROMPT),
        ("Number out of range", Sense.PROMPT),
        ("Invalid input", Sense.PROMPT),
        ("Refused: server full", Sense.REFUSAL),
        ("Connection rejected", Sense.REFUSAL),
        ("", Sense.OTHER),
        ("42", Sense.OTHER),
    ],
)
def test_meaning_of_words(text: str, meant: Sense) -> None:
    """A reply is taken by its first word, or else by what its words suggest."""
    assert sense(text) is meant


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
