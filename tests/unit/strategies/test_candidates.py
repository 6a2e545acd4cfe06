"""What the replies allow, against plain sets of numbers."""

from __future__ import annotations

from typing import TYPE_CHECKING

from hypothesis import given
from hypothesis import strategies as st

from services.protocol.messages import Verdict
from services.protocol.rules import CLASSIC, Rules
from services.strategies.candidates import Try, allowed, count, numbers_in, split

if TYPE_CHECKING:
    from services.strategies.candidates import Candidates

RULES = st.builds(
    lambda low, width, distance: Rules(low, low + width, distance),
    st.integers(-20, 20),
    st.integers(0, 40),
    st.integers(0, 6),
)


def as_set(candidates: Candidates) -> set[int]:
    """Spell every candidate out."""
    return {number for first, last in candidates for number in range(first, last + 1)}


@given(RULES, st.data())
def test_candidates_are_the_numbers_that_would_have_got_the_same_replies(
    rules: Rules, data: st.DataObject
) -> None:
    """A number is a candidate exactly if it would have got the same verdicts as the secret (clause P-4)."""
    number = st.integers(rules.low, rules.high)
    secret = data.draw(number)
    guesses = [guess for guess in data.draw(st.lists(number, max_size=8)) if guess != secret]

    candidates = allowed(rules, [Try(guess, rules.judge(secret, guess)) for guess in guesses])

    assert as_set(candidates) == {
        other
        for other in range(rules.low, rules.high + 1)
        if all(rules.judge(other, guess) is rules.judge(secret, guess) for guess in guesses)
    }
    assert count(candidates) == len(as_set(candidates))


def test_a_reply_that_tells_nothing_rules_out_its_number_alone() -> None:
    """An unknown reply is no information, but it was not Correct either."""
    assert as_set(allowed(CLASSIC, [Try(7, None)])) == set(range(1, 31)) - {7}


def test_contradictory_replies_allow_nothing() -> None:
    """No number is far from and close to the same one."""
    assert allowed(CLASSIC, [Try(7, Verdict.FAR), Try(7, Verdict.CLOSE)]) == ()


def test_split_leaves_the_guess_out() -> None:
    """A guess divides the candidates into close and far ones, and is neither."""
    close, far = split(((1, 30),), 15, 2)

    assert close == ((13, 14), (16, 17))
    assert far == ((1, 12), (18, 30))


def test_numbers_in_a_range() -> None:
    """Both ends count."""
    assert numbers_in(CLASSIC) == 30
