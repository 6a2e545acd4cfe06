"""What a server owes in each state has its words."""

from __future__ import annotations

import pytest

from services.protocol.messages import Refused, Verdict
from services.protocol.state import TRANSITIONS, State
from services.tap.owed import LANDMARKS, OWED, end_after, refusal_of


def test_every_reply_that_is_owed_has_its_words() -> None:
    """For each state that owes a reply the tap can say which."""
    owing = {state for state in TRANSITIONS if state.endswith("ing")} - {State.PLAYING, State.WATCHING}
    assert owing | {State.LISTING_ONCE} == set(OWED)


@pytest.mark.parametrize("state", TRANSITIONS)
def test_a_refusal_is_asked_for_by_the_clause_of_its_port(state: State) -> None:
    """A player's line out of turn is refused by P-6, an administrator's by A-10."""
    is_admins = state in {
        *(State.ADMIN_CONNECTED, State.ADMIN_GREETING, State.ADMIN_GREETED),
        *(State.LISTING_ONCE, State.LISTING, State.WATCHING),
    }
    assert refusal_of(state).clause == ("A-10" if is_admins else "P-6")


def test_the_end_is_owed_after_the_last_reply() -> None:
    """After Correct it is P-8 that asks for the end, after a refusal the clause of the refusal."""
    assert end_after(State.JUDGING, Verdict.CORRECT).clause == "P-8"
    assert end_after(State.JUDGING, Refused("no")).clause == "P-6"
    assert end_after(State.WATCHING, Refused("no")).clause == "A-10"


def test_landmarks_lead_to_states_in_which_nothing_is_owed() -> None:
    """A reply that shows where a conversation stands has paid what was owed."""
    replies = {kind: state for kind, state in LANDMARKS.items() if state not in OWED}
    assert {State.GREETED, State.PLAYING, State.ADMIN_GREETED, State.WATCHING, State.CLOSED} == {
        *replies.values()
    }
