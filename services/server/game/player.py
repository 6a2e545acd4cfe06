"""A player's conversation: handshake, guesses, the end (clauses P-1 to P-11)."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Final

from services.lobby.interface import RoundGuess, RoundOutcome
from services.protocol.messages import (
    Address,
    Game,
    Greetings,
    Guess,
    Guessed,
    Hello,
    Joined,
    Left,
    Name,
    Ready,
    Refused,
    Request,
    TooLate,
    Verdict,
    Welcome,
    Won,
)
from services.protocol.rules import Rules
from services.protocol.state import State
from services.server.game.conversation import Conversation, shown
from services.server.game.effects import Close, Effect, EnterRound, Judge, Publish, Record
from services.server.game.facts import Fact

TOO_MANY_INVALID: Final = "too many invalid guesses"
BAD_NAME: Final = "a name is 1 to 20 letters, digits, - or _"
UNAVAILABLE: Final = "the shared game cannot be reached now, try again"


NO_OPENING: Final[tuple[Request, bytes]] = Game(), b""
"""Before anybody has asked for a game."""


@dataclass(frozen=True, slots=True)
class Table:
    """What all players of a server share."""

    rules: Rules
    draw_secret: Callable[[], int]
    """Returns a number of the range that nobody can foresee (clause P-9)."""
    shared_rounds: bool
    """Whether all guess at one number that somebody else holds (clause R-1), each at an own one if not."""
    max_invalid_guesses: int
    """A player is refused at this many lines in a row that are no valid guess (clause P-13)."""


class PlayerConversation(Conversation):
    """One connection on the player port."""

    __slots__ = ("_address", "_opening", "_round_number", "_table", "invalid_guesses", "playing", "secret")

    def __init__(self, table: Table, address: Address) -> None:
        super().__init__(State.CONNECTED)
        self._table = table
        self._address = address
        self.playing = False
        """Whether the player is on the list: a game has begun and is not over."""
        self.secret = 0
        self._round_number = 0
        self._opening = NO_OPENING
        self.invalid_guesses = 0
        """How many lines in a row were no valid guess."""

    def answer(self, request: Request, line: bytes) -> list[Effect]:
        """Answer a request whose turn it is."""
        if self.playing:
            return self._judge(request, line)
        if isinstance(request, Hello):
            return [
                Record(Fact.HANDSHAKE_ADVANCED, ("Hello", "Greetings")),
                self.reply(Greetings()),
            ]
        if isinstance(request, Name):
            if request.name is None:
                return self.refuse(BAD_NAME, line)
            return [
                Record(Fact.HANDSHAKE_ADVANCED, ("Name", "Welcome")),
                self.reply(Welcome(request.name)),
            ]
        if isinstance(request, Game):
            return [Record(Fact.HANDSHAKE_ADVANCED, ("Game", "Ready")), *self._begin(request, line)]
        # The only other request in turn is the guess that begins a game by itself (clause P-7).
        return self._begin(request, line)

    def _begin(self, request: Request, line: bytes) -> list[Effect]:
        if self._table.shared_rounds:
            self._opening = request, line
            return [EnterRound()]
        self.secret = self._table.draw_secret()
        return self._play(request, line)

    # The steps of the usual game without a word about them. The session takes them the short way, and says
    # the same (a test keeps the two equal).

    def greet(self) -> None:
        """Go through Hello and Greetings."""
        self.state = State.GREETED

    def begin(self) -> None:
        """Go through Game and Ready; not with shared rounds."""
        self.secret = self._table.draw_secret()
        self.playing = True
        self.state = State.PLAYING

    def win(self) -> None:
        """Go through the winning guess and Correct."""
        self.guesses += 1
        self.playing = False
        self.state = State.CLOSED

    def entered(self, round_number: int | None) -> list[Effect]:
        """Go on after `EnterRound`: the game begins, unless the round cannot be known."""
        if round_number is None:
            return self.refuse(UNAVAILABLE)
        self._round_number = round_number
        return self._play(*self._opening)

    def _play(self, request: Request, line: bytes) -> list[Effect]:
        self.playing = True
        joined = Publish(Joined(self._address))
        if isinstance(request, Game):
            return [Record(Fact.HANDSHAKE_COMPLETED, ("classic",)), joined, self.reply(Ready())]
        return [Record(Fact.HANDSHAKE_COMPLETED, ("short",)), joined, *self._judge(request, line)]

    def _judge(self, request: Request, line: bytes) -> list[Effect]:
        rules = self._table.rules
        if not isinstance(request, Guess) or request.number is None or request.number not in rules:
            return self._reject(line)
        number = request.number
        if self._table.shared_rounds:
            return [Judge(RoundGuess(self._address, self._round_number, number, self.guesses + 1))]
        verdict = rules.judge(self.secret, number)
        published: list[Effect] = [Publish(Guessed(self._address, number, verdict))]
        if verdict is Verdict.CORRECT:
            published.append(Publish(Won(self._address, self.guesses + 1)))
        return [*published, *self._announce(Fact.GUESS_JUDGED, number, verdict)]

    def judged(self, guess: RoundGuess, outcome: RoundOutcome | None) -> list[Effect]:
        """Go on after `Judge`; what follows for the list was published where it was judged."""
        if outcome is None:
            return self.refuse(UNAVAILABLE)
        if outcome.verdict is None:
            self._round_number = outcome.round_number
            self.invalid_guesses = 0
            return [
                Record(Fact.GUESS_TOO_LATE, (guess.number, guess.round_number)),
                self.reply(TooLate()),
            ]
        return self._announce(Fact.ROUND_GUESS_JUDGED, guess.number, outcome.verdict, guess.round_number)

    def _announce(self, fact: Fact, number: int, verdict: Verdict, *more: int) -> list[Effect]:
        self.guesses += 1
        self.invalid_guesses = 0
        effects: list[Effect] = [
            Record(fact, (number, verdict.value, self.guesses, *more)),
            self.reply(verdict),
        ]
        if verdict is Verdict.CORRECT:
            self.playing = False
            effects += (Record(Fact.GAME_WON, (self.guesses,)), Close("won"))
        return effects

    def _reject(self, line: bytes) -> list[Effect]:
        self.invalid_guesses += 1
        if self.invalid_guesses >= self._table.max_invalid_guesses:
            return self.refuse(TOO_MANY_INVALID, line)
        return [Record(Fact.GUESS_REJECTED, (shown(line),)), self.reply(self._table.rules.prompt)]

    def idle(self, timeout_s: float) -> list[Effect]:
        """Refuse a player who has been silent for too long (clause P-11)."""
        return self.refuse(f"idle for {timeout_s:g} s")

    def refuse(self, reason: str, line: bytes | None = None) -> list[Effect]:
        """Give the negative answer; one who plays is no longer listed then."""
        if not self.playing:
            return super().refuse(reason, line)
        return [self.reply(Refused(reason)), *self.leave(reason)]

    def leave(self, reason: str) -> list[Effect]:
        """End without a word; one who plays is no longer listed then."""
        left: list[Effect] = [Publish(Left(self._address))] if self.playing else []
        self.playing = False
        return [*left, *super().leave(reason)]


def usual_lines(spelling: bytes) -> tuple[bytes, ...]:
    """Return a line with both of its terminators."""
    return spelling + b"\r\n", spelling + b"\n"


def usual_guesses(number: int) -> tuple[bytes, ...]:
    """Return the lines that a guess is usually spelled as."""
    return tuple(
        line
        for spelling in (b"My Guess is: %d", b"Guess: %d", b"%d")
        for line in usual_lines(spelling % number)
    )


def ordinary_guesses(rules: Rules, secret: int) -> dict[bytes, tuple[int, Verdict]]:
    """Return every wrong guess in its usual spellings, terminator included, with its number and verdict.

    Whatever is in here is answered as `PlayerConversation.take` answers it, and needs no parsing
    (a test keeps the two equal). The winning guess is not in here: more follows from it.
    """
    return {
        line: (number, rules.judge(secret, number))
        for number in range(rules.low, rules.high + 1)
        if number != secret
        for line in usual_guesses(number)
    }
