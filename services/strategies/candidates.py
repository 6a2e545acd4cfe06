"""Which numbers the replies so far allow."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from services.protocol.messages import Verdict

if TYPE_CHECKING:
    from collections.abc import Iterable

    from services.protocol.rules import Rules

Candidates = tuple[tuple[int, int], ...]
"""The numbers that may be the secret: disjoint spans, both ends included, in order.

A range of a thousand million numbers takes no more room than one of thirty."""


class Try(NamedTuple):
    """A guess and what became of it."""

    number: int
    verdict: Verdict | None
    """None: the reply told nothing, but the number is spent."""


History = tuple[Try, ...]


class Split(NamedTuple):
    """How a guess divides the candidates, itself left out."""

    close: Candidates
    far: Candidates


def numbers_in(rules: Rules) -> int:
    """Return how many numbers there are to guess from."""
    return rules.high - rules.low + 1


def count(candidates: Candidates) -> int:
    """Return how many numbers the candidates are."""
    return sum(last - first + 1 for first, last in candidates)


def split(candidates: Candidates, guess: int, close_distance: int) -> Split:
    """Divide the candidates by the verdict that a guess would get (clause P-4)."""
    low, high = guess - close_distance, guess + close_distance
    return Split(
        _within(candidates, low, guess - 1) + _within(candidates, guess + 1, high),
        _within(candidates, None, low - 1) + _within(candidates, high + 1, None),
    )


def _within(candidates: Candidates, low: int | None, high: int | None) -> Candidates:
    cut = (
        (first if low is None else max(first, low), last if high is None else min(last, high))
        for first, last in candidates
    )
    return tuple((first, last) for first, last in cut if first <= last)


def allowed(rules: Rules, history: Iterable[Try]) -> Candidates:
    """Return the numbers that fit every reply so far; none, if the replies contradict the rules."""
    candidates: Candidates = ((rules.low, rules.high),)
    for number, verdict in history:
        close, far = split(candidates, number, rules.close_distance)
        match verdict:
            case Verdict.CLOSE:
                candidates = close
            case Verdict.FAR:
                candidates = far
            case _:
                # The number itself is spent, and after Correct so is the game.
                candidates = tuple(sorted(close + far))
    return candidates
