"""What a run found out, as values; how it is shown is the business of report and export."""

from collections.abc import Iterable
from dataclasses import dataclass, field
from enum import StrEnum

from services.conformance.clauses import CLAUSES, clause_order
from services.conformance.timeline import EMPTY, Timeline


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
    NOT_JUDGED = "not judged"
    """Nothing could be found out, because something else had failed before. It earns nothing, and blames
    nobody."""


@dataclass(frozen=True, slots=True)
class Finding:
    """Why a check did not pass, in words from which a beginner can mend the program."""

    expected: str = ""
    came: str = ""
    note: str = ""
    """A hint at what to look for in one's own code, or the reason why nothing was judged."""
    printed: tuple[str, ...] = ()
    """The last lines that the judged program itself printed during this check, escaped."""
    afterwards: tuple[str, ...] = ()
    """... and those that it printed when the kit had closed its connections: no cause of the fault."""


@dataclass(frozen=True, slots=True)
class Result:
    """The outcome of one check."""

    name: str
    clauses: tuple[str, ...]
    level: Level
    sentence: str
    outcome: Outcome
    finding: Finding = Finding()
    died: str = ""
    """How the judged program ended during the check, if it did: `exit status 1`, `killed by signal 11
    (SIGSEGV)`."""
    seconds: float = 0.0
    timeline: Timeline = EMPTY
    """What happened on all connections of the check, for every outcome."""


@dataclass(frozen=True, slots=True)
class Score:
    """How many of the applicable checks passed. What was not judged counts as not passed."""

    passed: int
    applicable: int

    @property
    def points(self) -> int:
        """Of 100, one denominator for everybody. Only a pass of everything is 100."""
        return 100 * self.passed // self.applicable if self.applicable else 0

    def __str__(self) -> str:
        return f"{self.points} of 100 points ({self.passed} of {self.applicable} checks)"


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
    chosen: bool = False
    """Whether single checks were asked for, by which no level is judged."""

    @property
    def holds(self) -> bool:
        """Whether the chosen level, and those it includes, hold."""
        return not any(is_bad(result.outcome) for result in self.results)

    @property
    def verdict(self) -> str:
        """Say what the results amount to."""
        if self.chosen:
            score = self.score()
            passed = f"{score.passed} of {score.applicable} chosen checks passed"
            return f"{passed}; no level is judged by them"
        if self.holds:
            return f"level {self.level} holds"
        bad = {result.level for result in self.results if is_bad(result.outcome)}
        held = [level for level in self.level.included if not bad & set(level.included)]
        return f"level {self.level} does not hold" + (f"; {held[-1]} does" if held else "")

    @property
    def levels(self) -> tuple[Level, ...]:
        """The levels of which something was asked."""
        asked = {result.level for result in self.results}
        return tuple(level for level in Level if level in asked)

    def score(self, level: Level | None = None) -> Score:
        """Count a level by itself, or all that were asked."""
        outcomes = [result.outcome for result in self.results if level in {None, result.level}]
        applicable = [outcome for outcome in outcomes if outcome is not Outcome.NOT_APPLICABLE]
        return Score(sum(outcome is Outcome.PASSED for outcome in applicable), len(applicable))

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
    return outcome in {Outcome.FAILED, Outcome.NOT_JUDGED}


def _together(outcomes: Iterable[Outcome]) -> Outcome:
    present = set(outcomes)
    for outcome in (Outcome.FAILED, Outcome.NOT_JUDGED, Outcome.PASSED):
        if outcome in present:
            return outcome
    return Outcome.NOT_APPLICABLE
