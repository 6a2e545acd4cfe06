"""What both ports have in common: lines are taken one at a time and refused in one way."""

from abc import ABC, abstractmethod
from typing import Final

from services.protocol.codec import parse_request
from services.protocol.errors import OutOfTurnError
from services.protocol.framing import LineBuffer
from services.protocol.messages import Refused, Reply, Request
from services.protocol.state import State, advance
from services.server.game.effects import Close, Effect, Record, Send
from services.server.game.facts import Fact

INPUT_SHOWN_OCTETS: Final = 64
"""How much of an offending line the log shows: enough to recognise it."""

NOT_ENDED: Final = "line not ended by CRLF"
"""The mistake that beginners make (clauses F-6, P-10)."""


def shown(line: bytes) -> str:
    """Return what the log shows of a peer's line: printable ASCII, cut."""
    return repr(line[:INPUT_SHOWN_OCTETS])[2:-1]


class Conversation(ABC):
    """The server's side of one connection.

    Hand what arrives to `receive`, each line of it to `take`, and then ask `overflow`. After a
    `Close` the conversation is over: hand in nothing more.
    """

    __slots__ = ("_buffer", "guesses", "state")

    def __init__(self, state: State) -> None:
        self.state = state
        self.guesses = 0
        """How many guesses were judged so far."""
        self._buffer = LineBuffer()

    @property
    def unterminated(self) -> bytes:
        """What has come of a line whose end has not."""
        return self._buffer.unterminated

    def receive(self, data: bytes) -> list[bytes]:
        """Return the lines that `data` completes (clause F-3)."""
        return self._buffer.feed(data)

    def take(self, line: bytes) -> list[Effect]:
        """Answer one line."""
        request = parse_request(line)
        try:
            self.state = advance(self.state, request)
        except OutOfTurnError as error:
            return self.refuse(error.reason, line)
        return self.answer(request, line)

    @abstractmethod
    def answer(self, request: Request, line: bytes) -> list[Effect]:
        """Answer a request whose turn it is."""

    def overflow(self) -> list[Effect]:
        """Refuse the peer if its line has become too long (clause F-2)."""
        overlong = self._buffer.overlong
        return self.refuse(overlong.reason) if overlong else []

    def end_of_stream(self) -> list[Effect]:
        """Answer the peer's half-close (clause F-6)."""
        return self.refuse(NOT_ENDED) if self.unterminated else self.leave("peer closed")

    def too_slow(self, timeout_s: float) -> list[Effect]:
        """Refuse a peer that has said something, but not begun to play in time (clause P-10)."""
        reason = NOT_ENDED if self.unterminated else f"handshake not completed within {timeout_s:g} s"
        return self.refuse(reason)

    def refuse(self, reason: str, line: bytes | None = None) -> list[Effect]:
        """Give the negative answer, for the peer's fault or on the server's own account (clause P-6)."""
        offending = self.unterminated if line is None else line
        return [
            Record(Fact.HANDSHAKE_REFUSED, (reason, shown(offending))),
            self.reply(Refused(reason)),
            Close(reason),
        ]

    def leave(self, reason: str) -> list[Effect]:
        """End without a word: the peer is gone, or never said anything."""
        self.state = State.CLOSED
        return [Close(reason)]

    def reply(self, reply: Reply) -> Send:
        """Say `reply`, and let it take effect on the state."""
        self.state = advance(self.state, reply)
        return Send(reply)
