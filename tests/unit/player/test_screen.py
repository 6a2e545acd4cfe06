"""What a person sees of a game."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from services.player import screen
from services.player.screen import Painter
from services.protocol.messages import TooLate, Verdict
from services.protocol.rules import CLASSIC, Rules
from services.strategies.candidates import Try

if TYPE_CHECKING:
    from services.strategies.candidates import History

PLAIN = Painter(coloured=False)
HISTORY: History = (Try(4, Verdict.FAR), Try(40, None), Try(12, Verdict.CLOSE), Try(13, Verdict.CORRECT))


def drawn(rules: Rules, columns: int, history: History = HISTORY) -> str:
    """Return the strip as one text."""
    return "\n".join(screen.strip(rules, history, columns, PLAIN))


def test_strip() -> None:
    """Marks stand under their numbers, and tell far, close and correct apart by letters."""
    assert drawn(CLASSIC, 80) == (
        "  1       5         10        15        20        25        30\n"
        "  . . . F . . . . . . . C * . . . . . . . . . . . . . . . . ."
    )


def test_narrow_strip() -> None:
    """Where there is little room the numbers move together, and then into rows."""
    assert drawn(CLASSIC, 40) == ("  1   5    10   15   20   25   30\n  ...F.......C*.................")
    assert drawn(CLASSIC, 25) == (
        "  1   5    10   15   20\n  ...F.......C*.......\n  21  25   30\n  .........."
    )
    assert drawn(Rules(0, 5), 0) == "  0\n  ....F\n  5\n  ."


def test_no_strip_is_too_long() -> None:
    """Beyond what can be taken in there is none."""
    assert drawn(Rules(1, screen.MOST_NUMBERS + 1), 80) == ""


def test_colours() -> None:
    """On a terminal far and close differ in colour too."""
    line = screen.strip(CLASSIC, HISTORY, 80, Painter(coloured=True))[1]

    assert "\x1b[33mF\x1b[0m" in line
    assert "\x1b[36;1mC\x1b[0m" in line


@pytest.mark.parametrize(
    ("attempt", "text"), [(1, "7 is far. 1 guess so far."), (2, "7 is far. 2 guesses so far.")]
)
def test_judgement(attempt: int, text: str) -> None:
    """A verdict comes with the number of guesses."""
    assert screen.judgement(7, Verdict.FAR, attempt, PLAIN) == text


def test_victory() -> None:
    """A winner is compared with perfect and with blind play under the rules in force."""
    assert screen.victory(17, 5, CLASSIC, PLAIN) == (
        "Correct! You have won: it is 17. 5 guesses; "
        "a perfect player needs 5.0 on average, one who guesses blindly 15.5."
    )
    assert screen.victory(7, 1, Rules(1, 10), PLAIN).endswith(
        "1 guess; a perfect player needs 2.9 on average, one who guesses blindly 5.5."
    )


def test_victory_where_perfection_is_unknown() -> None:
    """In a range too large for perfect play nothing is claimed."""
    assert screen.victory(17, 5, Rules(1, 1000), PLAIN).endswith("it is 17. 5 guesses.")


def test_greeting() -> None:
    """A person is told where the game is, the range and how to leave."""
    assert screen.greeting("localhost:4000", CLASSIC) == (
        "You play at localhost:4000. Guess the number, from 1 to 30; quit or Ctrl-D leaves the game."
    )


@pytest.mark.parametrize(
    ("reply", "found"),
    [
        (TooLate(), "somebody else has found it."),
        (TooLate(17), "somebody else has found it: it was 17."),
        (TooLate(17, "anna"), "anna has found it: it was 17."),
    ],
)
def test_too_late(reply: TooLate, found: str) -> None:
    """Whoever found it, and what, is told as far as the server does (clause N-4)."""
    assert screen.too_late(reply).startswith(f"Too late: {found} A new number is in play")


def test_greeting_in_company() -> None:
    """The greeting says who plays, and whether others look for the same number."""
    assert screen.greeting("here:1", CLASSIC, "anna", shared=True).startswith(
        "You play at here:1 as anna. Guess the number that all players here look for, from 1 to 30;"
    )


@pytest.mark.parametrize(
    ("attempts", "told"),
    [
        ([1], "1 game won, in 1 guess."),
        ([4, 7], "2 games won, in 4, 7 guesses: 5.5 on average, 4 at best."),
        ([1, *[3] * 10], f"11 games won, in ..., {'3, ' * 9}3 guesses: 2.8 on average, 1 at best."),
    ],
)
def test_results(attempts: list[int], told: str) -> None:
    """The results of a session: the last games, and what all come to."""
    assert screen.results(attempts) == told
