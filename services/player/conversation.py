"""One game from the player's side, pure: what may be sent and what the replies mean, in each dialect.

A server that follows docs/protocol.md never leaves the state table. Other servers of the family do: they
reply in words of their own, and with several lines. Whether such a line was the reply shows only when nothing
follows it: then the caller calls `assume_reply`. How long to wait for that is the caller's decision.
"""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Final

from services.player.bot import Dialect, View
from services.protocol.codec import encode
from services.protocol.connection import ClientConnection
from services.protocol.errors import OutOfTurnError
from services.protocol.messages import Greetings, Guess, Prompt, Ready, TooLate, Unknown, Verdict
from services.protocol.state import State
from services.strategies.candidates import Try

if TYPE_CHECKING:
    from services.protocol.messages import Game, Hello, PlayerReply, Reply
    from services.protocol.rules import Rules
    from services.strategies.candidates import History

_EXPECTED: Final[dict[State, PlayerReply]] = {
    State.GREETING: Greetings(),
    State.STARTING: Ready(),
    State.JUDGING: Prompt(0, 0),
}
"""What a reply in unknown words stands for, wherever one is awaited."""


class Conversation:
    """What a player knows of the game it plays."""

    __slots__ = ("_asked", "_connection", "_dialect", "_history", "_range_told", "_rules", "reply_unclear")

    def __init__(self, dialect: Dialect, rules: Rules, *, range_told: bool = False) -> None:
        self._connection = ClientConnection()
        self._dialect = dialect
        self._rules = rules
        self._range_told = range_told
        self._history: History = ()
        self._asked: int | None = None
        self.reply_unclear = False
        """Whether a reply is awaited, and only lines in unknown words have come."""

    @property
    def view(self) -> View:
        """What a bot decides by."""
        return View(self._connection.state, self._rules, self._history, self._range_told)

    @property
    def awaiting_reply(self) -> bool:
        """Whether the server has to reply."""
        return self._connection.state in _EXPECTED

    @property
    def guesses(self) -> int:
        """How many guesses were judged."""
        return sum(verdict is not None for _, verdict in self._history)

    def send(self, request: Hello | Game | Guess) -> bytes:
        """Return the bytes of `request` in the server's dialect."""
        line = self._connection.send(request)
        if isinstance(request, Guess):
            self._asked = request.number
            if self._dialect is Dialect.SHORT:
                return encode(Unknown(f"Guess: {request.number}"))
        return line

    def receive(self, data: bytes) -> list[Reply]:
        """Return the replies that `data` completes; `handle` each of them in turn.

        Raises:
            LineTooLongError: the server sent more than a line may have.
        """
        return self._connection.receive(data)

    def handle(self, reply: Reply) -> None:
        """Let a reply take effect, if the server may send it now."""
        if isinstance(reply, Prompt):
            self._learn(reply)
        if not self._take(reply):
            self.reply_unclear = self.awaiting_reply
            return
        if isinstance(reply, TooLate):
            self._begin_round()
        self._note(reply if isinstance(reply, Verdict) else None)

    def assume_reply(self) -> None:
        """Take what was received, in unknown words, as the reply."""
        expected = _EXPECTED.get(self._connection.state)
        if expected is not None:
            self._connection.take(expected)
            self._note(None)

    def _take(self, reply: Reply) -> bool:
        """Let the reply change the state, if it may; to the table unknown words are a client's alone."""
        if isinstance(reply, Unknown):
            return False
        try:
            self._connection.take(reply)
        except OutOfTurnError:
            return False
        return True

    def _note(self, verdict: Verdict | None) -> None:
        self.reply_unclear = False
        number, self._asked = self._asked, None
        if number is None:
            return
        self._history += (Try(number, verdict),)
        if number > self._rules.high:
            # Asked only where the range was in doubt; a verdict means that it goes as far as this.
            if verdict is None:
                self._range_told = True
            else:
                self._rules = replace(self._rules, high=number)

    def _begin_round(self) -> None:
        """Forget what was a guess at another secret (clause R-3)."""
        self._history = ()
        self._asked = None

    def _learn(self, prompt: Prompt) -> None:
        self._range_told = True
        if prompt.low <= prompt.high:
            self._rules = replace(self._rules, low=prompt.low, high=prompt.high)
