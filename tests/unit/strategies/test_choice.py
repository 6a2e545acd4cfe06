"""The strategies: how each chooses, and the figures that docs/strategies.md gives."""

from __future__ import annotations

from fractions import Fraction
from typing import TYPE_CHECKING

import pytest
from hypothesis import given
from hypothesis import strategies as st

from services.protocol.messages import Verdict
from services.protocol.rules import CLASSIC, Rules
from services.strategies.candidates import Try
from services.strategies.choice import (
    Strategy,
    expected_guesses,
    guesses_needed,
    hint,
    next_guess,
    strategy_of_game,
)

if TYPE_CHECKING:
    from services.strategies.candidates import History

PLAIN = [Strategy.RANDOM, Strategy.SWEEP, Strategy.SMART]


def play(strategy: Strategy, true_rules: Rules, secret: int, seed: int = 0) -> History:
    """Return the game against a server that plays by the true rules, for a player who assumes the classic."""
    history: History = ()
    while not history or history[-1].verdict is not Verdict.CORRECT:
        number = next_guess(strategy, CLASSIC, history, seed)
        assert number is not None
        history += (Try(number, true_rules.judge(secret, number)),)
    return history


@pytest.mark.parametrize("strategy", PLAIN)
def test_every_secret_is_found_without_a_number_twice(strategy: Strategy) -> None:
    """Each strategy finds each of the thirty secrets, and tries no number twice on the way."""
    for secret in range(1, 31):
        tried = [number for number, _ in play(strategy, CLASSIC, secret)]
        assert tried[-1] == secret
        assert len(set(tried)) == len(tried)


def test_smart_needs_as_many_guesses_as_computed() -> None:
    """Over all thirty secrets the smart bot needs 151 guesses, 8 at most: what guesses_needed says."""
    needed = {secret: len(play(Strategy.SMART, CLASSIC, secret)) for secret in range(1, 31)}

    assert needed == guesses_needed(CLASSIC)
    assert sum(needed.values()) == 151
    assert max(needed.values()) == 8


def test_sweep_goes_up() -> None:
    """A sweeping bot begins at the lowest number and leaves none out."""
    assert [number for number, _ in play(Strategy.SWEEP, CLASSIC, 4)] == [1, 2, 3, 4]


def test_random_depends_on_its_seed_alone() -> None:
    """The same seed makes the same game, another one another."""
    games = [play(Strategy.RANDOM, CLASSIC, 17, seed) for seed in (1, 1, 2, 3)]

    assert games[0] == games[1]
    assert len({*games}) > 2


def test_random_is_fair() -> None:
    """No secret is found much sooner than others, and the average is the expected one."""
    for secret in (1, 15, 30):
        needed = [len(play(Strategy.RANDOM, CLASSIC, secret, seed)) for seed in range(1000)]
        assert sum(needed) / len(needed) == pytest.approx(15.5, abs=1)


def test_mixed_takes_turns() -> None:
    """Each game is played by the next strategy; the others keep to themselves."""
    assert [strategy_of_game(Strategy.MIXED, game) for game in range(4)] == [*PLAIN, Strategy.RANDOM]
    assert strategy_of_game(Strategy.SWEEP, 2) is Strategy.SWEEP


def test_expected_guesses() -> None:
    """The figures of the classic rules, exactly."""
    expected = {strategy: expected_guesses(strategy, CLASSIC) for strategy in Strategy}

    assert expected == {
        Strategy.RANDOM: Fraction(31, 2),
        Strategy.SWEEP: Fraction(31, 2),
        Strategy.SMART: Fraction(151, 30),
        Strategy.MIXED: Fraction(1081, 90),
    }


@pytest.mark.parametrize("strategy", PLAIN)
def test_when_every_number_was_tried(strategy: Strategy) -> None:
    """There is no next guess; numbers beyond the range do not count."""
    history = tuple(Try(number, None) for number in range(1, 32))

    assert next_guess(strategy, CLASSIC, history, 0) is None
    assert next_guess(strategy, CLASSIC, history[1:], 0) == 1


@pytest.mark.parametrize("true_distance", [0, 1, 3, 4, 9, 29])
def test_smart_finds_out_the_close_distance(true_distance: int) -> None:
    """Where the server's close distance is another one, every secret is still found within the range."""
    for secret in range(1, 31):
        tried = [number for number, _ in play(Strategy.SMART, Rules(1, 30, true_distance), secret)]
        assert tried[-1] == secret
        assert len(set(tried)) == len(tried)


def test_smart_goes_on_when_nothing_fits() -> None:
    """Replies that no close distance explains end in a sweep over what was not tried."""
    nonsense = (Try(7, Verdict.FAR), Try(8, Verdict.CLOSE), Try(9, Verdict.FAR), Try(7, Verdict.CLOSE))

    assert next_guess(Strategy.SMART, CLASSIC, nonsense, 0) == 1


@given(st.lists(st.sampled_from([*Verdict, None]), max_size=40), st.sampled_from(PLAIN), st.integers(0))
def test_whatever_the_replies_no_number_comes_twice(
    verdicts: list[Verdict | None], strategy: Strategy, seed: int
) -> None:
    """A server may say what it likes: the bot moves on, and stays in the range (clause C-3)."""
    history: History = ()
    for verdict in verdicts:
        number = next_guess(strategy, CLASSIC, history, seed)
        if number is None:
            assert len(history) == 30
            return
        assert number in CLASSIC
        assert all(number != tried for tried, _ in history)
        history += (Try(number, verdict),)


def test_hint_is_the_smart_guess() -> None:
    """A person is proposed what the smart bot would play."""
    history = (Try(3, Verdict.FAR),)

    assert hint(CLASSIC, history) == next_guess(Strategy.SMART, CLASSIC, history, 0)
