"""One connection of the server: what its conversation wants done is done here."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

import structlog

from services.protocol.codec import encode
from services.protocol.messages import Ping
from services.server.game.admin import AdminConversation
from services.server.game.effects import Close, LeaveSeat, Publish, Record, Send, SendList, TakeSeat
from services.server.game.facts import Fact
from services.server.game.player import PlayerConversation
from services.server.link import CHUNK_OCTETS, Link, Stage
from services.server.observe import Bound, end_of_guess, ordinary_answers

if TYPE_CHECKING:
    import socket
    import ssl
    from collections.abc import Sequence

    from services.protocol.messages import Address
    from services.server.game.conversation import Conversation
    from services.server.game.effects import Effect
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
        "_opened_s",
        "_out",
        "answers",
        "bound",
        "conversation",
        "event_head",
        "guess_head",
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
        self.guess_head = self.event_head = b""
        self._opened_s = hub.reactor.now_s
        self._out: list[bytes] = []
        self.deadline_s = self._opened_s + hub.limits.handshake_timeout_s

    # --- what is said

    def say(self, data: bytes) -> None:
        """Send at the end of the turn."""
        if not self._out:
            self.reactor.talking.append(self)
        self._out.append(data)

    def send_out(self) -> None:
        """Send what was said in this turn, in one write."""
        data = b"".join(self._out)
        self._out.clear()
        self.transmit(data)

    def perform(self, effects: Sequence[Effect]) -> None:
        """Do what the conversation wants done, in order."""
        try:
            self._perform(effects)
        except Exception:  # noqa: BLE001  our own mistake must cost one session, not the server
            self.failed()

    def _perform(self, effects: Sequence[Effect]) -> None:
        for effect in effects:
            match effect:
                case Send(reply):
                    self.say(encode(reply))
                case Record(fact, values):
                    self.hub.observer.record(self.bound, fact, values)
                case Publish(event):
                    self.hub.lobby.publish(event)
                case Close(reason):
                    self._close(reason)
                case SendList() | TakeSeat() | LeaveSeat():
                    self.perform_for_admin(effect)

    def perform_for_admin(self, effect: SendList | TakeSeat | LeaveSeat) -> None:
        """Do what only an administrator's conversation wants done."""
        raise NotImplementedError

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
        structlog.get_logger(session=self.bound.session, peer=self.bound.peer).exception("session_failed")
        self.drop()
        if not self.ending:
            self.lost("internal error")

    def take_lines(self, data: bytes) -> None:
        """Answer all lines in a chunk, one by one."""
        for line in self.conversation.receive(data):
            self.perform(self.conversation.take(line))
            if self.ending:
                return
        self.perform(self.conversation.overflow())

    @property
    def is_engaged(self) -> bool:
        """Whether a game or a watch is under way."""
        raise NotImplementedError

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

    def not_opened(self, reason: str) -> None:
        """Log a peer that never got as far as a line."""
        self.hub.observer.record(self.bound, Fact.HANDSHAKE_REFUSED, (reason, ""))

    def rearm(self) -> None:
        """Set the deadline anew, after the peer has read what was kept for it."""
        self.deadline_s = self._opened_s + self.hub.limits.handshake_timeout_s

    def shaking(self) -> None:
        """Give the TLS handshake its own deadline, within that of the whole."""
        self.deadline_s = min(self.deadline_s, self.reactor.now_s + self.hub.limits.tls_timeout_s)

    def opened(self) -> None:
        """Let lines come."""
        self.rearm()


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
        super().opened()
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

    def take_lines(self, data: bytes) -> None:
        """Answer all lines in a chunk; those at its start that are ordinary guesses, the short way."""
        if self.answers:
            data = self._take_ordinary(data)
        super().take_lines(data)
        if self.conversation.playing:
            self.rearm()
            self._choose_answers()

    def _choose_answers(self) -> None:
        observer = self.hub.observer
        # A line that has come in part must be put together first.
        if not observer.answers_ordinary or self.conversation.unterminated:
            self.answers = NO_ANSWERS
            return
        self.answers = ordinary_answers(self.hub.table.rules, self.conversation.secret)
        if not self.guess_head:
            self.guess_head = observer.guess_head(self.bound)
            self.event_head = b"Guessed %b" % str(self.address).encode()

    def _take_ordinary(self, data: bytes) -> bytes:
        """Answer guesses that came together, up to the first that is not ordinary; return the rest."""
        game, parts, stamp = self.conversation, self.hub.sink.parts, self.hub.sink.stamp
        taken_octets = 0
        for line in data.splitlines(keepends=True):
            answer = self.answers.get(line)
            if answer is None:
                break
            taken_octets += len(line)
            game.guesses += 1
            game.invalid_guesses = 0
            parts += (stamp, self.guess_head, answer.log_part, end_of_guess(game.guesses))
            self.say(answer.reply)
            if self.hub.lobby.tell:
                self.hub.lobby.tell(self.event_head + answer.event_part)
        return data[taken_octets:]

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
        super().opened()
        self.hub.check_admin(self)

    def perform_for_admin(self, effect: SendList | TakeSeat | LeaveSeat) -> None:
        """Do what only an administrator's conversation wants done."""
        lobby, observer = self.hub.lobby, self.hub.observer
        match effect:
            case SendList(within_watch):
                self.say(lobby.spell_list(within_watch=within_watch))
                observer.record(self.bound, Fact.ADMIN_LISTED, (len(lobby.players),))
            case TakeSeat() if lobby.tell:
                self.perform(self.conversation.seat_refused())
            case TakeSeat():
                lobby.tell = self.say
                observer.record(self.bound, Fact.ADMIN_SEATED, (len(lobby.players),))
                self.perform(self.conversation.seated())
                self.rearm()
            case LeaveSeat():
                lobby.tell = None

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
            self.say(encode(Ping()))
            self.deadline_s = self.reactor.now_s + PING_INTERVAL_S

    def rearm(self) -> None:
        """Set the deadline anew: a watcher's is the next ping."""
        if self.conversation.watching:
            self.deadline_s = self.reactor.now_s + PING_INTERVAL_S
        else:
            super().rearm()
