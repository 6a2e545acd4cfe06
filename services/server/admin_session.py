"""An administrator's connection: who he is, the list, the seat and its pings."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from services.lobby.interface import Seating
from services.protocol.codec import encode
from services.protocol.messages import Ping
from services.server.game.admin import AdminConversation
from services.server.game.effects import (
    EnterRound,
    FindPlayers,
    Judge,
    TakeSeat,
)
from services.server.session import Session

if TYPE_CHECKING:
    import socket
    import ssl

    from services.protocol.messages import Address
    from services.server.game.effects import Question
    from services.server.hub import Hub


PING_INTERVAL_S: Final = 10.0
"""A watcher who is held to its pings loses the seat after two of these (clause A-8)."""


class AdminSession(Session):
    """One connection on the administrator port."""

    __slots__ = ("_pinged",)

    conversation: AdminConversation

    def __init__(self, hub: Hub, sock: socket.socket, address: Address) -> None:
        super().__init__(hub, sock, address)
        self.conversation = AdminConversation()
        self._pinged = False

    def choose(self, *, tls: bool) -> ssl.SSLContext | None:
        """Speak TLS if the port does."""
        return self.hub.context_for_admin(self, tls=tls)

    @property
    def is_engaged(self) -> bool:
        """Whether a watch is under way."""
        return self.conversation.watching

    def opened(self) -> None:
        """Let lines come, but only from an administrator."""
        self.hub.check_admin(self)

    def ask(self, question: Question) -> None:
        """Ask the lobby what the conversation waits for."""
        conversation, lobby = self.conversation, self.hub.lobby
        match question:
            case FindPlayers(within_watch=True):
                self.go_on(lambda: conversation.listed(lobby.watched_players()))
            case FindPlayers():
                lobby.list_players(lambda players: self.go_on(lambda: conversation.listed(players)))
            case TakeSeat():
                lobby.take_seat(self, self._on_seating)
            case EnterRound() | Judge():
                raise AssertionError(question)  # a player's

    def _on_seating(self, seating: Seating | None) -> None:
        if self.ending:
            if seating is Seating.SEATED:
                self.hub.lobby.leave_seat()
        elif seating is Seating.SEATED:
            self.go_on(lambda: self.conversation.seated(self.hub.lobby.watched_players()))
            self.rearm()
        else:
            self.go_on(lambda: self.conversation.seat_refused(occupied=seating is Seating.OCCUPIED))

    def unseat(self, reason: str) -> None:
        """Lose the seat."""
        self.refuse(reason)

    def take_lines(self, data: bytes) -> None:
        """Answer all lines in a chunk; any of them is a sign of life."""
        self._pinged = False
        super().take_lines(data)

    def late(self) -> None:
        """Ping the watcher, or give up one who no longer answers; refuse who was too slow."""
        conversation = self.conversation
        if not conversation.watching:
            self.perform(conversation.too_slow(self.hub.limits.handshake_timeout_s))
        elif self._pinged and conversation.answers_pings:
            self.perform(conversation.leave("pings not answered"))
        else:
            self._pinged = True
            self.say(encode(Ping(int(self.reactor.now_s - self.hub.started_s))))
            self.deadline_s = self.reactor.now_s + PING_INTERVAL_S

    def rearm(self) -> None:
        """Set the deadline anew: a watcher's is the next ping."""
        if self.conversation.watching:
            self.deadline_s = self.reactor.now_s + PING_INTERVAL_S
        else:
            super().rearm()
