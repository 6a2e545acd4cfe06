"""Verdicts in sentences."""

from __future__ import annotations

import pytest

from services.player.sense import is_miss, verdict_in
from services.protocol.messages import Verdict

FAR = [
    "You are way off.",
    "That's far away",
    "It is not close.",
    "Not even close",
    "nowhere near",
    "Sorry, wrong: you are far from it",
    "You are too far",
    "Your guess is FAR",
]
CLOSE = [
    "You are close!",
    "Very near",
    "Wrong, but close.",
    "Almost!",
    "Not correct, but close",
    "You're so close, try again",
    "5 is Close to the number",
]
CORRECT = [
    "You guessed correctly!",
    "You have won",
    "You win!",
    "Congratulations, 17 it is",
    "That is correct.",
    "Yes, right!",
    "You've won in 3 guesses, well done",
    "That was the correct guess",
    "Your guess is CORRECT",
    "Congrats! The game ends, we close the connection.",
]
NOTHING = [
    "Incorrect",
    "That is not correct.",
    "This isn't right",
    "Wrong number",
    "Too high",
    "You have guessed.",
    "Guess again!",
    "Hm, let me see.",
    "Warm",
    "Brr",
    "You have not won yet",
    "Try until you get the right number",
    "The correct number is higher",
    "",
    "farmers closed the righteous",
]


@pytest.mark.parametrize(
    ("text", "verdict"),
    [
        *((text, Verdict.FAR) for text in FAR),
        *((text, Verdict.CLOSE) for text in CLOSE),
        *((text, Verdict.CORRECT) for text in CORRECT),
        *((text, None) for text in NOTHING),
    ],
)
def test_the_sense_of_a_sentence(text: str, verdict: Verdict | None) -> None:
    """A sentence is read by what it means, and one that says no distance means none."""
    assert verdict_in(text) is verdict


@pytest.mark.parametrize(
    ("text", "missed"),
    [
        ("Wrong! Too high", True),
        ("Incorrect", True),
        ("Try again", True),
        ("Lower...", True),
        ("Sorry, no.", True),
        ("Wrong, but close.", False),
        ("You win!", False),
        ("What?", False),
    ],
)
def test_a_miss_without_a_distance(text: str, *, missed: bool) -> None:
    """What says no more than that it was not the number is understood as that."""
    assert is_miss(text) is missed
