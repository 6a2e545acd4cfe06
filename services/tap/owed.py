"""What a server owes, pure: for each state the clause, the reply, and where it leads."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from services.protocol.messages import Refused, Verdict
from services.protocol.state import TRANSITIONS, State

if TYPE_CHECKING:
    from services.protocol.messages import Message

_END: Final = "the end of the connection"


@dataclass(frozen=True, slots=True)
class Owed:
    """What the server has to say or do next."""

    clause: str
    reply: str
    following: State
    """Where a conversation goes on in which it came in other words, or not at all."""
    is_end: bool = False
    """Whether it is the end of the connection."""

    def since(self, at_s: float) -> str:
        """Name it with the time from which it has been owed."""
        return f"{self.reply} since {at_s:.3f}"


OWED: Final[dict[State, Owed]] = {
    State.GREETING: Owed("P-1", "Greetings", State.GREETED),
    State.NAMING: Owed("N-1", "Welcome NAME", State.GREETED),
    State.STARTING: Owed("P-2", "Ready", State.PLAYING),
    State.JUDGING: Owed("P-4", "Far, Close, Correct or the prompt", State.PLAYING),
    State.ADMIN_GREETING: Owed("A-1", "Admin-Greetings", State.ADMIN_GREETED),
    State.LISTING_ONCE: Owed(
        "A-2", "a line `IP port` for each player, or one empty line", State.ADMIN_GREETED
    ),
    State.LISTING: Owed("A-3", "lines `IP port`, then End", State.WATCHING),
}
"""The reply that each state is about."""

LIST_END: Final = Owed("A-2", f"{_END} after the list", State.ADMIN_GREETED, is_end=True)


def refusal_of(state: State) -> Owed:
    """Return what a server owes to a line that is out of turn in a state (clauses P-6, A-10)."""
    return Owed(_refusing(state), "Refused: REASON", state)


def end_after(state: State, reply: Message) -> Owed:
    """Return what a server owes after the last reply of a conversation, said in a state."""
    refused = isinstance(reply, Refused)
    return Owed(
        _refusing(state) if refused else "P-8", f"{_END} after {_word(reply)}", State.CLOSED, is_end=True
    )


def prompt_of(low: int, high: int) -> Owed:
    """Return what a server owes to a line that is no guess in range (clause P-5)."""
    return Owed("P-5", f"Pick a number between {low}-{high}", State.PLAYING)


def _word(reply: Message) -> str:
    return reply.value if isinstance(reply, Verdict) else type(reply).__name__


def _refusing(state: State) -> str:
    return (
        "A-10"
        if state.startswith("admin") or state in {State.LISTING_ONCE, State.LISTING, State.WATCHING}
        else "P-6"
    )


def _landmarks() -> dict[type[Message] | Verdict, State]:
    """Return the messages that lead to one state from everywhere: they show where a conversation stands."""
    leads: dict[type[Message] | Verdict, set[State]] = {}
    for transitions in TRANSITIONS.values():
        for kind, state in transitions.items():
            leads.setdefault(kind, set()).add(state)
    return {kind: next(iter(states)) for kind, states in leads.items() if len(states) == 1}


LANDMARKS: Final = _landmarks()
