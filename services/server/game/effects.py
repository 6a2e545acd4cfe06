"""What the game wants done. It does nothing itself: the session performs these, in order."""

from typing import NamedTuple

from services.protocol.messages import Reply, WatchEvent
from services.server.game.facts import Fact, Value


class Send(NamedTuple):
    """Answer the peer."""

    reply: Reply


class SendList(NamedTuple):
    """Answer with the list of players, in one write (clause A-2)."""

    within_watch: bool
    """Ended by `End` (clauses A-3, A-5)."""


class TakeSeat(NamedTuple):
    """Take the administrator's seat, or be refused it (clause A-7)."""


class LeaveSeat(NamedTuple):
    """Leave the administrator's seat to the next one."""


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


Effect = Send | SendList | TakeSeat | LeaveSeat | Publish | Record | Close
