"""One game from the player's side, pure: what may be sent and what the replies mean, in each dialect.

A server that follows docs/protocol.md never leaves the state table. Other servers of the family do: they
reply in words of their own, and with several lines. Whether such a line was the reply shows only when nothing
follows it: then the caller calls `assume_reply`. How long to wait for that is the caller's decision.
"""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Final

from services.player.bot import Dialect, View
from services.player.sense import is_miss, verdict_in
from services.protocol.codec import encode
from services.protocol.connection import ClientConnection
from services.protocol.errors import OutOfTurnError
from services.protocol.messages import (
    Game,
    Greetings,
    Guess,
    Name,
    Prompt,
    Ready,
    Refused,
    TooLate,
    Unknown,
    Verdict,
    Welcome,
)
from services.protocol.refusals import FOR_NOW
from services.protocol.state import State
from services.strategies.candidates import Try

if TYPE_CHECKING:
    from services.protocol.messages import Hello, PlayerReply, Reply
    from services.protocol.rules import Rules
    from services.strategies.candidates import History

_EXPECTED: Final[dict[State, PlayerReply]] = {
    State.GREETING: Greetings(),
    State.NAMING: Welcome(""),
    State.STARTING: Ready(),
    State.JUDGING: Prompt(0, 0),
}
"""What a reply in unknown words stands for, wherever one is awaited."""

_TELLING: Final = {Verdict.FAR, Verdict.CLOSE}

_GUESSES_TO_FIT: Final = 120
"""So many guesses with one verdict, and the server reads other numbers; a range to 100 is tried by then."""


class Conversation:
    """What a player knows of the game it plays."""

    __slots__ = (
        "_asked",
        "_connection",
        "_dialect",
        "_history",
        "_missed",
        "_named",
        "_range_told",
        "_rules",
        "begun",
        "judged",
        "misunderstood",
        "name_unanswered",
        "reply_unclear",
    )

    def __init__(self, dialect: Dialect, rules: Rules, *, range_told: bool = False) -> None:
        self._connection = ClientConnection()
        self._dialect = dialect
        self._rules = rules
        self._range_told = range_told
        self._history: History = ()
        self._asked: int | None = None
        self._missed = False
        """Whether a guess was said to be none, in words that tell no distance: more may follow."""
        self._named = False
        self.reply_unclear = False
        """Whether a reply is awaited, and only lines in unknown words have come."""
        self.name_unanswered = False
        """Whether a name was given, and not answered in any way that lets the game go on."""
        self.begun = False
        """Whether a game was asked for, by `Game` or by a guess, and not put off."""
        self.judged = False
        """Whether any guess was judged, of this round or of one before."""
        self.misunderstood = False
        """Whether `Game`, or a guess that had to be judged, was answered in words that mean nothing here."""

    @property
    def view(self) -> View:
        """What a bot decides by."""
        return View(self._connection.state, self._rules, self._history, self._range_told, self._named)

    @property
    def fits(self) -> bool:
        """Whether the dialect is the server's: who takes each guess for 0 has but one verdict, and no end."""
        verdicts = {verdict for _, verdict in self._history}
        return Verdict.CORRECT in verdicts or (verdicts >= _TELLING and not self.misunderstood)

    @property
    def misfits(self) -> bool:
        """Whether a guess was answered, and no verdict that tells something has come of any."""
        nothing_understood = bool(self._history) and self.misunderstood and not self.judged
        return nothing_understood or (self.guesses >= _GUESSES_TO_FIT and not self.fits)

    @property
    def awaiting_reply(self) -> bool:
        """Whether the server has to reply."""
        return self._connection.state in _EXPECTED

    @property
    def naming(self) -> bool:
        """Whether it is a name that the server has to reply to: one that knows none may say nothing."""
        return self._connection.state is State.NAMING

    @property
    def may_assume_reply(self) -> bool:
        """Whether silence may be taken for the end of a reply."""
        return self.reply_unclear or self.naming

    @property
    def guesses(self) -> int:
        """How many guesses were judged."""
        return sum(verdict is not None for _, verdict in self._history)

    def send(self, request: Hello | Name | Game | Guess) -> bytes:
        """Return the bytes of `request` in the server's dialect."""
        line = self._connection.send(request)
        if isinstance(request, Name):
            self._named = self.name_unanswered = True
        self.begun |= isinstance(request, Game | Guess)
        if isinstance(request, Guess):
            self._asked = request.number
            if self._dialect is not Dialect.CLASSIC:
                return encode(Unknown(self._dialect.spell(request.number)))
        return line

    def receive(self, data: bytes) -> list[Reply]:
        """Return the replies that `data` completes; `handle` each of them in turn.

        Raises:
            LineTooLongError: the server sent more than a line may have.
        """
        return self._connection.receive(data)

    @property
    def has_unterminated(self) -> bool:
        """Whether the beginning of a line has come, and not its end."""
        return self._connection.has_unterminated

    def end_line(self) -> Reply:
        """Return what has come of a line as the reply that it is; `handle` it."""
        return self._connection.end_line()

    def handle(self, reply: Reply) -> Reply:
        """Let a reply take effect, if the server may send it now; return what it means."""
        if isinstance(reply, Prompt):
            self._learn(reply)
        if isinstance(reply, Unknown) and self._connection.state is State.JUDGING:
            self._missed |= is_miss(reply.text)
            reply = verdict_in(reply.text) or reply
        if not self._take(reply):
            self.reply_unclear = self.awaiting_reply
            self.misunderstood |= self.begun and self.awaiting_reply and not self._missed
            return reply
        if isinstance(reply, TooLate):
            self._begin_round()
        self.begun &= not (isinstance(reply, Refused) and reply.reason in FOR_NOW)
        self._note(reply if isinstance(reply, Verdict) else None)
        return reply

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
        if self._connection.state is not State.CLOSED:
            self.name_unanswered = False
        number, self._asked = self._asked, None
        missed, self._missed = self._missed, False
        if number is None:
            return
        understood = missed or verdict is not None
        self.judged |= understood
        self.misunderstood |= not understood and number in self._rules
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
