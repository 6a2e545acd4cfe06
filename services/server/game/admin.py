"""An administrator's side: the list, and the watch (clauses A-1 to A-10)."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Self

from services.protocol import refusals
from services.protocol.codec import NO_NAMES, encode, encode_list, spell
from services.protocol.messages import AdminGreetings, AdminHello, End, Hello, Refused, Round, Watch, Who
from services.protocol.state import State, advance
from services.server.game.conversation import ConversationState, FindPlayers, LogRecord, Outcome, TakeSeat
from services.server.game.log_events import LogEvent

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from services.protocol.messages import Address, Request


@dataclass(frozen=True, slots=True)
class AdminState(ConversationState):
    """Where an administrator's conversation stands."""

    protocol_state: State = State.ADMIN_CONNECTED
    is_watching: bool = False
    """Whether this administrator holds the seat."""
    answers_pings: bool = False
    """Whether the watcher has answered a Ping once, and so must go on doing so (clause A-8)."""

    @property
    def is_engaged(self) -> bool:
        """Whether a watch is under way."""
        return self.is_watching

    def at(self, protocol_state: State) -> Self:
        """Return this state at another place of the protocol's table."""
        return replace(self, protocol_state=protocol_state)

    def answer(self, request: Request, line: bytes, owing: State) -> Outcome:  # noqa: ARG002  players need it
        """Answer a request that is allowed."""
        match request:
            case Hello() | AdminHello():
                return Outcome(
                    log=(
                        LogRecord(LogEvent.HANDSHAKE_ADVANCED, (spell(request), "Admin-Greetings")),
                        LogRecord(LogEvent.HANDSHAKE_COMPLETED, ("admin",)),
                    ),
                    reply=encode(AdminGreetings()),
                    next_state=self.after(owing, AdminGreetings()),
                )
            case Watch():
                return Outcome(next_state=self.at(owing), question=TakeSeat())
            case Who():
                question = FindPlayers(within_watch=self.is_watching)
                return Outcome(next_state=self.at(owing), question=question)
            case _:  # Pong is the only other request that is allowed
                return Outcome(next_state=replace(self, answers_pings=True))

    def listed(
        self, players: Sequence[Address] | None, names: Mapping[Address, str | None] = NO_NAMES
    ) -> Outcome:
        """Go on after `FindPlayers`; `names` are shown within a watch (clause N-3)."""
        if players is None:
            return self.refuse(refusals.LIST_UNREACHABLE)
        outcome = Outcome(
            log=(LogRecord(LogEvent.ADMIN_LISTED, (len(players),)),),
            reply=encode_list(players, names, within_watch=self.is_watching),
        )
        if self.is_watching:
            return outcome._replace(next_state=self.at(advance(self.protocol_state, End())))
        return outcome._replace(next_state=self.at(State.CLOSED), close_reason="listed")

    def seated(
        self,
        players: Sequence[Address],
        names: Mapping[Address, str | None] = NO_NAMES,
        round_number: int | None = None,
    ) -> Outcome:
        """Go on after `TakeSeat`: the seat was free, and the list comes first (clause A-3).

        Then comes the round in play, where rounds are shared (clause R-4).
        """
        listed = replace(self, is_watching=True).listed(players, names)
        return listed._replace(
            log=(LogRecord(LogEvent.ADMIN_SEATED, (len(players),)), *listed.log),
            reply=listed.reply + (b"" if round_number is None else encode(Round(round_number))),
        )

    def seat_refused(self, *, occupied: bool) -> Outcome:
        """Go on after `TakeSeat`: the seat was taken (clause A-7), or the lobby cannot be asked."""
        return self.refuse_admin(refusals.SEAT_TAKEN if occupied else refusals.LIST_UNREACHABLE)

    def refuse_admin(self, reason: str) -> Outcome:
        """Refuse an administrator for what it is, not for what it sent."""
        outcome = ConversationState.refuse(self, reason)
        return outcome._replace(log=(LogRecord(LogEvent.ADMIN_REFUSED, (reason,)),))

    def refuse(self, reason: str, line: bytes = b"") -> Outcome:
        """Send the negative answer; a watcher loses the seat."""
        if not self.is_watching:
            return ConversationState.refuse(self, reason, line)
        return self.leave(reason)._replace(reply=encode(Refused(reason)))

    def leave(self, reason: str) -> Outcome:
        """End without a reply; a watcher loses the seat."""
        if not self.is_watching:
            return ConversationState.leave(self, reason)
        return Outcome(
            log=(LogRecord(LogEvent.ADMIN_LEFT, (reason,)),),
            next_state=replace(self, is_watching=False, protocol_state=State.CLOSED),
            leaves_seat=True,
            close_reason=reason,
        )
