"""One connection of the server: what its conversation wants done is done here."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

import structlog

from services.lobby.interface import Seating
from services.protocol.codec import encode, encode_list
from services.protocol.messages import Ping
from services.server.game.admin import AdminConversation
from services.server.game.effects import (
    Close,
    EnterRound,
    FindPlayers,
    Judge,
    LeaveSeat,
    Publish,
    Record,
    Send,
    SendList,
    TakeSeat,
)
from services.server.game.facts import Fact
from services.server.game.player import PlayerConversation
from services.server.link import CHUNK_OCTETS, Link, Stage
from services.server.observe import Bound, end_of_guess, guessed_event, ordinary_answers

if TYPE_CHECKING:
    import socket
    import ssl
    from collections.abc import Callable, Sequence

    from services.protocol.messages import Address
    from services.server.game.conversation import Conversation
    from services.server.game.effects import Effect, Question
    from services.server.hub import Hub
    from services.server.observe import Answer

PING_INTERVAL_S: Final = 10.0
"""A watcher who is held to its pings loses the seat after two of these (clause A-8)."""

NO_ANSWERS: Final[dict[bytes, Answer]] = {}

SERVER_FULL: Final = "server full"
OVERFLOW_PATIENCE_S: Final = 0.5
"""How long a connection over the limit may keep its first byte, which tells in what way to refuse it."""


class Session(Link):
    """A link with a conversation on it."""

    __slots__ = (
        "_asleep",
        "_kept_lines",
        "_opened_s",
        "_waiting",
        "answers",
        "bound",
        "conversation",
        "heard",
        "hub",
    )

    conversation: Conversation

    def __init__(self, hub: Hub, sock: socket.socket, address: Address) -> None:
        super().__init__(hub.reactor, sock, address)
        self.hub = hub
        self.bound = Bound(hub.next_session(), address)
        self.heard = False
        """Whether the peer has ever sent anything."""
        self.answers = NO_ANSWERS
        """The whole lines that the reactor answers by itself."""
        self._opened_s = hub.reactor.now_s
        self._waiting = False
        """Whether a question to the lobby is open."""
        self._asleep = False
        """Whether lines wait for its answer."""
        self._kept_lines: Sequence[bytes] = ()
        self.deadline_s = self._opened_s + hub.limits.handshake_timeout_s

    # --- what is said

    def say(self, data: bytes) -> None:
        """Send at the end of the turn, all of it in one write."""
        talking = self.reactor.talking
        if self in talking:
            talking[self].append(data)
        else:
            talking[self] = [data]

    def perform(self, effects: Sequence[Effect]) -> None:
        """Do what the conversation wants done, in order."""
        try:
            self._perform(effects)
        except Exception:  # noqa: BLE001  our own mistake must cost one session, not the server
            self.failed()

    def _perform(self, effects: Sequence[Effect]) -> None:
        for effect in effects:
            match effect:
                # In the order of their frequency; and reading a name is faster than a pattern that binds one.
                case Record():
                    self.hub.observer.record(self.bound, effect.fact, effect.values)
                case Send():
                    self.say(encode(effect.reply))
                case Publish():
                    self.hub.lobby.publish(effect.event)
                case Close():
                    self._close(effect.reason)
                case SendList():
                    self.say(encode_list(effect.players, within_watch=effect.within_watch))
                case LeaveSeat():
                    self.hub.lobby.leave_seat()
                case FindPlayers() | TakeSeat() | EnterRound() | Judge():
                    self._waiting = True
                    self.ask(effect)

    def ask(self, question: Question) -> None:
        """Ask the lobby what the conversation waits for; `go_on` with the answer."""
        raise NotImplementedError

    def go_on(self, answer: Callable[[], list[Effect]]) -> None:
        """Perform what follows from an answer, and take the lines that have waited for it.

        The answer may come within `ask`, or in a later turn, when the peer may be gone.
        """
        self._waiting = False
        if self.ending:
            return
        self.perform(answer())
        if self._asleep and not self.ending:
            self._asleep = False
            if not self.is_blocked:
                self.resume()
            lines, self._kept_lines = self._kept_lines, ()
            self._answer_lines(lines)
            self.lines_taken(1 + len(lines))

    def _close(self, reason: str) -> None:
        seconds = round(self.reactor.now_s - self._opened_s, 6)
        if self.heard:
            values = (reason, self.conversation.guesses, seconds)
            self.hub.observer.record(self.bound, Fact.SESSION_CLOSED, values)
        else:
            self.hub.observer.record(self.bound, Fact.CONNECTION_PROBED, (seconds,))
        self.answers = NO_ANSWERS
        self.end()
        self.say(b"")

    # --- what is heard

    def received(self, data: bytes) -> None:
        """Answer all lines in a chunk; an empty one is the end of the peer's stream."""
        try:
            if data:
                self.heard = True
                self.take_lines(data)
                if len(data) == CHUNK_OCTETS and self.stage is Stage.OPEN:
                    self.reactor.again.add(self)
            else:
                self.peer_ended()
                self.perform(self.conversation.end_of_stream())
        except Exception:  # noqa: BLE001  as in `perform`
            self.failed()

    def failed(self) -> None:
        """End the session after a mistake of our own; call it where the exception is handled."""
        if self.stage is Stage.GONE:  # a second mistake, while ending the session for the first
            return
        structlog.get_logger(session=self.bound.session, peer=str(self.address)).exception("session_failed")
        self.drop()
        if not self.ending:
            self.lost("internal error")

    def take_lines(self, data: bytes) -> None:
        """Answer all lines in a chunk, one by one."""
        lines = self.conversation.receive(data)
        self._answer_lines(lines)
        self.lines_taken(len(lines))

    def _answer_lines(self, lines: Sequence[bytes]) -> None:
        for number, line in enumerate(lines, start=1):
            self.perform(self.conversation.take(line))
            if self.ending:
                return
            if self._waiting:
                # Nobody reads on before the answer is there: the replies keep the order of the lines.
                self._asleep = True
                self._kept_lines = lines[number:]
                self.slow = True
                self.reactor.watch_nothing(self)
                return
        self.perform(self.conversation.overflow())

    def resume(self) -> None:
        """Read again, unless an answer is waited for."""
        if self._asleep:
            self.reactor.watch_nothing(self)
        else:
            super().resume()

    def lines_taken(self, count: int) -> None:
        """Called after input was taken that completed so many lines."""

    def lost(self, reason: str) -> None:
        """Let the conversation end without a word."""
        self.perform(self.conversation.leave(reason))

    def refuse(self, reason: str) -> None:
        """Give the negative answer on the server's own account (clause P-6), unless it is over anyway."""
        if not self.ending:
            self.perform(self.conversation.refuse(reason))

    def timed_out(self) -> None:
        """Act on a deadline, whichever it was."""
        if self.stage in (Stage.LINGERING, Stage.GONE):
            self.drop()
        elif self.is_blocked:
            self.give_up("replies not read")
        elif self.stage is Stage.SHAKING:
            self.not_opened("TLS: handshake not completed")
            self.drop()
        elif not self.heard:
            self.silent()
        else:
            self.late()

    def silent(self) -> None:
        """Act on the deadline of a peer that has never said anything (clause P-10)."""
        self.perform(self.conversation.leave("silent"))

    def late(self) -> None:
        """Act on the deadline of a peer that has said something."""
        raise NotImplementedError

    def shaking(self) -> None:
        """Give the TLS handshake less time than the whole."""
        self.deadline_s = min(self.deadline_s, self.reactor.now_s + self.hub.limits.tls_timeout_s)

    def not_opened(self, reason: str) -> None:
        """Log a peer that never got as far as a line."""
        self.hub.observer.record(self.bound, Fact.HANDSHAKE_REFUSED, (reason, ""))

    def rearm(self) -> None:
        """Set the deadline anew, after the peer has read what was kept for it."""
        self.deadline_s = self._opened_s + self.hub.limits.handshake_timeout_s


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
