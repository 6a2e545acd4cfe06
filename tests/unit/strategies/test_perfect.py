"""Perfect play, against a search that spares itself nothing."""

from __future__ import annotations

from functools import cache
from typing import TYPE_CHECKING

import pytest

from services.protocol.messages import Verdict
from services.protocol.rules import CLASSIC, Rules
from services.strategies.candidates import Try, allowed, count, split
from services.strategies.choice import guesses_needed
from services.strategies.perfect import best_guess, is_perfect, least_cost

if TYPE_CHECKING:
    from services.strategies.candidates import Candidates


def least_cost_by_brute_force(rules: Rules) -> int:
    """Return the least number of guesses, added up over all secrets, by trying everything."""
    everything = range(rules.low, rules.high + 1)

    @cache
    def cost(candidates: frozenset[int]) -> int:
        if len(candidates) <= 1:
            return len(candidates)
        best = len(candidates) ** 2
        for guess in everything:
            halves: dict[Verdict, set[int]] = {verdict: set() for verdict in Verdict}
            for secret in candidates:
                halves[rules.judge(secret, guess)].add(secret)
            close, far = frozenset(halves[Verdict.CLOSE]), frozenset(halves[Verdict.FAR])
            if candidates not in (close, far):
                best = min(best, len(candidates) + cost(close) + cost(far))
        return best

    return cost(frozenset(everything))


@pytest.mark.parametrize("close_distance", range(5))
@pytest.mark.parametrize("numbers", range(1, 12))
def test_no_play_is_better(numbers: int, close_distance: int) -> None:
    """In small ranges a search through all games finds nothing better than perfect play."""
    rules = Rules(1, numbers, close_distance)

    assert least_cost(rules, ((1, numbers),)) == least_cost_by_brute_force(rules)
    assert sum(guesses_needed(rules).values()) == least_cost_by_brute_force(rules)


@pytest.mark.parametrize(
    ("rules", "cost"),
    [(CLASSIC, 151), (Rules(1, 30, 1), 194), (Rules(1, 30, 5), 133), (Rules(-4, 15, 3), 75)],
)
def test_the_guesses_keep_what_perfect_play_promises(rules: Rules, cost: int) -> None:
    """Played against every secret they cost what the search says: 151 under the classic rules."""
    assert is_perfect(rules)
    assert least_cost(rules, ((rules.low, rules.high),)) == cost
    assert sum(guesses_needed(rules).values()) == cost


def test_the_best_guess_may_be_no_candidate() -> None:
    """Where a number that is ruled out divides the rest better, it is guessed."""
    rules = Rules(1, 40, 7)
    games: list[Candidates] = [((rules.low, rules.high),)]
    outside = 0
    for candidates in games:
        guess = best_guess(rules, candidates)
        halves = split(candidates, guess, rules.close_distance)
        outside += sum(map(count, halves)) == count(candidates)
        games += [half for half in halves if half]

    assert outside


@pytest.mark.parametrize("rules", [Rules(1, 100, 2), Rules(1, 100, 5), Rules(0, 999, 50), Rules(1, 60, 30)])
def test_large_ranges_are_played_one_step_ahead(rules: Rules) -> None:
    """Where perfect play would take too long every secret is found, and sooner than by sweeping over them."""
    needed = guesses_needed(rules)

    assert not is_perfect(rules)
    assert list(needed) == list(range(rules.low, rules.high + 1))
    assert sum(needed.values()) / len(needed) < len(needed) / 4


def test_huge_ranges_take_no_time() -> None:
    """A server that names a range of a thousand million numbers does not hold the bots up."""
    rules = Rules(-499_999_999, 500_000_000, 200_000_000)

    history = (Try(best_guess(rules, allowed(rules, ())), Verdict.FAR),)

    assert count(allowed(rules, history)) < 700_000_000
