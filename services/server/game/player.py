"""A player's side: handshake, guesses, the end (clauses P-1 to P-13)."""

from __future__ import annotations

from dataclasses import dataclass, replace
from functools import cached_property
from typing import TYPE_CHECKING, Final, Self

from services.protocol import refusals
from services.protocol.codec import encode
from services.protocol.messages import (
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
    TooLate,
    Verdict,
    Welcome,
    Won,
)
from services.protocol.state import State
from services.server.game.conversation import (
    ConversationState,
    EnterRound,
    Judge,
    LogRecord,
    Outcome,
    PlayerEvent,
    shown,
)
from services.server.game.log_events import LogEvent

if TYPE_CHECKING:
    from services.lobby.interface import RoundOutcome
    from services.protocol.messages import Request
    from services.protocol.rules import Rules

_USUAL_WORDS: Final = {b"Hello", b"Game"}

WIDEST_RANGE: Final = 128
"""Guesses in ranges up to this many numbers are remembered, for each secret: 5 MiB at most."""


@dataclass(frozen=True)
class GameConfig:
    """What all players of a server play by."""

    rules: Rules
    shared_rounds: bool
    """Whether all guess at one number that the lobby holds (clause R-1), each at its own one if not."""
    max_invalid_guesses: int
    """A player is refused at this many lines in a row that are no valid guess (clause P-13)."""

    @cached_property
    def is_narrow(self) -> bool:
        """Whether there are few enough secrets and guesses to remember what follows from each."""
        return self.rules.high - self.rules.low < WIDEST_RANGE

    @cached_property
    def prompt(self) -> bytes:
        """The answer to whatever is no guess in range."""
        return encode(self.rules.prompt)


@dataclass(frozen=True, slots=True)
class PlayerState(ConversationState):
    """Where a player's conversation stands."""

    config: GameConfig
    protocol_state: State = State.CONNECTED
    secret: int = 0
    round_number: int = 0
    invalid_guesses: int = 0
    """How many lines in a row were no valid guess."""

    @property
    def is_engaged(self) -> bool:
        """Whether a game is under way: the player is on the list."""
        return self.protocol_state in {State.PLAYING, State.JUDGING}

    has_idle_timeout = is_engaged

    @property
    def is_usual(self) -> bool:
        """Whether many come to this state: the handshake, and games in narrow ranges without a mistake."""
        if self.invalid_guesses:
            return False
        if self.round_number:
            return self.config.is_narrow and self.is_engaged
        return self.config.is_narrow or not self.secret

    @property
    def is_passing(self) -> bool:
        """Whether it is of a shared round."""
        return bool(self.round_number)

    def at(self, protocol_state: State) -> Self:
        """Return this state at another place of the protocol's table."""
        return replace(self, protocol_state=protocol_state)

    def with_secret(self, secret: int) -> Self:
        """Return this state with a number to be guessed."""
        return replace(self, secret=secret)

    def _with_invalid_guesses(self, count: int) -> PlayerState:
        # What `replace` does, for the one change that a flood makes again and again.
        return PlayerState(self.config, self.protocol_state, self.secret, self.round_number, count)

    def answer(self, request: Request, line: bytes, owing: State) -> Outcome:
        """Answer a request that is allowed."""
        outcome = self._judge(request, line) if self.is_engaged else self._greet(request, line, owing)
        if self.is_usual and self._is_usual_spelling(request, line):
            return outcome._replace(is_usual=True)
        return outcome

    def _is_usual_spelling(self, request: Request, line: bytes) -> bool:
        """Tell whether a line is one of the few that clients usually send."""
        if not isinstance(request, Guess):
            return line in _USUAL_WORDS and not self.is_engaged
        if not self.config.is_narrow or request.number is None or request.number not in self.config.rules:
            return False
        number = b"%d" % request.number
        return line in {b"My Guess is: " + number, b"Guess: " + number, number}

    def _greet(self, request: Request, line: bytes, owing: State) -> Outcome:
        if isinstance(request, Hello):
            return Outcome(
                log=(LogRecord(LogEvent.HANDSHAKE_ADVANCED, ("Hello", "Greetings")),),
                reply=encode(Greetings()),
                next_state=self.after(owing, Greetings()),
            )
        if isinstance(request, Name):
            if request.name is None:
                return self.refuse(refusals.BAD_NAME, line)
            return Outcome(
                log=(
                    LogRecord(LogEvent.HANDSHAKE_ADVANCED, ("Name", "Welcome")),
                    LogRecord(LogEvent.PLAYER_NAMED, (request.name,)),
                ),
                reply=encode(Welcome(request.name)),
                name=request.name,
                next_state=self.after(owing, Welcome(request.name)),
            )
        # A guess begins a game too (clause P-7), and is then handled like any other.
        repeat = b"" if isinstance(request, Game) else line
        if self.config.shared_rounds:
            return Outcome(question=EnterRound(), repeat=repeat)
        return self._begin(self, repeat)._replace(draws_secret=True)

    def entered(self, round_number: int | None, repeat: bytes) -> Outcome:
        """Go on after `EnterRound`: the game begins, unless the lobby cannot be asked."""
        if round_number is None:
            return self.refuse(refusals.ROUND_UNREACHABLE)
        return self._begin(replace(self, round_number=round_number), repeat)

    def _begin(self, game: PlayerState, repeat: bytes) -> Outcome:
        playing = game.at(State.PLAYING)
        joined = (PlayerEvent(Joined),)
        if repeat:
            completed = LogRecord(LogEvent.HANDSHAKE_COMPLETED, ("short",))
            return Outcome(log=(completed,), events=joined, next_state=playing, repeat=repeat)
        return Outcome(
            log=(
                LogRecord(LogEvent.HANDSHAKE_ADVANCED, ("Game", "Ready")),
                LogRecord(LogEvent.HANDSHAKE_COMPLETED, ("classic",)),
            ),
            events=joined,
            reply=encode(Ready()),
            next_state=playing,
        )

    def _judge(self, request: Request, line: bytes) -> Outcome:
        rules = self.config.rules
        if not isinstance(request, Guess) or request.number is None or request.number not in rules:
            return self._reject(line)
        number = request.number
        if self.config.shared_rounds:
            return Outcome(question=Judge(number))
        verdict = rules.judge(self.secret, number)
        record = LogRecord(LogEvent.GUESS_JUDGED, (number, verdict.value))
        return self._announce(record, verdict, PlayerEvent(Guessed, number, verdict))

    def judged(self, guess: Judge, outcome: RoundOutcome | None) -> Outcome:
        """Go on after `Judge`; the lobby has published what follows for the list and the watcher."""
        if outcome is None:
            return self.refuse(refusals.ROUND_UNREACHABLE)
        if isinstance(outcome.reply, TooLate):
            return Outcome(
                log=(LogRecord(LogEvent.GUESS_TOO_LATE, (guess.number, self.round_number)),),
                reply=encode(outcome.reply),
                next_state=replace(self, round_number=outcome.round_number, invalid_guesses=0),
            )
        values = (guess.number, outcome.reply.value, self.round_number)
        return self._announce(LogRecord(LogEvent.ROUND_GUESS_JUDGED, values), outcome.reply)

    def _announce(self, record: LogRecord, verdict: Verdict, *events: PlayerEvent) -> Outcome:
        if verdict is Verdict.CORRECT:
            return Outcome(
                log=(record, LogRecord(LogEvent.GAME_WON)),
                events=(*events, PlayerEvent(Won)) if events else (),
                reply=encode(verdict),
                is_guess=True,
                next_state=self.at(State.CLOSED),
                close_reason="won",
            )
        valid = self._with_invalid_guesses(0) if self.invalid_guesses else None
        return Outcome(log=(record,), events=events, reply=encode(verdict), is_guess=True, next_state=valid)

    def _reject(self, line: bytes) -> Outcome:
        invalid = self.invalid_guesses + 1
        if invalid >= self.config.max_invalid_guesses:
            return self.refuse(refusals.TOO_MANY_INVALID, line)
        return Outcome(
            log=(LogRecord(LogEvent.GUESS_REJECTED, (shown(line),)),),
            reply=self.config.prompt,
            next_state=self._with_invalid_guesses(invalid),
        )

    def refuse(self, reason: str, line: bytes = b"") -> Outcome:
        """Send the negative answer; a player in a game is taken off the list."""
        if not self.is_engaged:
            return ConversationState.refuse(self, reason, line)
        return self.leave(reason)._replace(reply=encode(Refused(reason)))

    def leave(self, reason: str) -> Outcome:
        """End without a reply; a player in a game is taken off the list."""
        left = (PlayerEvent(Left),) if self.is_engaged else ()
        return Outcome(events=left, next_state=self.at(State.CLOSED), close_reason=reason)
