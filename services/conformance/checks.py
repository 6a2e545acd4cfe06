"""What a check is, and in what state of things it can be asked."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from enum import StrEnum, auto
from typing import Generic, TypeVar

from services.conformance.results import Level

Subject = TypeVar("Subject")


class Need(StrEnum):
    """What has to work before a check can find anything out."""

    NOTHING = auto()
    GREETING = auto()
    GAME = auto()
    GREETED_GAME = auto()
    """One player, who says Hello."""
    SEVERAL = auto()
    ADMIN = auto()
    PLAYER_AND_ADMIN = auto()
    """One player, and the administrator's port."""
    BOTH = auto()
    """Several players, and the administrator's port."""
    SEAT = auto()
    """The administrator's seat, whether it is free at once or not."""
    WATCH = auto()


@dataclass(frozen=True, slots=True)
class Check(Generic[Subject]):
    """One question. It passes by returning, and does not by raising MismatchError or NotApplicableError."""

    name: str
    clauses: tuple[str, ...]
    level: Level
    sentence: str
    run: Callable[[Subject], None]
    need: Need
    risk: int = 0
    """What may kill the judged program comes after what may not, where it is not started afresh for each
    check."""
    hint: str = ""
    """What to look for in one's own code if it fails."""


class Checklist(Generic[Subject]):
    """The checks of one level, in the order in which they are written down."""

    def __init__(self, level: Level) -> None:
        self._level = level
        self._checks: list[Check[Subject]] = []

    def __iter__(self) -> Iterator[Check[Subject]]:
        return iter(self._checks)

    def check(
        self, *clauses: str, need: Need = Need.NOTHING, risk: int = 0, hint: str = ""
    ) -> Callable[[Callable[[Subject], None]], Callable[[Subject], None]]:
        """Make a check of a function: its name is the check's, its docstring the sentence in the report."""

        def note(run: Callable[[Subject], None]) -> Callable[[Subject], None]:
            name = run.__name__.replace("_", "-")
            sentence = " ".join((run.__doc__ or "").split())
            self._checks.append(Check(name, clauses, self._level, sentence, run, need, risk, hint))
            return run

        return note
