"""A player's connection: the limit, the usual guesses answered the short way, the idle timeout."""

from __future__ import annotations

from collections.abc import Callable
from functools import lru_cache
from itertools import takewhile
from operator import add
from typing import TYPE_CHECKING, Final

from services.protocol.codec import encode
from services.protocol.messages import Greetings, Guessed, Joined, Ready, Verdict, Won
from services.protocol.state import State
from services.server.game.effects import (
    EnterRound,
    FindPlayers,
    Judge,
    TakeSeat,
)
from services.server.game.facts import Fact
from services.server.game.player import PlayerConversation, usual_guesses, usual_lines
from services.server.observe import WIDEST_RANGE, ends_of_guesses, guessed_event, ordinary_answers
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

    __slots__ = ("_steps", "over_limit")

    conversation: PlayerConversation

    def __init__(self, hub: Hub, sock: socket.socket, address: Address, *, over_limit: bool) -> None:
        super().__init__(hub, sock, address)
        self.conversation = PlayerConversation(hub.table, address)
        self._steps = FIRST_STEPS if hub.takes_short_way else NO_STEPS
        """The chunks that are a step of the usual game."""
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

    def take_chunk(self, data: bytes) -> None:
        """Take a step of the usual game the short way; answer anything else line by line."""
        step = self._steps.get(data)
        if step:
            step(self)
        else:
            super().take_chunk(data)

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
        """Choose how the next line is answered, and begin the idle timeout anew if one came (P-11)."""
        self._choose_way()
        if count and self.conversation.playing:
            self.rearm()

    def _choose_way(self) -> None:
        conversation = self.conversation
        # Part of a line must be put together first, and the short way ends no row of invalid guesses.
        if not self.hub.takes_short_way or conversation.unterminated or conversation.invalid_guesses:
            self.answers, self._steps = NO_ANSWERS, NO_STEPS
        elif conversation.playing:
            self.answers = ordinary_answers(self.hub.table.rules, conversation.secret)
            self._steps = winning_steps(conversation.secret)
        else:
            self._steps = STEPS.get(conversation.state, NO_STEPS)

    def _take_ordinary(self, data: bytes) -> bytes:
        """Answer guesses that came together, up to the first that is not ordinary; return the rest."""
        hub, game, answers = self.hub, self.conversation, self.answers
        lines = data.splitlines(keepends=True)
        ordinary = list(takewhile(bool, map(answers.get, lines)))
        if not ordinary:
            return data
        # Each column is handled as a whole, by code that is not Python.
        replies, log_parts, event_parts = zip(*ordinary, strict=True)
        self.say(b"".join(replies))
        if hub.observer.guess_head:
            start = b"%b%b%b" % (hub.sink.stamp, hub.observer.guess_head, self.bound.text)
            ends = ends_of_guesses(game.guesses + 1, len(replies))
            hub.sink.parts += (start, start.join(map(add, log_parts, ends)))
        if hub.lobby.tell:
            for event_part in event_parts:
                hub.lobby.tell(guessed_event(self.address, event_part))
        game.guesses += len(replies)
        self.reactor.ordinary_guesses += len(replies)
        return b"".join(lines[len(replies) :])

    # --- the steps of the usual game: what the conversation would lead to, without its messages and effects

    def greet(self) -> None:
        """Answer Hello (clause P-1)."""
        self.heard = True
        self.conversation.greet()
        self.hub.observer.record(self.bound, Fact.HANDSHAKE_ADVANCED, ("Hello", "Greetings"))
        self.say(GREETINGS)
        self._steps = GREETED_STEPS

    def leave(self) -> None:
        """Let somebody go who has not begun to play (clause F-6)."""
        self.peer_ended()
        self.conversation.state = State.CLOSED
        self._close("peer closed")

    def begin(self) -> None:
        """Answer Game (clause P-2)."""
        self.conversation.begin()
        record = self.hub.observer.record
        record(self.bound, Fact.HANDSHAKE_ADVANCED, ("Game", "Ready"))
        record(self.bound, Fact.HANDSHAKE_COMPLETED, ("classic",))
        self.hub.lobby.publish(Joined(self.address))
        self.say(READY)
        self._choose_way()
        self.rearm()

    def win(self) -> None:
        """Answer the winning guess (clause P-4)."""
        conversation, record, lobby = self.conversation, self.hub.observer.record, self.hub.lobby
        conversation.win()
        number, guesses = conversation.secret, conversation.guesses
        if lobby.tell:
            lobby.publish(Guessed(self.address, number, Verdict.CORRECT))
        lobby.publish(Won(self.address, guesses))
        record(self.bound, Fact.GUESS_JUDGED, (number, CORRECT_WORD, guesses))
        self.say(CORRECT)
        record(self.bound, Fact.GAME_WON, (guesses,))
        self._close("won")

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


GREETINGS: Final = encode(Greetings())
READY: Final = encode(Ready())
CORRECT: Final = encode(Verdict.CORRECT)
CORRECT_WORD: Final = Verdict.CORRECT.value

Steps = dict[bytes, Callable[[PlayerSession], None]]

NO_STEPS: Final[Steps] = {}
FIRST_STEPS: Final[Steps] = dict.fromkeys(usual_lines(b"Hello"), PlayerSession.greet)
GREETED_STEPS: Final[Steps] = {
    **dict.fromkeys(usual_lines(b"Game"), PlayerSession.begin),
    b"": PlayerSession.leave,
}
STEPS: Final = {State.CONNECTED: FIRST_STEPS, State.GREETED: GREETED_STEPS}


@lru_cache(maxsize=WIDEST_RANGE)
def winning_steps(secret: int) -> Steps:
    """Return the step that each usual spelling of the winning guess is."""
    return dict.fromkeys(usual_guesses(secret), PlayerSession.win)
