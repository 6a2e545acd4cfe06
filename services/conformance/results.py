"""What a run found out, as values; how it is shown is the business of report and export."""

from collections.abc import Iterable
from dataclasses import dataclass, field
from enum import StrEnum

from services.conformance.clauses import CLAUSES, clause_order


class Level(StrEnum):
    """How much is asked of a program; each level includes those before it."""

    CLASSIC = "classic"
    ROBUST = "robust"
    EXTENDED = "extended"

    @property
    def included(self) -> tuple["Level", ...]:
        """The levels that have to hold for this one to hold."""
        levels = tuple(Level)
        return levels[: levels.index(self) + 1]


class Outcome(StrEnum):
    """How a check ended."""

    PASSED = "pass"
    FAILED = "fail"
    NOT_APPLICABLE = "not applicable"
    NOT_REACHED = "not reached"
    """Nothing could be found out, because something else had failed before."""


@dataclass(frozen=True, slots=True)
class Finding:
    """Why a check did not pass, in words from which a beginner can mend the program."""

    expected: str = ""
    came: str = ""
    conversation: tuple[str, ...] = ()
    """The lines of the connection in question, escaped: `> sent` and `< came`, as seen from the kit."""
    note: str = ""
    printed: tuple[str, ...] = ()
    """The last lines that the judged program itself printed meanwhile, escaped."""


@dataclass(frozen=True, slots=True)
class Result:
    """The outcome of one check."""

    name: str
    clauses: tuple[str, ...]
    level: Level
    sentence: str
    outcome: Outcome
    finding: Finding = Finding()
    died: bool = False
    """Whether the judged program was gone, or answered no more, after the check."""
    seconds: float = 0.0


@dataclass(frozen=True, slots=True)
class Score:
    """How many of the applicable checks of a level passed."""

    passed: int
    asked: int

    def __str__(self) -> str:
        return f"{self.passed}/{self.asked}"


@dataclass(slots=True)
class Report:
    """All results of one run."""

    subject: str
    """What was judged, such as `server 127.0.0.1`."""
    level: Level
    """The level that decides."""
    seed: int
    dialects: list[str] = field(default_factory=list)
    results: list[Result] = field(default_factory=list)
    seconds: float = 0.0

    @property
    def holds(self) -> bool:
        """Whether the chosen level, and those it includes, hold."""
        return not any(is_bad(result.outcome) for result in self.results)

    def score(self, level: Level) -> Score:
        """Count a level by itself."""
        outcomes = [result.outcome for result in self.results if result.level is level]
        asked = [outcome for outcome in outcomes if outcome is not Outcome.NOT_APPLICABLE]
        return Score(sum(outcome is Outcome.PASSED for outcome in asked), len(asked))

    def clauses(self) -> dict[str, Outcome]:
        """Sum up each clause that was asked about: it fails with the first check of it that does."""
        cited = {clause for result in self.results for clause in result.clauses}
        return {
            clause: _together(result.outcome for result in self.results if clause in result.clauses)
            for clause in sorted(cited, key=clause_order)
            if clause in CLAUSES
        }


def is_bad(outcome: Outcome) -> bool:
    """Tell whether a level does not hold because of this outcome."""
    return outcome in {Outcome.FAILED, Outcome.NOT_REACHED}


def _together(outcomes: Iterable[Outcome]) -> Outcome:
    present = set(outcomes)
    for outcome in (Outcome.FAILED, Outcome.NOT_REACHED, Outcome.PASSED):
        if outcome in present:
            return outcome
    return Outcome.NOT_APPLICABLE
