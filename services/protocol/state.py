"""Who may say what when: one table for both ports and both sides (clauses S-1, S-2).

The table is blind to role. Its messages are those that were said, by whichever side;
a state whose name ends in -ING owes a reply (but PLAYING and WATCHING, where the client
may take its time). A server that receives and answers, a client that sends and listens
and a test that looks on all walk the same path through it.

What is not in the table is out of turn. There are no other rules about state anywhere.
"""

from enum import StrEnum, auto
from typing import Final

from services.protocol import refusals
from services.protocol.errors import OutOfTurnError
from services.protocol.messages import (
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


class State(StrEnum):
    """Where a conversation stands."""

    # the player port
    CONNECTED = auto()
    GREETING = auto()
    GREETED = auto()
    NAMING = auto()
    STARTING = auto()
    PLAYING = auto()
    JUDGING = auto()
    # the administrator port
    ADMIN_CONNECTED = auto()
    ADMIN_GREETING = auto()
    ADMIN_GREETED = auto()
    LISTING_ONCE = auto()
    LISTING = auto()
    WATCHING = auto()
    # both
    CLOSED = auto()


Kind = type[Message] | Verdict
"""What the table tells messages apart by: their class, and a verdict by itself."""

_EVENTS: Final[tuple[Kind, ...]] = (Joined, Guessed, Won, Left, Round, Ping, Missed)

TRANSITIONS: Final[dict[State, dict[Kind, State]]] = {
    State.CONNECTED: {
        Hello: State.GREETING,
        Refused: State.CLOSED,  # too many connections: said before anything is asked
    },
    State.GREETING: {
        Greetings: State.GREETED,
        Refused: State.CLOSED,
    },
    State.GREETED: {
        Name: State.NAMING,
        Game: State.STARTING,
        Guess: State.JUDGING,  # the older dialect: the first guess begins the game
        Refused: State.CLOSED,
    },
    State.NAMING: {
        Welcome: State.GREETED,
        Refused: State.CLOSED,
    },
    State.STARTING: {
        Ready: State.PLAYING,
        Refused: State.CLOSED,
    },
    State.PLAYING: {
        # While playing nothing is out of turn: what is no guess is judged to be none.
        **dict.fromkeys((Guess, Hello, AdminHello, Name, Game, Who, Watch, Pong, Unknown), State.JUDGING),
        Refused: State.CLOSED,  # the server stops, or the player was idle for too long
    },
    State.JUDGING: {
        Verdict.FAR: State.PLAYING,
        Verdict.CLOSE: State.PLAYING,
        Verdict.CORRECT: State.CLOSED,
        Prompt: State.PLAYING,
        TooLate: State.PLAYING,
        Refused: State.CLOSED,
    },
    State.ADMIN_CONNECTED: {
        Hello: State.ADMIN_GREETING,
        AdminHello: State.ADMIN_GREETING,
        Refused: State.CLOSED,
    },
    State.ADMIN_GREETING: {
        AdminGreetings: State.ADMIN_GREETED,
        Refused: State.CLOSED,
    },
    State.ADMIN_GREETED: {
        Who: State.LISTING_ONCE,
        Watch: State.LISTING,
        Refused: State.CLOSED,
    },
    State.LISTING_ONCE: {
        # The end of the list is the end of the stream.
        Listed: State.LISTING_ONCE,
        NobodyListed: State.LISTING_ONCE,
        Refused: State.CLOSED,
    },
    State.LISTING: {
        # Events that were under way when the list was asked for arrive before it.
        **dict.fromkeys(_EVENTS, State.LISTING),
        Listed: State.LISTING,
        NobodyListed: State.LISTING,
        End: State.WATCHING,
        Pong: State.LISTING,
        Refused: State.CLOSED,
    },
    State.WATCHING: {
        **dict.fromkeys(_EVENTS, State.WATCHING),
        Who: State.LISTING,
        Pong: State.WATCHING,
        Refused: State.CLOSED,
    },
    State.CLOSED: {},
}

_EXPECTED: Final[dict[State, str]] = {
    State.CONNECTED: refusals.HELLO_FIRST,
    State.GREETED: refusals.GAME_FIRST,
    State.ADMIN_CONNECTED: refusals.HELLO_FIRST,
    State.ADMIN_GREETED: refusals.WHO_OR_WATCH,
    State.WATCHING: refusals.WHO_OR_NOTHING,
}


def advance(state: State, message: Message) -> State:
    """Return the state after `message`, said by either side.

    Raises:
        OutOfTurnError: the table does not allow it; the reason says what it allows (clause S-2).
    """
    following = TRANSITIONS[state].get(message if isinstance(message, Verdict) else type(message))
    if following is None:
        raise OutOfTurnError(_EXPECTED.get(state, refusals.WAIT))
    return following
