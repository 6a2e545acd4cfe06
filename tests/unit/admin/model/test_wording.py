"""What happened, in words."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from services.admin.model.wording import describe
from services.protocol.messages import Address, Guessed, Joined, Left, Round, Verdict, Won

if TYPE_CHECKING:
    from services.protocol.messages import WatchEvent

ANN = Address("10.0.0.1", 5001)


@pytest.mark.parametrize(
    ("event", "words"),
    [
        (Joined(ANN), "10.0.0.1 5001 plays"),
        (Guessed(ANN, 7, Verdict.FAR), "10.0.0.1 5001 guesses 7: Far"),
        (Won(ANN, 1), "10.0.0.1 5001 wins with 1 guess"),
        (Won(ANN, 2), "10.0.0.1 5001 wins with 2 guesses"),
        (Left(ANN), "10.0.0.1 5001 leaves"),
        (Round(3), "round 3 begins"),
    ],
)
def test_every_event_has_its_words(event: WatchEvent, words: str) -> None:
    """Each event of a watch is told in a short sentence (A-4, R-4)."""
    assert describe(event) == words


def test_a_name_comes_before_the_address() -> None:
    """A player who has a name is called by it, and known by the address."""
    assert describe(Won(ANN, 2), "ann") == "ann (10.0.0.1 5001) wins with 2 guesses"
