"""An administrator's conversation: the list, and the watch (clauses A-1 to A-10)."""

from collections.abc import Sequence
from typing import Final

from services.protocol.codec import spell
from services.protocol.messages import (
    Address,
    AdminGreetings,
    AdminHello,
    End,
    Hello,
    Refused,
    Request,
    Watch,
    Who,
)
from services.protocol.state import State, advance
from services.server.game.conversation import Conversation
from services.server.game.effects import Close, Effect, FindPlayers, LeaveSeat, Record, SendList, TakeSeat
from services.server.game.facts import Fact

SEAT_TAKEN: Final = "another administrator is watching"
UNAVAILABLE: Final = "the other servers cannot be asked now, try again"


class AdminConversation(Conversation):
    """One connection on the administrator port."""

    __slots__ = ("answers_pings", "watching")

    def __init__(self) -> None:
        super().__init__(State.ADMIN_CONNECTED)
        self.watching = False
        """Whether this is the administrator who holds the seat."""
        self.answers_pings = False
        """Whether the watcher has answered a Ping once, and so can be held to it (clause A-8)."""

    def answer(self, request: Request, line: bytes) -> list[Effect]:  # noqa: ARG002  players need it
        """Answer a request whose turn it is."""
        match request:
            case Hello() | AdminHello():
                return [
                    Record(Fact.HANDSHAKE_ADVANCED, (spell(request), "Admin-Greetings")),
                    Record(Fact.HANDSHAKE_COMPLETED, ("admin",)),
                    self.reply(AdminGreetings()),
                ]
            case Watch():
                return [TakeSeat()]
            case Who():
                return [FindPlayers(within_watch=self.watching)]
            case _:  # Pong is the only other request in turn
                self.answers_pings = True
                return []

    def listed(self, players: Sequence[Address] | None) -> list[Effect]:
        """Go on after `FindPlayers`."""
        if players is None:
            return self.refuse(UNAVAILABLE)
        effects: list[Effect] = [
            Record(Fact.ADMIN_LISTED, (len(players),)),
            SendList(players, within_watch=self.watching),
        ]
        if self.watching:
            self.state = advance(self.state, End())
            return effects
        return [*effects, *self.leave("listed")]

    def seated(self, players: Sequence[Address]) -> list[Effect]:
        """Go on after `TakeSeat`: the seat was free, and the list comes first (clause A-3)."""
        self.watching = True
        return [Record(Fact.ADMIN_SEATED, (len(players),)), *self.listed(players)]

    def seat_refused(self, *, occupied: bool) -> list[Effect]:
        """Go on after `TakeSeat`: the seat was taken (clause A-7), or cannot be had now."""
        return self.refuse_admin(SEAT_TAKEN if occupied else UNAVAILABLE)

    def refuse_admin(self, reason: str) -> list[Effect]:
        """Refuse an administrator for who he is, not for what he said."""
        return [Record(Fact.ADMIN_REFUSED, (reason,)), self.reply(Refused(reason)), Close(reason)]

    def refuse(self, reason: str, line: bytes | None = None) -> list[Effect]:
        """Give the negative answer; whoever held the seat does so no longer."""
        if not self.watching:
            return super().refuse(reason, line)
        return [self.reply(Refused(reason)), *self.leave(reason)]

    def leave(self, reason: str) -> list[Effect]:
        """End without a word; whoever held the seat does so no longer."""
        left: list[Effect] = [LeaveSeat(), Record(Fact.ADMIN_LEFT, (reason,))] if self.watching else []
        self.watching = False
        return [*left, *super().leave(reason)]
