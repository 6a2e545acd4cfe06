"""A conversation on a connection, and the one executor of all that follows from a line."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

import structlog

from services.protocol import refusals
from services.protocol.framing import LineBuffer
from services.protocol.messages import Guessed
from services.server.connection import CHUNK_OCTETS, Connection, Stage
from services.server.game.log_events import LogEvent
from services.server.game.player import PlayerState
from services.server.observe import GUESS_COUNTS, session_fields
from services.server.poller import NOTHING
from services.server.tls_socket import DatalessError

if TYPE_CHECKING:
    import socket
    from collections.abc import Callable, Iterable, Sequence

    from services.protocol.messages import Address
    from services.server.context import ServerContext
    from services.server.game.conversation import ConversationState, Outcome, Question
    from services.server.responses import Response, ResponseTable

END: Final = b""
"""What stands for the end of the peer's stream among its lines."""

UNTERMINATED: Final = "unterminated"
"""The dialect of clients that never end their lines (clause F-8)."""

THROTTLE_S: Final = 0.25
"""For how long a connection is not read that sends more than its rate: what a sweep takes anyway."""


def perform(context: ServerContext, due: Iterable[tuple[Session, Response]]) -> None:
    """Do all that follows from lines, one after the other. It runs for each guess, so it makes no calls."""
    sink, lobby, now_s = context.sink, context.lobby, context.reactor.now_s
    outgoing, parts, stamp = context.reactor.outgoing, sink.parts, sink.stamp
    counted, guesses = context.observer.counted, 0
    for session, response in due:
        try:
            if response.is_guess:
                session.guesses += 1
                guesses += 1
            for head, tail, has_count in response.log:
                count = GUESS_COUNTS[session.guesses] if has_count else b""
                parts += (stamp, head, session.log_fields, tail, count)
            for event in response.counted:
                counted[event] += 1
            if response.guessed and lobby.publish_line:
                lobby.publish_line(b"Guessed %b%b" % (str(session.address).encode(), response.guessed))
            if session.output is not None:
                session.output += response.reply
            elif response.reply:
                session.output = response.reply
                outgoing.append(session)
            if response.next_table is not None:
                session.responses = response.next_table
            if response.timeout_s:
                session.deadline_s = now_s + response.timeout_s
            if session.guesses >= session.guess_limit:
                session.on_guess_limit()
            if response.rest is not None:
                session.perform_rest(response.rest)
        except Exception:  # noqa: BLE001  our own mistake must cost one session, not the server
            session.failed()
    context.guesses += guesses


class Session(Connection):
    """A connection with a conversation on it."""

    __slots__ = (
        "_awaits_answer",
        "_deadline_then_s",
        "_filled_s",
        "_is_paused",
        "_is_relaxed",
        "_opened_s",
        "_paused_lines",
        "_throttled_until_s",
        "context",
        "guess_limit",
        "guesses",
        "has_received",
        "id",
        "lines",
        "log_fields",
        "name",
        "responses",
    )  # fmt: skip

    def __init__(
        self, context: ServerContext, sock: socket.socket, address: Address, responses: ResponseTable
    ) -> None:
        super().__init__(context.reactor, sock, address)
        self.context = context
        self.id = context.next_session()
        self.log_fields = session_fields(self.id, address)
        """The session's own fields, which are on each of its log lines."""
        self.name: str | None = None
        """The name that the player gave."""
        self.has_received = False
        """Whether the peer has ever sent anything."""
        self.guesses = 0
        """How many were judged so far."""
        self.guess_limit = context.limits.burst_lines
        """How many guesses may be judged until the bucket is looked at: other lines take from it too."""
        self._filled_s = context.reactor.now_s
        self._throttled_until_s = 0.0
        """Until when nothing is read, because too much has come; 0 if it is read."""
        self.lines = LineBuffer()
        self.responses = responses
        """What follows from the next line."""
        self._opened_s = context.reactor.now_s
        self._awaits_answer = False
        """Whether the lobby was asked and has not answered."""
        self._is_paused = False
        """Whether lines wait for that answer."""
        self._paused_lines: Sequence[bytes] = ()
        self.deadline_s = self._opened_s + context.limits.handshake_timeout_s
        self._deadline_then_s = 0.0
        """What `deadline_s` was before it was brought forward for an unterminated line; 0 if it was not."""
        self._is_relaxed = False
        """Whether a line was ended by silence."""

    @property
    def state(self) -> ConversationState:
        """Where the conversation stands."""
        return self.responses.state

    @property
    def is_engaged(self) -> bool:
        """Whether a game or a watch is under way."""
        return self.state.is_engaged

    # --- input

    def received(self, data: bytes) -> None:
        """Answer all lines of a chunk; an empty one is the end of the peer's stream."""
        if self._deadline_then_s:
            self.deadline_s, self._deadline_then_s = self._deadline_then_s, 0.0
        if not data:
            self._received_end()
            return
        self.has_received = True
        self._answer(self.lines.feed_whole(data))
        if len(data) == CHUNK_OCTETS and self.stage is Stage.OPEN:
            self.reactor.again.add(self)
        self._await_end_of_line()

    def _received_end(self) -> None:
        self.peer_ended = True
        if not self.lines.unterminated:
            perform(self.context, [(self, self.responses[END])])
        elif self.context.limits.lenient_framing_s:
            self._end_line(END)
        else:
            self.refuse(refusals.NOT_ENDED)

    def _answer(self, lines: Sequence[bytes]) -> None:
        due: list[tuple[Session, Response]] = []
        responses = self.responses
        for number, line in enumerate(lines, start=1):
            response = responses[line]
            due.append((self, response))
            if not response.is_guess:
                self.guess_limit -= 1
            if response.rest is None and number < len(lines):
                responses = responses if response.next_table is None else response.next_table
                continue  # nothing but the next table can make a difference to the next line
            perform(self.context, due)
            due.clear()
            responses = self.responses
            if self.ending:
                return
            if self._awaits_answer:
                if number < len(lines):
                    self._pause(lines[number:])
                return
        if self.lines.overlong:
            self.apply(self.state.refuse(self.lines.overlong.reason, self.lines.unterminated))

    # --- lines that end by silence (clause F-8)

    def _await_end_of_line(self) -> None:
        """Give an unterminated line so much silence to end by, where the server is set so."""
        silence_s = self.context.limits.lenient_framing_s
        if silence_s and self.lines.unterminated and not self.ending and not self._throttled_until_s:
            self._deadline_then_s = max(self.deadline_s, self._deadline_then_s)
            self.deadline_s = min(self.deadline_s, self.reactor.now_s + silence_s)

    def _end_line(self, *following: bytes) -> None:
        """Answer an unterminated line as if its end had come, and tell the log of the first."""
        if not self._is_relaxed:
            self._is_relaxed = True
            self.context.observer.record(self.log_fields, LogEvent.FRAMING_RELAXED, UNTERMINATED)
        self._answer([self.lines.take_unterminated(), *following])

    # --- the rate of lines

    def on_guess_limit(self) -> None:
        """Read no more for a while, unless what came since the bucket was last filled is within the rate.

        Nothing is dropped: what was read is answered, and what was not waits in the kernel.
        """
        if not self._throttled_until_s:
            self._fill_bucket()
            if self.guesses < self.guess_limit:
                return
            self._throttled_until_s = self.reactor.now_s + THROTTLE_S
            self.slow = True
            if not self.is_blocked:
                self.reactor.poll_for(self, NOTHING)
        if not self.is_blocked:
            self.deadline_s = self._throttled_until_s

    def _fill_bucket(self) -> None:
        limits = self.context.limits
        lines = int((self.reactor.now_s - self._filled_s) * limits.max_line_rate)
        self.guess_limit += min(lines, limits.burst_lines)
        # The fraction of a line is kept: looked at every quarter of a second, it is all that a low rate has.
        self._filled_s += lines / limits.max_line_rate

    # --- what follows

    def apply(self, outcome: Outcome) -> None:
        """Perform an outcome, whatever it follows from."""
        perform(self.context, [(self, self.context.responses.compile(outcome))])

    def perform_rest(self, outcome: Outcome) -> None:
        """Do what a guess hardly ever leads to; `perform` calls this last."""
        self.name = outcome.name or self.name
        for event in outcome.events:
            if event.kind is not Guessed:  # which `perform` has published
                self.context.lobby.publish(event.of(self.address, self.guesses, self.name))
        if outcome.leaves_seat:
            self.context.lobby.leave_seat()
        if outcome.draws_secret and isinstance(outcome.next_state, PlayerState):
            self.responses = self.context.new_game(outcome.next_state)
            self.reset_deadline()
        if outcome.close_reason is not None:
            self._close(outcome.close_reason)
        elif outcome.question:
            self._awaits_answer = self.slow = True  # a line that comes before the answer gets to `step`
            self.ask(outcome.question, outcome.repeat)
        elif outcome.repeat:
            perform(self.context, [(self, self.responses[outcome.repeat + b"\n"])])

    def ask(self, question: Question, repeat: bytes) -> None:
        """Ask the lobby, and call `answered` with what follows."""
        raise NotImplementedError

    def answered(self, follow: Callable[[], Outcome]) -> None:
        """Perform what follows from the lobby's answer, then answer the lines that have waited for it."""
        self.go_on(lambda: self.context.responses.compile(follow()))

    def go_on(self, follow: Callable[[], Response]) -> None:
        """Do so with what follows as a response.

        The answer may come within `ask`, or in a later turn, when the peer may be gone.
        """
        self._awaits_answer = False
        if self.ending:
            return
        try:
            self.slow = self._is_paused or self.is_blocked
            perform(self.context, [(self, follow())])
            if self._is_paused:
                self._continue()
        except Exception:  # noqa: BLE001  as in `perform`
            self.failed()

    def step(self) -> None:
        """Do what is next; a line that comes while the lobby's answer is awaited waits too."""
        if self.is_blocked or not self._awaits_answer:
            super().step()
        elif not self._is_paused:
            self._pause(())

    def _pause(self, lines: Sequence[bytes]) -> None:
        """Read nothing before the answer is there: the replies keep the order of the lines."""
        self._is_paused = True
        self._paused_lines = lines
        self.reactor.poll_for(self, NOTHING)

    def _continue(self) -> None:
        """Answer the lines that have waited, unless what came first has ended or paused the session again."""
        if self.ending or self._awaits_answer:
            return
        self._is_paused = False
        if not self.is_blocked:
            self.resume()
        lines, self._paused_lines = self._paused_lines, ()
        self._answer(lines)

    # --- the end

    def _close(self, reason: str) -> None:
        record, seconds = self.context.observer.record, round(self.reactor.now_s - self._opened_s, 6)
        if self.has_received:
            record(self.log_fields, LogEvent.SESSION_CLOSED, reason, self.guesses, seconds)
        else:
            record(self.log_fields, LogEvent.CONNECTION_PROBED, seconds)
        self.end()
        self.write(b"")

    def failed(self) -> None:
        """End the session after a mistake of our own; call it where the exception is handled."""
        if self.stage is Stage.CLOSED:  # a second mistake, while ending the session for the first
            return
        structlog.get_logger(session=self.id, peer=str(self.address)).exception("session_failed")
        self.drop()
        if not self.ending:
            self.on_lost("internal error")

    def resume(self) -> None:
        """Read again, unless lines wait for the lobby's answer or the connection is throttled."""
        if self._is_paused or self._throttled_until_s:
            self.reactor.poll_for(self, NOTHING)
        else:
            super().resume()
            self.slow = self._awaits_answer

    def broken(self, error: OSError) -> None:
        """Give up a connection that cannot be used any more."""
        self.has_received |= isinstance(error, DatalessError)  # no mere probe, and worth a line of the log
        super().broken(error)

    def on_lost(self, reason: str) -> None:
        """End the conversation without a reply."""
        self.apply(self.state.leave(reason))

    def refuse(self, reason: str) -> None:
        """Send the negative answer on the server's own account (clause P-6), unless it is ending anyway."""
        if not self.ending:
            self.apply(self.state.refuse(reason, self.lines.unterminated))

    # --- time

    def timed_out(self) -> None:
        """Act on a deadline, whichever it was."""
        if self.stage in (Stage.LINGERING, Stage.CLOSED):
            self.drop()
        elif self.is_blocked:
            self.abort("replies not read")
        elif self.stage is Stage.TLS_HANDSHAKE:
            self.on_tls_failed("TLS: handshake not completed")
            self.drop()
        elif self._throttled_until_s:
            self._throttled_until_s = 0.0
            self.on_guess_limit()
            if not self._throttled_until_s:
                self.resume()
                self.reset_deadline()
        elif not self.has_received:
            self.on_silence()
        elif self._deadline_then_s > self.reactor.now_s:
            self._on_silence_after_line()
        else:
            self.on_timeout()

    def _on_silence_after_line(self) -> None:
        if self._awaits_answer:  # replies keep the order of the lines
            self._await_end_of_line()
            return
        self.deadline_s, self._deadline_then_s = self._deadline_then_s, 0.0
        self._end_line()

    def on_silence(self) -> None:
        """Act on the deadline of a peer that has never sent anything (clause P-10)."""
        self.apply(self.state.leave("silent"))

    def on_timeout(self) -> None:
        """Act on the deadline of a peer that has sent something."""
        self.apply(self.state.too_slow(self.context.limits.handshake_timeout_s, self.lines.unterminated))

    def on_tls_started(self) -> None:
        """Give the TLS handshake less time than the whole."""
        self.deadline_s = min(self.deadline_s, self.reactor.now_s + self.context.limits.tls_timeout_s)

    def on_tls_failed(self, reason: str) -> None:
        """Log a peer that never got as far as a line."""
        self.context.observer.record(self.log_fields, LogEvent.HANDSHAKE_REFUSED, reason, "")

    def reset_deadline(self) -> None:
        """Set the deadline for the next line, after the peer has read what was kept for it."""
        timeout_s = self.responses.timeout_s
        self._deadline_then_s = 0.0
        if self._throttled_until_s:
            self.deadline_s = self._throttled_until_s
            return
        if timeout_s:
            self.deadline_s = self.reactor.now_s + timeout_s
        else:
            self.deadline_s = self._opened_s + self.context.limits.handshake_timeout_s
        self._await_end_of_line()
