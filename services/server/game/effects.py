"""What the game wants done. It does nothing itself: the session performs these, in order."""

from collections.abc import Sequence
from typing import NamedTuple

from services.lobby.interface import RoundGuess
from services.protocol.messages import Address, Reply, WatchEvent
from services.server.game.facts import Fact, Value


class Send(NamedTuple):
    """Answer the peer."""

    reply: Reply


class FindPlayers(NamedTuple):
    """Find out who is playing, and go on with `listed`."""

    within_watch: bool
    """As of the last event that the watcher was told (clause A-5)."""


class SendList(NamedTuple):
    """Answer with the list of players, in one write (clause A-2)."""

    players: Sequence[Address]
    within_watch: bool
    """Ended by `End` (clauses A-3, A-5)."""


class TakeSeat(NamedTuple):
    """Take the administrator's seat (clause A-7), and go on with `seated` or `seat_refused`."""


class LeaveSeat(NamedTuple):
    """Leave the administrator's seat to the next one."""


class EnterRound(NamedTuple):
    """Find out which shared round is in play (clause R-1), and go on with `entered`."""


class Judge(NamedTuple):
    """Have a guess at the shared number judged (clause R-2), and go on with `judged`."""

    guess: RoundGuess


class Publish(NamedTuple):
    """Let something happen: the list of players follows, and the watcher hears of it (clause A-4)."""

    event: WatchEvent


class Record(NamedTuple):
    """Log a fact of this session."""

    fact: Fact
    values: tuple[Value, ...]
    """One for each of the fact's fields, in their order."""


class Close(NamedTuple):
    """Close the connection once everything is sent; nothing more is read."""

    reason: str


Question = FindPlayers | TakeSeat | EnterRound | Judge
"""What the conversation waits for the answer to; the lines that follow wait with it."""

Effect = Send | SendList | Question | LeaveSeat | Publish | Record | Close
