"""The strategies by name: which number each tries next, and how many guesses it needs."""

from __future__ import annotations

from enum import StrEnum
from fractions import Fraction
from functools import lru_cache
from typing import TYPE_CHECKING, Final

from services.protocol.rules import Rules
from services.strategies.candidates import allowed, numbers_in, split
from services.strategies.perfect import best_guess

if TYPE_CHECKING:
    from collections.abc import Iterator

    from services.strategies.candidates import Candidates, History

MOST_CLOSE_DISTANCE: Final = 64
"""Where the replies contradict the close distance, none larger than this is considered."""


class Strategy(StrEnum):
    """How a bot chooses its guesses."""

    RANDOM = "random"
    """Any number that it has not tried, whatever the replies."""
    SWEEP = "sweep"
    """One number after the other, whatever the replies."""
    SMART = "smart"
    """The number that splits best what the replies allow."""
    MIXED = "mixed"
    """Another of the three in each game."""


_IN_TURN: Final = (Strategy.RANDOM, Strategy.SWEEP, Strategy.SMART)


def strategy_of_game(strategy: Strategy, game: int) -> Strategy:
    """Return what a bot plays in its game of that number."""
    return _IN_TURN[game % len(_IN_TURN)] if strategy is Strategy.MIXED else strategy


def next_guess(strategy: Strategy, rules: Rules, history: History, seed: int) -> int | None:
    """Return what to guess next, never a number of the history; None once every number was tried.

    Args:
        strategy: Any but MIXED, which `strategy_of_game` resolves.
        rules: What the game is played by, as far as it is known.
        history: The guesses of this game, in order.
        seed: The chance in a random game: the same seed makes the same game.
    """
    tried = {number for number, _ in history}
    left = numbers_in(rules) - sum(number in rules for number in tried)
    if left <= 0:
        return None
    if strategy is Strategy.RANDOM:
        return _untried(rules, tried, _scatter(seed + len(history)) % left)
    if strategy is Strategy.SMART:
        smart = _smart_guess(rules, history)
        if smart is not None:
            return smart
    return _untried(rules, tried, 0)


def _untried(rules: Rules, tried: set[int], skip: int) -> int:
    """Return the number of the range that has `skip` untried ones below it."""
    number = rules.low + skip
    for spent in sorted(spent for spent in tried if spent >= rules.low):
        if spent > number:
            break
        number += 1
    return number


def _scatter(number: int) -> int:
    """Return bits that look random and depend on every bit of the number (the finaliser of SplitMix64)."""
    mask = (1 << 64) - 1
    number = (number * 0x9E3779B97F4A7C15) & mask
    number = ((number ^ (number >> 30)) * 0xBF58476D1CE4E5B9) & mask
    number = ((number ^ (number >> 27)) * 0x94D049BB133111EB) & mask
    return number ^ (number >> 31)


@lru_cache(maxsize=4096)
def _smart_guess(rules: Rules, history: History) -> int | None:
    candidates, rules = _candidates(rules, history)
    if not candidates:
        return None
    guess = best_guess(rules, candidates)
    # A reply that told nothing may leave a number worth trying that has been tried.
    return candidates[0][0] if any(guess == number for number, _ in history) else guess


def _candidates(rules: Rules, history: History) -> tuple[Candidates, Rules]:
    """Return what the replies allow, by the nearest close distance that allows anything at all.

    No message of the protocol tells the close distance: a player finds out when the replies contradict it.
    """
    widest = min(numbers_in(rules), MOST_CLOSE_DISTANCE)
    for distance in sorted(range(widest + 1), key=lambda distance: abs(distance - rules.close_distance)):
        assumed = Rules(rules.low, rules.high, distance)
        candidates = allowed(assumed, history)
        if candidates:
            return candidates, assumed
    return (), rules


# --- what to expect


def hint(rules: Rules, history: History) -> int | None:
    """Return the best next guess for a person; None once every number was tried."""
    return next_guess(Strategy.SMART, rules, history, seed=0)


def expected_guesses(strategy: Strategy, rules: Rules) -> Fraction:
    """Return how many guesses the strategy needs on average, over all secrets and all chance, exactly."""
    if strategy is Strategy.MIXED:
        return sum((expected_guesses(one, rules) for one in _IN_TURN), Fraction()) / len(_IN_TURN)
    if strategy is Strategy.SMART:
        needed = guesses_needed(rules)
        return Fraction(sum(needed.values()), len(needed))
    # Each place in an order of the numbers that heeds no reply is as likely as any other to be the secret's.
    return Fraction(numbers_in(rules) + 1, 2)


def guesses_needed(rules: Rules) -> dict[int, int]:
    """Return for each secret how many guesses the smart strategy needs."""
    return dict(sorted(_play_out(rules)))


def _play_out(rules: Rules) -> Iterator[tuple[int, int]]:
    """Follow the smart strategy through every reply that there can be."""
    open_games: list[tuple[Candidates, int]] = [(((rules.low, rules.high),), 1)]
    while open_games:
        candidates, attempt = open_games.pop()
        guess = best_guess(rules, candidates)
        if any(first <= guess <= last for first, last in candidates):
            yield guess, attempt
        open_games += [(half, attempt + 1) for half in split(candidates, guess, rules.close_distance) if half]
