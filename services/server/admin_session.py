"""An administrator's connection: its certificate, the list, the seat and its pings."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final, cast

from services.lobby.interface import Seating
from services.protocol import refusals
from services.protocol.codec import encode
from services.protocol.messages import Missed, Ping
from services.runtime.tls import is_administrator
from services.server.connection import OUTBOX_OCTETS
from services.server.game.conversation import FindPlayers, TakeSeat
from services.server.session import Session
from services.server.tls_socket import TlsSocket

if TYPE_CHECKING:
    import socket
    import ssl

    from services.protocol.messages import Address
    from services.server.context import ServerContext
    from services.server.game.admin import AdminState
    from services.server.game.conversation import Question
    from services.server.quota import AdminSlots

CROWDED_TIMEOUT_S: Final = 0.5
"""How long the first byte and the TLS handshake may take while the port is crowded: several round trips of
an administrator 100 ms away, and strangers who send nothing make room."""

SLOW_OCTETS: Final = OUTBOX_OCTETS // 2
"""With so much unread a watcher misses guesses. The other half is for events of which none may be lost."""

GUESSED: Final = b"Guessed "

PING_INTERVAL_S: Final = 10.0
"""A watcher that has answered a ping before loses the seat after two of these (clause A-8)."""


class AdminSession(Session):
    """One connection on the administrator port."""

    __slots__ = ("_awaits_pong", "_missed_guesses", "_slots")

    def __init__(
        self, context: ServerContext, sock: socket.socket, address: Address, slots: AdminSlots
    ) -> None:
        super().__init__(context, sock, address, context.new_admin)
        self._awaits_pong = False
        self._missed_guesses = 0
        self._slots = slots
        if slots.is_crowded:
            self.deadline_s = context.reactor.now_s + CROWDED_TIMEOUT_S

    @property
    def state(self) -> AdminState:
        """Where the conversation stands."""
        return cast("AdminState", self.responses.state)

    def choose_tls(self, *, tls: bool) -> ssl.SSLContext | None:
        """Speak TLS if the port does: an administrator must prove who it is."""
        if not tls:
            self.refuse(refusals.TLS_ONLY)
            return None
        return self.context.certificates.admins

    def on_open(self) -> None:
        """Refuse a client whose certificate is good, but not an administrator's."""
        if isinstance(self.sock, TlsSocket) and not is_administrator(self.sock.getpeercert()):
            self.apply(self.state.refuse_admin(refusals.NO_ROLE))

    def on_closed(self) -> None:
        """Release the slot."""
        self._slots.release()

    def write(self, data: bytes) -> None:
        """Send lines; a watcher that reads too slowly is spared `Guessed`, and told so later (clause A-9)."""
        if self.unsent_octets > SLOW_OCTETS:
            lines = data.splitlines(keepends=True)
            kept = [line for line in lines if not line.startswith(GUESSED)]
            self._missed_guesses += len(lines) - len(kept)
            data = b"".join(kept)
            if lines and not data:
                return
        elif self._missed_guesses and not self.ending:
            data = encode(Missed(self._missed_guesses)) + data
            self._missed_guesses = 0
        super().write(data)

    def on_progress(self) -> None:
        """Give a watcher that reads, if slowly, more time: it keeps the seat."""
        if self.state.is_watching:
            self.deadline_s = self.reactor.now_s + self.reactor.write_timeout_s

    def resume(self) -> None:
        """Read again, and tell what was left out meanwhile."""
        super().resume()
        if self._missed_guesses:
            self.write(b"")

    def received(self, data: bytes) -> None:
        """Answer a chunk; anything is a sign of life."""
        self._awaits_pong = False
        super().received(data)

    def ask(self, question: Question, repeat: bytes) -> None:  # noqa: ARG002  players need it
        """Ask the lobby about the players or the seat."""
        lobby = self.context.lobby
        match question:
            case FindPlayers(within_watch=True):
                self.answered(lambda: self.state.listed(lobby.watched_players(), lobby.names))
            case FindPlayers():
                lobby.list_players(lambda players: self.answered(lambda: self.state.listed(players)))
            case TakeSeat():
                lobby.take_seat(self, self._on_seating)
            case _:
                raise AssertionError(question)  # a player's

    def _on_seating(self, seating: Seating | None) -> None:
        if self.ending:
            if seating is Seating.SEATED:
                self.context.lobby.leave_seat()
        elif seating is Seating.SEATED:
            lobby = self.context.lobby
            round_number = lobby.watched_round() if self.context.shared_rounds else None
            self.answered(lambda: self.state.seated(lobby.watched_players(), lobby.names, round_number))
            self.reset_deadline()
        else:
            self.answered(lambda: self.state.seat_refused(occupied=seating is Seating.OCCUPIED))

    def unseat(self, reason: str) -> None:
        """Lose the seat."""
        self.refuse(reason)

    def on_timeout(self) -> None:
        """Ping the watcher, or close if it no longer answers; refuse a client that was too slow."""
        state = self.state
        if not state.is_watching:
            super().on_timeout()
        elif self._awaits_pong and state.answers_pings:
            self.apply(state.leave("pings not answered"))
        else:
            self._awaits_pong = True
            self.write(encode(Ping(int(self.reactor.now_s - self.context.started_s))))
            self.reset_deadline()

    def reset_deadline(self) -> None:
        """Set the deadline: a watcher's is the next ping."""
        if self.state.is_watching:
            self.deadline_s = self.reactor.now_s + PING_INTERVAL_S
        else:
            super().reset_deadline()
