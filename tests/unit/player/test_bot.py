"""The bot: from what it has seen to the next message."""

from __future__ import annotations

from dataclasses import replace

import pytest

from services.player.bot import MOST_GUESSES, Dialect, Plan, Rest, View, advice, bot_name, next_message
from services.protocol.messages import Game, Guess, Hello, Name, Verdict
from services.protocol.rules import CLASSIC, Rules
from services.protocol.state import State
from services.strategies.candidates import Try
from services.strategies.choice import Strategy

CLASSIC_PLAN = Plan(Strategy.SWEEP, Dialect.CLASSIC, 0)
SHORT_PLAN = Plan(Strategy.SWEEP, Dialect.SHORT, 0)
ALL_TRIED = tuple(Try(number, Verdict.FAR) for number in range(1, 31))


def view(state: State, *history: Try, range_told: bool = False, rules: Rules = CLASSIC) -> View:
    """Return what a bot has seen."""
    return View(state, rules, history, range_told)


def test_classic_handshake() -> None:
    """The bot says Hello, then Game, then guesses (clause C-1)."""
    assert next_message(view(State.CONNECTED), CLASSIC_PLAN) == Hello()
    assert next_message(view(State.GREETED), CLASSIC_PLAN) == Game()
    assert next_message(view(State.PLAYING), CLASSIC_PLAN) == Guess(1)


def test_short_handshake() -> None:
    """In the older dialect the first guess begins the game (clause P-7)."""
    assert next_message(view(State.CONNECTED), SHORT_PLAN) == Hello()
    assert next_message(view(State.GREETED), SHORT_PLAN) == Guess(1)
    assert next_message(view(State.PLAYING, Try(1, Verdict.FAR)), SHORT_PLAN) == Guess(2)


def test_a_name_is_given_before_the_game() -> None:
    """A bot that has a name gives it once, after Greetings (clause N-1)."""
    plan = replace(CLASSIC_PLAN, name="smart-1")

    assert next_message(view(State.GREETED), plan) == Name("smart-1")
    assert next_message(replace(view(State.GREETED), named=True), plan) == Game()


@pytest.mark.parametrize(
    ("dialect", "has_game", "guess"),
    [
        (Dialect.CLASSIC, True, "My Guess is: 7"),
        (Dialect.SHORT, False, "Guess: 7"),
        (Dialect.BARE, True, "7"),
        (Dialect.BARE_SHORT, False, "7"),
    ],
)
def test_dialects(dialect: Dialect, guess: str, *, has_game: bool) -> None:
    """Each dialect has its guess, with or without `Game` before the first."""
    assert (dialect.spell(7), dialect.has_game) == (guess, has_game)


def test_advice() -> None:
    """What is proposed is anything but what was tried."""
    assert advice(Dialect.BARE) == (
        "no verdict was understood: try --dialect classic, short, bare-short, or auto, which finds it out"
    )


@pytest.mark.parametrize(
    ("name", "players", "called"),
    [("", 3, None), ("anna", 1, "anna"), ("anna", 3, "anna-2"), ("strategy", 3, "smart-2")],
)
def test_what_bots_are_called(name: str, players: int, called: str | None) -> None:
    """Several bots are numbered; on demand each is called by its strategy."""
    assert bot_name(name, Strategy.SMART, 2, players) == called


@pytest.mark.parametrize("state", [State.GREETING, State.STARTING, State.JUDGING, State.CLOSED])
def test_waits_for_each_reply(state: State) -> None:
    """While a reply is awaited, and after the end, the bot sends nothing (clause C-1)."""
    assert next_message(view(state), CLASSIC_PLAN) is Rest.WAIT


def test_asks_for_the_range_when_no_number_is_left() -> None:
    """Only when no number of the range was it, one beyond makes the server tell its range (P-5, C-3)."""
    assert next_message(view(State.PLAYING, *ALL_TRIED[:-1]), CLASSIC_PLAN) == Guess(30)
    assert next_message(view(State.PLAYING, *ALL_TRIED), CLASSIC_PLAN) == Guess(60)


def test_gives_up_when_the_range_is_known_and_empty() -> None:
    """A server that has told its range and never says Correct is given up."""
    assert next_message(view(State.PLAYING, *ALL_TRIED, range_told=True), CLASSIC_PLAN) is Rest.GIVE_UP


def test_gives_up_an_endless_game() -> None:
    """No game goes on without end, however large the range."""
    rules = Rules(1, 10 * MOST_GUESSES)
    history = [Try(number, Verdict.FAR) for number in range(1, MOST_GUESSES + 1)]

    assert next_message(view(State.PLAYING, *history[:-1], rules=rules), CLASSIC_PLAN) == Guess(MOST_GUESSES)
    assert next_message(view(State.PLAYING, *history, rules=rules), CLASSIC_PLAN) is Rest.GIVE_UP
