"""The one table: what is in it happens, what is not is refused."""

from __future__ import annotations

from typing import get_args

import pytest

from services.protocol.errors import OutOfTurnError
from services.protocol.messages import (
    Address,
    AdminGreetings,
    AdminHello,
    End,
    Game,
    Greetings,
    Guess,
    Guessed,
    Hello,
    Joined,
    Left,
    Listed,
    Message,
    Missed,
    Name,
    NobodyListed,
    Ping,
    Pong,
    Prompt,
    Ready,
    Refused,
    Round,
    TooLate,
    Unknown,
    Verdict,
    Watch,
    Welcome,
    Who,
    Won,
)
from services.protocol.state import TRANSITIONS, State, advance

SOMEBODY = Address("192.0.2.7", 50123)
EVERY_MESSAGE: tuple[Message, ...] = (
    *(
        Hello(),
        AdminHello(),
        Name("ann"),
        Welcome("ann"),
        Game(),
        Guess(5),
        Who(),
        Watch(),
        Pong(),
        Unknown("x"),
    ),
    *(Greetings(), AdminGreetings(), Ready(), *Verdict, Prompt(1, 30), Refused("no"), Listed(SOMEBODY)),
    *(NobodyListed(), End(), Joined(SOMEBODY), Guessed(SOMEBODY, 5, Verdict.FAR), Won(SOMEBODY, 1)),
    *(Left(SOMEBODY), Ping(), TooLate(), Round(2), Missed(3)),
)
EXPECTED = {
    State.CONNECTED: "say Hello first",
    State.GREETED: "say Game first",
    State.ADMIN_CONNECTED: "say Hello first",
    State.ADMIN_GREETED: "say Who or Watch",
    State.WATCHING: "say Who or nothing",
}


def walk(state: State, *messages: Message) -> State:
    """Return the state after all messages, by whichever side."""
    for message in messages:
        state = advance(state, message)
    return state


def test_every_message_is_tried() -> None:
    """The tests below try every message of the protocol (S-1)."""
    assert {type(message) for message in EVERY_MESSAGE} == set(get_args(Message))


@pytest.mark.parametrize("state", State)
def test_every_message_in_every_state_is_in_the_table_or_refused(state: State) -> None:
    """A message leads where the table says, or is out of turn, with a reason to tell (S-1, S-2)."""
    for message in EVERY_MESSAGE:
        kind = message if isinstance(message, Verdict) else type(message)
        if kind in TRANSITIONS[state]:
            assert advance(state, message) is TRANSITIONS[state][kind]
        else:
            with pytest.raises(OutOfTurnError) as caught:
                advance(state, message)
            assert caught.value.reason == EXPECTED.get(state, "wait for the reply")


def test_every_state_has_its_row_and_can_be_refused() -> None:
    """The table knows every state, and a refusal may end each but the last (S-1, P-6)."""
    assert set(TRANSITIONS) == set(State)
    assert all(
        row.get(Refused) is State.CLOSED for state, row in TRANSITIONS.items() if state is not State.CLOSED
    )
    assert TRANSITIONS[State.CLOSED] == {}


def test_the_classic_game() -> None:
    """Hello, Game and guesses up to the right one lead from the first state to the last (P-1, P-2, P-8)."""
    state = walk(State.CONNECTED, Hello(), Greetings(), Game(), Ready())
    assert state is State.PLAYING

    state = walk(state, Guess(1), Verdict.FAR, Unknown("x"), Prompt(1, 30), Guess(2), Verdict.CLOSE)
    assert state is State.PLAYING

    assert walk(state, Guess(3), Verdict.CORRECT) is State.CLOSED


def test_the_older_dialect() -> None:
    """A guess after Greetings takes the place of Game (P-7)."""
    assert walk(State.CONNECTED, Hello(), Greetings(), Guess(1), Verdict.FAR) is State.PLAYING
    assert walk(State.CONNECTED, Hello(), Greetings(), Guess(None), Prompt(1, 30)) is State.PLAYING


def test_a_name_leads_back_to_where_it_was_given() -> None:
    """Names may be given between Greetings and the game, and only there (N-1)."""
    state = walk(
        State.CONNECTED, Hello(), Greetings(), Name("ann"), Welcome("ann"), Name("ben"), Welcome("ben")
    )
    assert state is State.GREETED

    assert walk(state, Guess(1), Verdict.FAR, Name("eve"), Prompt(1, 30)) is State.PLAYING
    with pytest.raises(OutOfTurnError):
        advance(State.CONNECTED, Name("ann"))


@pytest.mark.parametrize("hello", [Hello(), AdminHello()])
def test_the_one_shot_list(hello: Hello | AdminHello) -> None:
    """Either hello, then Who: a list follows, and nothing but it (A-1, A-2)."""
    state = walk(State.ADMIN_CONNECTED, hello, AdminGreetings(), Who(), Listed(SOMEBODY), Listed(SOMEBODY))

    assert state is State.LISTING_ONCE
    with pytest.raises(OutOfTurnError):
        advance(state, Who())


def test_the_watch() -> None:
    """Watch gives a list, End and then events; Who within it gives the list again (A-3, A-4, A-5, A-8)."""
    state = walk(State.ADMIN_CONNECTED, AdminHello(), AdminGreetings(), Watch(), Listed(SOMEBODY), End())
    assert state is State.WATCHING

    state = walk(state, Guessed(SOMEBODY, 5, Verdict.CORRECT), Won(SOMEBODY, 1), Ping(), Pong(), Who())
    assert state is State.LISTING

    assert walk(state, Joined(SOMEBODY), Listed(SOMEBODY), End(), Left(SOMEBODY)) is State.WATCHING
