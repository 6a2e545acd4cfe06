"""How a guess is judged (clauses P-4, P-5): what server, bots and judges of either agree on."""

from dataclasses import dataclass
from typing import Final

from services.protocol.messages import Prompt, Verdict


@dataclass(frozen=True, slots=True)
class Rules:
    """The range of the numbers, both ends included, and what counts as close."""

    low: int = 1
    high: int = 30
    close_distance: int = 2

    def __contains__(self, number: int) -> bool:
        """Tell whether a number may be guessed."""
        return self.low <= number <= self.high

    @property
    def prompt(self) -> Prompt:
        """The answer to whatever is no guess in range."""
        return Prompt(self.low, self.high)

    def judge(self, secret: int, number: int) -> Verdict:
        """Compare a guess in range with the secret."""
        distance = abs(number - secret)
        if distance == 0:
            return Verdict.CORRECT
        return Verdict.CLOSE if distance <= self.close_distance else Verdict.FAR


CLASSIC: Final = Rules()
"""The rules that every program of the family knows."""
