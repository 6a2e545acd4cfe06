"""A player's connection: the limit, the usual guesses answered the short way, the idle timeout."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from services.server.game.effects import (
    EnterRound,
    FindPlayers,
    Judge,
    TakeSeat,
)
from services.server.game.player import PlayerConversation
from services.server.observe import end_of_guess, guessed_event, ordinary_answers
from services.server.session import NO_ANSWERS, Session

if TYPE_CHECKING:
    import socket
    import ssl

    from services.protocol.messages import Address
    from services.server.game.effects import Question
    from services.server.hub import Hub


SERVER_FULL: Final = "server full"
OVERFLOW_PATIENCE_S: Final = 0.5
"""How long a connection over the limit may keep its first byte, which tells in what way to refuse it."""


class PlayerSession(Session):
    """One connection on the player port."""

    __slots__ = ("over_limit",)

    conversation: PlayerConversation

    def __init__(self, hub: Hub, sock: socket.socket, address: Address, *, over_limit: bool) -> None:
        super().__init__(hub, sock, address)
        self.conversation = PlayerConversation(hub.table, address)
        self.over_limit = over_limit
        if over_limit:
            self.deadline_s = hub.reactor.now_s + OVERFLOW_PATIENCE_S

    @property
    def is_engaged(self) -> bool:
        """Whether a game is under way."""
        return self.conversation.playing

    def released(self) -> None:
        """Make room for another."""
        self.hub.player_released(self)

    def opened(self) -> None:
        """Let lines come, or refuse them all (clause P-12)."""
        if self.over_limit:
            self.refuse(SERVER_FULL)

    def silent(self) -> None:
        """Let a silent peer go without a word, unless it was over the limit."""
        if self.over_limit:
            self.refuse(SERVER_FULL)
        else:
            super().silent()

    def choose(self, *, tls: bool) -> ssl.SSLContext | None:
        """Speak TLS to whoever begins with it, if the port does."""
        return self.hub.context_for_player(self, tls=tls)

    def ask(self, question: Question) -> None:
        """Ask the lobby what the conversation waits for."""
        conversation = self.conversation
        match question:
            case EnterRound():
                self.hub.lobby.enter_round(lambda number: self.go_on(lambda: conversation.entered(number)))
            case Judge(guess):
                self.hub.lobby.guess(
                    guess, lambda outcome: self.go_on(lambda: conversation.judged(guess, outcome))
                )
            case FindPlayers() | TakeSeat():
                raise AssertionError(question)  # an administrator's

    def take_lines(self, data: bytes) -> None:
        """Answer all lines in a chunk; those at its start that are ordinary guesses, the short way."""
        if self.answers:
            rest = self._take_ordinary(data)
            if len(rest) < len(data):
                self.rearm()
            data = rest
        if data:
            super().take_lines(data)

    def lines_taken(self, count: int) -> None:
        """Choose how the next guess is answered, and begin the idle timeout anew if a line came (P-11)."""
        if self.conversation.playing:
            self._choose_answers()
            if count:
                self.rearm()

    def _choose_answers(self) -> None:
        observer = self.hub.observer
        # A line that has come in part must be put together first.
        if not observer.answers_ordinary or self.hub.table.shared_rounds or self.conversation.unterminated:
            self.answers = NO_ANSWERS
            return
        self.answers = ordinary_answers(self.hub.table.rules, self.conversation.secret)

    def _take_ordinary(self, data: bytes) -> bytes:
        """Answer guesses that came together, up to the first that is not ordinary; return the rest."""
        game, answers, tell = self.conversation, self.answers, self.hub.lobby.tell
        parts, head = self.hub.sink.parts, self.hub.observer.guess_head
        start = b"%b%b%b" % (self.hub.sink.stamp, head, self.bound.text)
        attempt = game.guesses
        replies: list[bytes] = []
        lines = data.splitlines(keepends=True)
        for line in lines:
            answer = answers.get(line)
            if answer is None:
                break
            attempt += 1
            reply, log_part, event_part = answer
            replies.append(reply)
            if head:
                parts += (start, log_part, end_of_guess(attempt))
            if tell:
                tell(guessed_event(self.address, event_part))
        if replies:
            self.reactor.ordinary_guesses += len(replies)
            game.guesses = attempt
            game.invalid_guesses = 0
            self.say(b"".join(replies))
        return b"".join(lines[len(replies) :])

    def late(self) -> None:
        """Refuse a player who is idle, or was too slow with the handshake."""
        limits = self.hub.limits
        game = self.conversation
        slow = game.idle(limits.idle_timeout_s) if game.playing else game.too_slow(limits.handshake_timeout_s)
        self.perform(slow)

    def rearm(self) -> None:
        """Set the deadline anew: a player's from now, anybody else's from the start."""
        if self.conversation.playing:
            self.deadline_s = self.reactor.now_s + self.hub.limits.idle_timeout_s
        else:
            super().rearm()
