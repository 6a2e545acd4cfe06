"""One connection of the server: what its conversation wants done is done here."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

import structlog

from services.protocol.codec import encode, encode_list
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
from services.server.link import CHUNK_OCTETS, Link, Stage
from services.server.observe import Bound

if TYPE_CHECKING:
    import socket
    from collections.abc import Callable, Sequence

    from services.protocol.messages import Address
    from services.server.game.conversation import Conversation
    from services.server.game.effects import Effect, Question
    from services.server.hub import Hub
    from services.server.observe import Answer


NO_ANSWERS: Final[dict[bytes, Answer]] = {}


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
        "text",
    )

    conversation: Conversation

    def __init__(self, hub: Hub, sock: socket.socket, address: Address) -> None:
        super().__init__(hub.reactor, sock, address)
        self.hub = hub
        self.bound = Bound(hub.next_session(), address)
        self.text = self.bound.text
        """The session's part of its log lines, where the reactor finds it soonest."""
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
        """Answer a chunk; an empty one is the end of the peer's stream."""
        try:
            self.take_chunk(data)
        except Exception:  # noqa: BLE001  as in `perform`
            self.failed()

    def take_chunk(self, data: bytes) -> None:
        """Answer all lines in a chunk."""
        if data:
            self.heard = True
            self.take_lines(data)
            if len(data) == CHUNK_OCTETS and self.stage is Stage.OPEN:
                self.reactor.again.add(self)
        else:
            self.peer_ended()
            self.perform(self.conversation.end_of_stream())

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
