"""The guess that splits the candidates best: perfect play in small ranges, one step ahead in large ones.

*Cost* is the number of guesses that finding the secret takes, added up over all candidates; divided by their
number it is the expected number of guesses. Perfect play has the least cost that there is.
"""

from __future__ import annotations

from functools import cache, lru_cache
from typing import TYPE_CHECKING, Final, NamedTuple

from services.strategies.candidates import Candidates, count, numbers_in, split

if TYPE_CHECKING:
    from collections.abc import Iterator

    from services.protocol.rules import Rules

MOST_NUMBERS: Final = 40
MOST_CLOSE_DISTANCE: Final = 7
"""Beyond these bounds perfect play would take more than a fraction of a second to work out."""

_GUESSES_KEPT: Final = 4096
"""A game of thirty numbers has a few dozen sets of candidates; this serves all bots of a process."""


def is_perfect(rules: Rules) -> bool:
    """Tell whether `best_guess` is proven to be the best under these rules."""
    return numbers_in(rules) <= MOST_NUMBERS and rules.close_distance <= MOST_CLOSE_DISTANCE


@lru_cache(maxsize=_GUESSES_KEPT)
def best_guess(rules: Rules, candidates: Candidates) -> int:
    """Return the guess that splits the candidates best; it need not be one of them.

    There must be a candidate.
    """
    if is_perfect(rules):
        return _perfection(rules).guess(candidates)
    return _balanced_guess(rules, candidates)


def least_cost(rules: Rules, candidates: Candidates) -> int:
    """Return the cost of perfect play, for rules that `is_perfect` accepts."""
    return _perfection(rules).cost(candidates)


# --- perfect play


class _Option(NamedTuple):
    floor: int
    """A cost that the option cannot beat."""
    guess: int
    close: Candidates
    far: Candidates


_Shape = tuple[int, Candidates, int]
_Key = tuple[_Shape, ...]


class _Perfection:
    """Tries every guess and everything that can follow, but looks at no position twice.

    Two thoughts keep that short. Positions are the same if their groups of candidates, too far apart to be
    touched by one guess, differ only by shifts and reflections (`_key`). And a guess that cannot be better
    than the best one known, however its two halves turn out, is not followed (`_floor`): under the default
    rules the floor is reached, so that the search is over almost at once.
    """

    def __init__(self, rules: Rules) -> None:
        self._rules = rules
        self._costs: dict[_Key, int] = {(): 0}
        self._floors = [0]

    def cost(self, candidates: Candidates) -> int:
        key = self._key(candidates)
        known = self._costs.get(key)
        if known is None:
            known = self._costs[key] = self._best(candidates)[0]
        return known

    def guess(self, candidates: Candidates) -> int:
        return self._best(candidates)[1]

    def _best(self, candidates: Candidates) -> tuple[int, int]:
        """Return the least cost, and the least guess of those that reach it."""
        total = count(candidates)
        # Nothing is worse than to guess them one by one.
        best_cost, best = total * (total + 1) // 2, candidates[0][0]
        for option in sorted(self._options(candidates, total)):
            if total + option.floor >= best_cost:
                break
            # Every candidate costs this guess; what is left of them costs what follows.
            cost = total + self.cost(option.close) + self.cost(option.far)
            if cost < best_cost:
                best_cost, best = cost, option.guess
        return best_cost, best

    def _options(self, candidates: Candidates, total: int) -> Iterator[_Option]:
        distance = self._rules.close_distance
        guesses: set[int] = set()
        for first, last in candidates:
            low = max(self._rules.low, first - distance)
            guesses.update(range(low, min(self._rules.high, last + distance) + 1))
        for guess in guesses:
            close, far = split(candidates, guess, distance)
            of_close, of_far = count(close), count(far)
            if of_close < total and of_far < total:
                yield _Option(self._floor(of_close) + self._floor(of_far), guess, close, far)

    def _floor(self, total: int) -> int:
        """Return a cost that no play can beat with so many candidates, wherever they lie.

        At best the guess is a candidate, and as many others are close as the best division asks for.
        """
        floors = self._floors
        while len(floors) <= total:
            rest = len(floors) - 1
            most_close = min(2 * self._rules.close_distance, rest)
            floors.append(
                len(floors) + min(floors[close] + floors[rest - close] for close in range(most_close + 1))
            )
        return floors[total]

    def _key(self, candidates: Candidates) -> _Key:
        return tuple(sorted(self._shapes(candidates)))

    def _shapes(self, candidates: Candidates) -> Iterator[_Shape]:
        """Describe each group that can be touched alone, with the room for guesses around it."""
        distance = self._rules.close_distance
        start = 0
        for index, (_, last) in enumerate(candidates):
            if index + 1 < len(candidates) and candidates[index + 1][0] - last <= 2 * distance:
                continue
            group = candidates[start : index + 1]
            start = index + 1
            left, right = group[0][0], last
            room_left = min(distance, left - self._rules.low)
            room_right = min(distance, self._rules.high - right)
            shape = tuple((a - left, b - left) for a, b in group)
            mirrored = tuple((right - b, right - a) for a, b in reversed(group))
            yield min((room_left, shape, room_right), (room_right, mirrored, room_left))


@cache
def _perfection(rules: Rules) -> _Perfection:
    return _Perfection(rules)


# --- one step of foresight


def _balanced_guess(rules: Rules, candidates: Candidates) -> int:
    """Return the guess that leaves the fewest candidates on average, one step ahead."""
    distance = rules.close_distance
    # Between these the number of close candidates rises or falls steadily: the best of them is good enough.
    turns: set[int] = set()
    for first, last in candidates:
        middle = (first + last) // 2
        turns.update((first, middle, last))
        turns.update((first + distance, middle - distance, middle + distance, last - distance))

    def left_over(guess: int) -> tuple[int, int]:
        close, far = split(candidates, guess, distance)
        return count(close) ** 2 + count(far) ** 2, guess

    return min((turn for turn in turns if rules.low <= turn <= rules.high), key=left_over)
