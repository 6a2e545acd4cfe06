"""How a guess is judged."""

from __future__ import annotations

import pytest

from services.protocol.messages import Prompt, Verdict
from services.protocol.rules import CLASSIC, Rules


@pytest.mark.parametrize("secret", range(1, 31))
def test_every_guess_is_judged_by_its_distance(secret: int) -> None:
    """Distance 0 is Correct, 1 and 2 are Close, all else is Far, for every secret and guess (P-4)."""
    by_distance = {0: Verdict.CORRECT, 1: Verdict.CLOSE, 2: Verdict.CLOSE}

    for number in range(1, 31):
        assert CLASSIC.judge(secret, number) is by_distance.get(abs(secret - number), Verdict.FAR)


def test_the_close_distance_is_a_setting() -> None:
    """At close distance 0 nothing is close, at 5 five is (P-4)."""
    assert Rules(close_distance=0).judge(10, 11) is Verdict.FAR
    assert Rules(close_distance=5).judge(10, 15) is Verdict.CLOSE
    assert Rules(close_distance=5).judge(10, 16) is Verdict.FAR


def test_the_range_includes_both_ends() -> None:
    """Both ends of the range may be guessed, their neighbours outside may not (P-5)."""
    rules = Rules(low=5, high=7)

    assert [number for number in range(10) if number in rules] == [5, 6, 7]
    assert rules.prompt == Prompt(5, 7)
