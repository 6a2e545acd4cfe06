"""How long to wait before the next attempt, pure. Sleeping, and what to attempt, are the caller's."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(slots=True)
class Backoff:
    """Doubles the wait from attempt to attempt, with jitter, so that clients do not come back all at once."""

    first_s: float = 0.5
    most_s: float = 15.0
    attempts: int = 0
    """How many waits there have been since the last success."""

    def reset(self) -> None:
        """Start again after a success."""
        self.attempts = 0

    def next_s(self, chance: float) -> float:
        """Return the next wait, half of the full one to all of it, as `chance` (0 to 1) has it."""
        # The exponent is bounded, or a server that is away for a day makes it overflow.
        full_s = min(self.most_s, self.first_s * 2.0 ** min(self.attempts, 30))
        self.attempts += 1
        return full_s * (0.5 + chance / 2)
