"""Every message of the protocol as a value; their spelling on the wire is the codec's."""

from dataclasses import dataclass
from enum import StrEnum
from typing import Final, NamedTuple

NAME_PATTERN: Final = "[A-Za-z0-9_-]{1,20}"
"""What a player's name may be (clause N-2), as a regular expression."""


HIGHEST_PORT: Final = 65535


class Address(NamedTuple):
    """A player's socket as the server sees it (clause A-6)."""

    host: str
    port: int

    def __str__(self) -> str:
        """Spell it as on the wire: one blank between the two."""
        return f"{self.host} {self.port}"


# --- what a client says


@dataclass(frozen=True, slots=True)
class Hello:
    """The first step of either handshake (clauses P-1, A-1)."""


@dataclass(frozen=True, slots=True)
class AdminHello:
    """The administrator's own spelling of Hello (clause A-1)."""


@dataclass(frozen=True, slots=True)
class Game:
    """Ask for a game (clause P-2)."""


@dataclass(frozen=True, slots=True)
class Name:
    """Give a name to be shown under (clause N-1)."""

    name: str | None
    """None where what followed may not be a name."""


@dataclass(frozen=True, slots=True)
class Guess:
    """A guess in any of its spellings (clause P-3)."""

    number: int | None
    """What was guessed, in range or not; None where no decimal digits followed."""


@dataclass(frozen=True, slots=True)
class Who:
    """Ask for the list of players (clause A-2)."""


@dataclass(frozen=True, slots=True)
class Watch:
    """Ask for the administrator's seat (clause A-3)."""


@dataclass(frozen=True, slots=True)
class Pong:
    """The watcher's answer to Ping (clause A-8)."""


@dataclass(frozen=True, slots=True)
class Unknown:
    """A line that is no message of this protocol, from either side."""

    text: str
    """The line as ASCII; other octets are spelled as \\xNN."""


# --- what the server says


@dataclass(frozen=True, slots=True)
class Greetings:
    """The answer to a player's Hello (clause P-1)."""


@dataclass(frozen=True, slots=True)
class Welcome:
    """The name is taken note of (clause N-1)."""

    name: str


@dataclass(frozen=True, slots=True)
class AdminGreetings:
    """The answer to the administrator's Hello (clause A-1)."""


@dataclass(frozen=True, slots=True)
class Ready:
    """The game has begun (clause P-2)."""


class Verdict(StrEnum):
    """The judgement of a guess, a message by itself (clause P-4)."""

    FAR = "Far"
    CLOSE = "Close"
    CORRECT = "Correct"


@dataclass(frozen=True, slots=True)
class Prompt:
    """The answer to whatever is no guess in range (clause P-5)."""

    low: int
    high: int


@dataclass(frozen=True, slots=True)
class TooLate:
    """The shared round is over; a new number is in play (clauses R-3, N-4)."""

    number: int | None = None
    """The number that was found last, where the server tells."""
    name: str | None = None
    """The name of the player who found it, where the server tells and there is one."""


@dataclass(frozen=True, slots=True)
class Refused:
    """The negative answer; the server closes after it (clause P-6)."""

    reason: str


@dataclass(frozen=True, slots=True)
class Listed:
    """One player of a list (clause A-2)."""

    address: Address
    name: str | None = None
    """Within a watch alone (clause N-3)."""


@dataclass(frozen=True, slots=True)
class NobodyListed:
    """The empty line that stands for an empty list (clause A-2)."""


@dataclass(frozen=True, slots=True)
class End:
    """The end of a list within a watch (clause A-3)."""


@dataclass(frozen=True, slots=True)
class Joined:
    """A player has begun to play (clause A-4)."""

    address: Address
    name: str | None = None


@dataclass(frozen=True, slots=True)
class Guessed:
    """A guess was judged (clause A-4)."""

    address: Address
    number: int
    verdict: Verdict


@dataclass(frozen=True, slots=True)
class Won:
    """A player has won and plays no longer (clause A-4)."""

    address: Address
    guesses: int
    """How many guesses it took, the winning one included."""


@dataclass(frozen=True, slots=True)
class Left:
    """A player plays no longer and has not won (clause A-4)."""

    address: Address


@dataclass(frozen=True, slots=True)
class Round:
    """A new shared round has begun (clause R-4)."""

    number: int
    """Counted from 1."""


@dataclass(frozen=True, slots=True)
class Ping:
    """A sign of life for the watcher, who answers Pong (clause A-8)."""

    uptime_s: int | None = None
    """For how long the server has been up."""


@dataclass(frozen=True, slots=True)
class Missed:
    """Guesses that the watcher was not told of, because there were too many (clause A-4)."""

    count: int


Request = Hello | AdminHello | Name | Game | Guess | Who | Watch | Pong | Unknown
PlayerReply = Greetings | Welcome | Ready | Verdict | TooLate | Prompt | Refused | Unknown
WatchEvent = Joined | Guessed | Won | Left | Round
AdminReply = AdminGreetings | Listed | NobodyListed | End | WatchEvent | Ping | Missed | Refused | Unknown
Reply = PlayerReply | AdminReply
Message = Request | Reply
