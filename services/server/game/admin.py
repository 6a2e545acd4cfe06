"""An administrator's conversation: the list, and the watch (clauses A-1 to A-10)."""

from typing import Final

from services.protocol.codec import spell
from services.protocol.messages import AdminGreetings, AdminHello, End, Hello, Refused, Request, Watch, Who
from services.protocol.state import State, advance
from services.server.game.conversation import Conversation
from services.server.game.effects import Close, Effect, LeaveSeat, Record, SendList, TakeSeat
from services.server.game.facts import Fact

SEAT_TAKEN: Final = "another administrator is watching"


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
            case Who() if self.watching:
                return self.list_within_watch()
            case Who():
                return [SendList(within_watch=False), *self.leave("listed")]
            case _:  # Pong is the only other request in turn
                self.answers_pings = True
                return []

    def seated(self) -> list[Effect]:
        """Go on after `TakeSeat`: the seat was free."""
        self.watching = True
        return self.list_within_watch()

    def list_within_watch(self) -> list[Effect]:
        """Answer the list, ended by `End` (clauses A-3, A-5)."""
        self.state = advance(self.state, End())
        return [SendList(within_watch=True)]

    def seat_refused(self) -> list[Effect]:
        """Go on after `TakeSeat`: the seat was taken (clause A-7)."""
        return self.refuse_admin(SEAT_TAKEN)

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
