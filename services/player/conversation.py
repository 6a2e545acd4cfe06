"""One game from the player's side, pure: what may be said, and what the replies mean, in whatever dialect.

A server that follows docs/protocol.md never leaves the state table. The other servers of the family do: they
answer in words of their own, and in more lines than one. What such a line means shows only in the silence
after it, so `hush` takes it for the reply that was owed; how long to wait for that is the caller's affair.
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

_OWED: Final[dict[State, PlayerReply]] = {
    State.GREETING: Greetings(),
    State.STARTING: Ready(),
    State.JUDGING: Prompt(0, 0),
}
"""What a reply in unknown words stands for, wherever one is owed."""


def printable(text: str) -> str:
    """Return a server's words as they may stand in a log or on a terminal."""
    return text if text.isprintable() else repr(text)[1:-1]


class Conversation:
    """What a player knows of the game it plays."""

    __slots__ = ("_asked", "_connection", "_dialect", "_history", "_range_told", "_rules", "puzzled")

    def __init__(self, dialect: Dialect, rules: Rules, *, range_told: bool = False) -> None:
        self._connection = ClientConnection()
        self._dialect = dialect
        self._rules = rules
        self._range_told = range_told
        self._history: History = ()
        self._asked: int | None = None
        self.puzzled = False
        """Whether the server owes a reply, and has said something that is none."""

    @property
    def view(self) -> View:
        """What a bot decides by."""
        return View(self._connection.state, self._rules, self._history, self._range_told)

    @property
    def owed(self) -> bool:
        """Whether it is the server's turn."""
        return self._connection.state in _OWED

    @property
    def guesses(self) -> int:
        """How many guesses were judged."""
        return sum(verdict is not None for _, verdict in self._history)

    def say(self, request: Hello | Game | Guess) -> bytes:
        """Return the bytes that say `request`, in the server's dialect."""
        line = self._connection.send(request)
        if isinstance(request, Guess):
            self._asked = request.number
            if self._dialect is Dialect.SHORT:
                return encode(Unknown(f"Guess: {request.number}"))
        return line

    def receive(self, data: bytes) -> list[Reply]:
        """Return the replies that `data` completes; `hear` each of them in turn.

        Raises:
            LineTooLongError: the server sent more than a line may have.
        """
        return self._connection.receive(data)

    def hear(self, reply: Reply) -> None:
        """Let a reply take effect, if it is one that the server owes or may give at any moment."""
        if isinstance(reply, Prompt):
            self._learn(reply)
        if not self._take(reply):
            self.puzzled = self.owed
            return
        if isinstance(reply, TooLate):
            self._begin_round()
        self._note(reply if isinstance(reply, Verdict) else None)

    def hush(self) -> None:
        """Take what was said, in unknown words, for the reply that was owed."""
        owed = _OWED.get(self._connection.state)
        if owed is not None:
            self._connection.take(owed)
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
        self.puzzled = False
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
