"""What happened, in words: the same on the page and in the terminal."""

from __future__ import annotations

from typing import TYPE_CHECKING, assert_never

from services.protocol.messages import Guessed, Joined, Left, Round, Won

if TYPE_CHECKING:
    from services.protocol.messages import WatchEvent


def describe(event: WatchEvent, name: str | None = None) -> str:
    """Say what happened; `name` is what the player calls itself."""
    if isinstance(event, Round):
        return f"round {event.number} begins"
    who = f"{name} ({event.address})" if name else str(event.address)
    match event:
        case Joined():
            return f"{who} plays"
        case Guessed(_, number, verdict):
            return f"{who} guesses {number}: {verdict}"
        case Won(_, guesses):
            return f"{who} wins with {guesses} {'guess' if guesses == 1 else 'guesses'}"
        case Left():
            return f"{who} leaves"
        case _:
            assert_never(event)
