"""The server's side of a conversation as values: a state, and what follows from a line in it. Pure.

An outcome depends on the line and the state alone. It names no session, no address and no number of guesses,
so it is the same for everybody who says the same in the same state, and can be remembered
(`services.server.responses`). Who it is for, the session fills in when it performs it.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final, NamedTuple

from services.protocol import refusals
from services.protocol.codec import encode, parse_request
from services.protocol.errors import OutOfTurnError
from services.protocol.hints import encode_refusal, out_of_turn
from services.protocol.messages import Guessed, Joined, Left, Refused, Won
from services.protocol.printable import printable_octets
from services.protocol.state import State, advance
from services.server.game.log_events import LogEvent

if TYPE_CHECKING:
    from typing import Self

    from services.protocol.messages import Address, Reply, Request, Verdict, WatchEvent
    from services.server.game.log_events import Value


class LogRecord(NamedTuple):
    """An event to be logged. The session adds its own fields, and the number of guesses."""

    event: LogEvent
    values: tuple[Value, ...] = ()
    """One for each of the event's fields, in their order."""


class PlayerEvent(NamedTuple):
    """Something that changes the list of players, or that the watcher is told (clause A-4)."""

    kind: type[Joined | Guessed | Won | Left]
    number: int = 0
    verdict: Verdict | None = None

    def of(self, player: Address, guesses: int, name: str | None = None) -> WatchEvent:
        """Return it as the event of one player, by the name that it gave, if it did."""
        if self.verdict:
            return Guessed(player, self.number, self.verdict)
        if self.kind is Won:
            return Won(player, guesses)
        return Joined(player, name) if self.kind is Joined else Left(player)


@dataclass(frozen=True, slots=True)
class FindPlayers:
    """Find out who is playing, and go on with `listed`."""

    within_watch: bool
    """As of the last event that the watcher was told (clause A-5)."""


@dataclass(frozen=True, slots=True)
class TakeSeat:
    """Take the administrator's seat (clause A-7), and go on with `seated` or `seat_refused`."""


@dataclass(frozen=True, slots=True)
class EnterRound:
    """Find out which shared round is in play (clause R-1), and go on with `entered`."""


@dataclass(frozen=True, slots=True)
class Judge:
    """Have a guess at the shared number judged (clause R-2), and go on with `judged`."""

    number: int


Question = FindPlayers | TakeSeat | EnterRound | Judge
"""What the conversation asks the lobby; the lines that follow wait for the answer."""


class Outcome(NamedTuple):
    """All that follows from a line, in the order in which it is done."""

    log: tuple[LogRecord, ...] = ()
    events: tuple[PlayerEvent, ...] = ()
    reply: bytes = b""
    """Whole lines, sent in one write."""
    is_guess: bool = False
    """Whether it counts as a guess: log and events give the number of guesses with this one."""
    next_state: ConversationState | None = None
    """None: the state stays."""
    name: str | None = None
    """The name that the player gave (clause N-1)."""
    draws_secret: bool = False
    """Whether a game begins, and the next state lacks its secret."""
    repeat: bytes = b""
    """A line to be handled once more, in the next state (clause P-7)."""
    question: Question | None = None
    leaves_seat: bool = False
    close_reason: str | None = None
    """Why the connection closes once everything is sent; nothing more is read."""
    is_usual: bool = False
    """Whether it is worth remembering: many come to the state, and few spellings lead from there to it."""


INPUT_SHOWN_OCTETS: Final = 64
"""How much of an offending line the log shows: enough to recognise it."""


def shown(line: bytes) -> str:
    """Return what the log shows of a peer's line: printable ASCII, cut."""
    return printable_octets(line[:INPUT_SHOWN_OCTETS])


class ConversationState(ABC):
    """Where a conversation stands: an immutable value. A line leads to an outcome, and that to the next."""

    __slots__ = ()

    protocol_state: State
    """Where it stands in the protocol's table, which alone says what is allowed."""

    @property
    @abstractmethod
    def is_engaged(self) -> bool:
        """Whether a game or a watch is under way."""

    @property
    def has_idle_timeout(self) -> bool:
        """Whether the time between lines is bounded (clause P-11), not the time since the connection."""
        return False

    @property
    def is_usual(self) -> bool:
        """Whether many conversations come to this state, so that what follows is worth remembering."""
        return False

    @property
    def is_passing(self) -> bool:
        """Whether nobody comes to this state any more once there is another like it: it is of one round."""
        return False

    def handle(self, line: bytes) -> Outcome:
        """Return what follows from a line, given without its terminator."""
        request = parse_request(line)
        try:
            owing = advance(self.protocol_state, request)
        except OutOfTurnError as error:
            state = self.protocol_state
            reason = out_of_turn(state, error.reason, line)
            return self.refuse(reason, line)._replace(reply=encode_refusal(state, reason, line))
        return self.answer(request, line, owing)

    @abstractmethod
    def answer(self, request: Request, line: bytes, owing: State) -> Outcome:
        """Answer a request that is allowed; `owing` is the protocol's state that owes the reply."""

    @abstractmethod
    def at(self, protocol_state: State) -> Self:
        """Return this state at another place of the protocol's table."""

    def after(self, owing: State, reply: Reply) -> Self:
        """Return the state after a reply."""
        return self.at(advance(owing, reply))

    def end_of_stream(self) -> Outcome:
        """Answer the peer's half-close after a whole line; after part of one it is refused (clause F-6)."""
        return self.leave("peer closed")._replace(is_usual=self.is_usual)

    def too_slow(self, timeout_s: float, unterminated: bytes) -> Outcome:
        """Refuse a peer that has sent something, but has not begun to play in time (clause P-10)."""
        reason = refusals.NOT_ENDED if unterminated else refusals.handshake_timeout(timeout_s)
        return self.refuse(reason, unterminated)

    def refuse(self, reason: str, line: bytes = b"") -> Outcome:
        """Send the negative answer, for the peer's fault or on the server's own account (clause P-6)."""
        return Outcome(
            log=(LogRecord(LogEvent.HANDSHAKE_REFUSED, (reason, shown(line))),),
            reply=encode(Refused(reason)),
            next_state=self.at(State.CLOSED),
            close_reason=reason,
        )

    def leave(self, reason: str) -> Outcome:
        """End without a reply: the peer is gone, or never sent anything."""
        return Outcome(next_state=self.at(State.CLOSED), close_reason=reason)
