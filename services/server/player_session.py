"""A player's connection: its slot, TLS as the port has it, the idle timeout, shared rounds."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final, cast

from services.lobby.interface import RoundGuess
from services.protocol import refusals
from services.runtime.tls_settings import PlayerTls
from services.server.game.conversation import EnterRound, Judge
from services.server.session import Session

if TYPE_CHECKING:
    import socket
    import ssl

    from services.lobby.interface import RoundOutcome
    from services.protocol.messages import Address
    from services.server.context import ServerContext
    from services.server.game.conversation import Question
    from services.server.game.player import PlayerState
    from services.server.quota import Slot

OVERFLOW_TIMEOUT_S: Final = 0.5
"""How long a connection over the limit may take for its first byte, which tells in what way to refuse it."""


class PlayerSession(Session):
    """One connection on the player port."""

    __slots__ = ("_slot",)

    def __init__(self, context: ServerContext, sock: socket.socket, address: Address, slot: Slot) -> None:
        super().__init__(context, sock, address, context.new_player)
        self._slot = slot
        if slot.over_limit:
            self.deadline_s = context.reactor.now_s + OVERFLOW_TIMEOUT_S

    @property
    def state(self) -> PlayerState:
        """Where the conversation stands."""
        return cast("PlayerState", self.responses.state)

    def choose_tls(self, *, tls: bool) -> ssl.SSLContext | None:
        """Speak TLS to a client that begins with it, if the port does."""
        certificates = self.context.certificates
        if tls:
            return certificates.players
        if certificates.tls.player is PlayerTls.REQUIRED:
            self.refuse(refusals.TLS_ONLY)
        return None

    def on_open(self) -> None:
        """Refuse a connection over the limit (clause P-12)."""
        if self._slot.over_limit:
            self.refuse(refusals.SERVER_FULL)

    def on_closed(self) -> None:
        """Release the slot."""
        self._slot.release()

    def on_silence(self) -> None:
        """Close a silent connection without a reply, unless it was over the limit."""
        if self._slot.over_limit:
            self.refuse(refusals.SERVER_FULL)
        else:
            super().on_silence()

    def on_timeout(self) -> None:
        """Refuse a player who is idle, or was too slow with the handshake."""
        if self.is_engaged:
            self.refuse(refusals.idle(self.context.limits.idle_timeout_s))
        else:
            super().on_timeout()

    def ask(self, question: Question, repeat: bytes) -> None:
        """Ask the lobby about the shared round."""
        lobby, state = self.context.lobby, self.state
        match question:
            case EnterRound():
                lobby.enter_round(lambda number: self.answered(lambda: state.entered(number, repeat)))
            case Judge(number):
                guess = RoundGuess(self.address, state.round_number, number, self.guesses + 1, self.name)
                table = self.responses

                def judged(found: RoundOutcome | None) -> None:
                    answer = (number, found)
                    self.go_on(lambda: table.after(answer, lambda: state.judged(question, found)))

                lobby.guess(guess, judged)
            case _:
                raise AssertionError(question)  # an administrator's
