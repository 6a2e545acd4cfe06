"""What happened, in words: the same on the page and in the terminal."""

from __future__ import annotations

from typing import TYPE_CHECKING, assert_never

from services.protocol.messages import Guessed, Joined, Left, Round, Won

if TYPE_CHECKING:
    from services.protocol.messages import WatchEvent


def describe(event: WatchEvent) -> str:
    """Say what happened."""
    match event:
        case Joined(address):
            return f"{address} plays"
        case Guessed(address, number, verdict):
            return f"{address} guesses {number}: {verdict}"
        case Won(address, guesses):
            return f"{address} wins with {guesses} {'guess' if guesses == 1 else 'guesses'}"
        case Left(address):
            return f"{address} leaves"
        case Round(number):
            return f"round {number} begins"
        case _:
            assert_never(event)
