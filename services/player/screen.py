"""What a person sees of a game, as text: greeting, verdicts, the strip of the range, victory."""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum
from typing import TYPE_CHECKING, Final

from services.protocol.messages import Verdict
from services.strategies.candidates import numbers_in
from services.strategies.choice import Strategy, expected_guesses
from services.strategies.perfect import is_perfect

if TYPE_CHECKING:
    from collections.abc import Sequence

    from services.protocol.messages import TooLate
    from services.protocol.rules import Rules
    from services.strategies.candidates import History

MOST_NUMBERS: Final = 200
"""A longer strip is no help."""

_MARGIN: Final = 2
_LABEL_EVERY: Final = 5
_MARKS: Final = {Verdict.FAR: "F", Verdict.CLOSE: "C", Verdict.CORRECT: "*"}
"""Letters, so that the marks can be told apart without colours."""


SHOWN_GAMES: Final = 10
"""So many of the last games are listed; mean and best are of all."""


class Colour(Enum):
    """What a text means, as the terminal's escape sequence for it."""

    FAR = "\x1b[33m"
    CLOSE = "\x1b[36;1m"
    CORRECT = "\x1b[32;1m"
    FAINT = "\x1b[2m"


_RESET: Final = "\x1b[0m"
_COLOURS: Final = {
    Verdict.FAR: Colour.FAR,
    Verdict.CLOSE: Colour.CLOSE,
    Verdict.CORRECT: Colour.CORRECT,
}


@dataclass(frozen=True, slots=True)
class Painter:
    """Colours text, or leaves it as it is."""

    coloured: bool

    def paint(self, text: str, colour: Colour) -> str:
        """Return the text in a colour."""
        return f"{colour.value}{text}{_RESET}" if self.coloured else text

    def verdict(self, text: str, verdict: Verdict) -> str:
        """Return the text in the colour of a verdict."""
        return self.paint(text, _COLOURS[verdict])


def greeting(target: str, rules: Rules, name: str | None = None, *, shared: bool = False) -> str:
    """Return the first words to a person; `shared`: the server is known for shared rounds."""
    who = f" as {name}" if name else ""
    number = "the number that all players here look for" if shared else "the number"
    return (
        f"You play at {target}{who}. Guess {number}, from {rules.low} to {rules.high}; "
        "quit or Ctrl-D leaves the game."
    )


def too_late(reply: TooLate) -> str:
    """Return what a player is told whose guess came after the winner's (clauses R-3, N-4)."""
    found = "" if reply.number is None else f": it was {reply.number}"
    return (
        f"Too late: {reply.name or 'somebody else'} has found it{found}. "
        "A new number is in play, and the count begins again."
    )


def results(attempts: Sequence[int]) -> str:
    """Return what a person has won in a session, by the guesses of each game."""
    if len(attempts) == 1:
        return f"1 game won, in {guesses(attempts[0])}."
    before = "..., " if len(attempts) > SHOWN_GAMES else ""
    listed = ", ".join(str(number) for number in attempts[-SHOWN_GAMES:])
    mean = sum(attempts) / len(attempts)
    best = min(attempts)
    return f"{len(attempts)} games won, in {before}{listed} guesses: {mean:.1f} on average, {best} at best."


def guesses(number: int) -> str:
    """Return a number of guesses in words that fit it."""
    return "1 guess" if number == 1 else f"{number} guesses"


def judgement(number: int, verdict: Verdict, attempt: int, painter: Painter) -> str:
    """Return what a person is told about a guess that has not won."""
    return f"{number} is {painter.verdict(verdict.value.lower(), verdict)}. {guesses(attempt)} so far."


def victory(number: int, attempts: int, rules: Rules, painter: Painter) -> str:
    """Return what a winner is told, beside what the strategies need under these rules."""
    won = f"{painter.verdict('Correct!', Verdict.CORRECT)} You have won: it is {number}. {guesses(attempts)}"
    if not is_perfect(rules):
        return f"{won}."
    perfect, blind = (
        f"{float(expected_guesses(strategy, rules)):.1f}" for strategy in (Strategy.SMART, Strategy.SWEEP)
    )
    return f"{won}; a perfect player needs {perfect} on average, one who guesses blindly {blind}."


def strip(rules: Rules, history: History, columns: int, painter: Painter) -> list[str]:
    """Return the numbers of the range as rows of marks under a scale; nothing if they are too many."""
    if numbers_in(rules) > MOST_NUMBERS:
        return []
    marks = {number: verdict for number, verdict in history if verdict is not None}
    cell, per_row = _layout(numbers_in(rules), columns)
    lines: list[str] = []
    for first in range(rules.low, rules.high + 1, per_row):
        row = range(first, min(first + per_row, rules.high + 1))
        cells = "".join(
            painter.verdict(_MARKS[marks[number]], marks[number]) + " " * (cell - 1)
            if number in marks
            else "." + " " * (cell - 1)
            for number in row
        )
        lines += [
            " " * _MARGIN + painter.paint(_scale(row, cell), Colour.FAINT),
            " " * _MARGIN + cells.rstrip(),
        ]
    return lines


def _layout(numbers: int, columns: int) -> tuple[int, int]:
    """Return how wide a number is drawn, and how many go into a row."""
    room = max(columns - _MARGIN - 1, _LABEL_EVERY)
    if numbers * 2 <= room:
        return 2, numbers
    if numbers <= room:
        return 1, numbers
    return 1, room // 10 * 10 or _LABEL_EVERY


def _scale(row: range, cell: int) -> str:
    """Return the labels, each over its number: the first, and then each that ends in 0 or 5 and has room."""
    scale = str(row[0])
    for index, number in enumerate(row):
        if number % _LABEL_EVERY == 0 and index * cell > len(scale):
            scale = scale.ljust(index * cell) + str(number)
    return scale
