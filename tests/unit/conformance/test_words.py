"""The words that a report explains."""

from __future__ import annotations

from services.conformance.words import WORDS, explained


def test_words_are_found_in_any_form() -> None:
    """A word is found in capitals, in the plural and as a verb, and not within another word."""
    assert [word for word, _ in explained("Octets, and half-closes; presets")] == ["octet", "half-close"]
    assert list(explained("plain English")) == []


def test_meanings_explain_themselves() -> None:
    """No meaning uses a word that is explained elsewhere."""
    for word, meaning in WORDS.items():
        assert not [other for other, _ in explained(meaning) if other != word], word
