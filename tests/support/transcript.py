"""Conversations driven as a session drives them, but in memory: lines in, reply lines out."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, NamedTuple

from services.lobby.interface import RoundGuess, RoundOutcome
from services.protocol import refusals
from services.protocol.framing import LineBuffer
from services.protocol.messages import Address, Guessed, Joined, Left, Round, TooLate, Verdict, Won
from services.protocol.rules import CLASSIC
from services.server.game.admin import AdminState
from services.server.game.conversation import EnterRound, FindPlayers, TakeSeat
from services.server.game.player import GameConfig, PlayerState

if TYPE_CHECKING:
    from collections.abc import Callable

    from services.protocol.messages import WatchEvent
    from services.protocol.rules import Rules
    from services.server.game.conversation import ConversationState, Outcome, Question
    from services.server.game.log_events import LogEvent, Value

PLAYER = Address("192.0.2.7", 50123)
OTHER_PLAYER = Address("2001:db8::7", 50124)


@dataclass(slots=True)
class FakeServer:
    """What all conversations of a server share: who plays, who watches, what was published."""

    published: list[WatchEvent] = field(default_factory=list)
    playing: list[Address] = field(default_factory=list)
    """The list of players, as the published events alone tell it (clause A-4)."""
    seat: Transcript | None = None
    shared_rounds: bool = False
    """Whether watchers are told of them."""
    round_number: int = 1
    """The shared round in play."""
    found: TooLate = field(default_factory=TooLate)
    """What is said of the round before."""
    reachable: bool = True
    """Whether what is shared with other servers can be asked."""

    def publish(self, event: WatchEvent) -> None:
        """Let `event` take effect on the list."""
        self.published.append(event)
        match event:
            case Joined(address):
                assert address not in self.playing, "joined twice"
                self.playing.append(address)
            case Won(address) | Left(address):
                self.playing.remove(address)
            case Guessed(address):
                assert address in self.playing, "guessed without having joined"
            case Round():
                pass

    def judge(self, guess: RoundGuess) -> RoundOutcome:
        """Judge a guess at the number that all share, of which the first one is 21 and the next 7."""
        if guess.round_number != self.round_number:
            return RoundOutcome(self.round_number, self.found)
        verdict = CLASSIC.judge(21 if self.round_number == 1 else 7, guess.number)
        self.publish(Guessed(guess.address, guess.number, verdict))
        if verdict is Verdict.CORRECT:
            self.round_number += 1
            self.found = TooLate(guess.number, guess.name)
            self.publish(Won(guess.address, guess.guesses))
            self.publish(Round(self.round_number))
        return RoundOutcome(guess.round_number, verdict)


class Transcript:
    """One conversation and all that came of it."""

    def __init__(self, state: ConversationState, server: FakeServer, draw_secret: Callable[[], int]) -> None:
        """Perform on `server` what follows from lines that begin in `state`."""
        self.state = state
        self.server = server
        self.address = PLAYER
        self.guesses = 0
        self.name: str | None = None
        self.output = b""
        """What the peer was sent."""
        self.log: list[tuple[LogEvent, tuple[Value, ...]]] = []
        self.closed: str | None = None
        """Why the conversation was closed; None while it goes on."""
        self._draw_secret = draw_secret
        self._lines = LineBuffer()

    def send(self, *lines: str) -> list[str]:
        """Say lines, ended by CRLF, in one piece, and return the lines of the reply."""
        return self.feed("".join(f"{line}\r\n" for line in lines).encode())

    def feed(self, *pieces: bytes) -> list[str]:
        """Let bytes arrive, piece by piece, and return the lines of the reply."""
        before = len(self.output)
        for piece in pieces:
            self._feed(piece)
        return self._lines_since(before)

    @property
    def unterminated(self) -> bytes:
        """What has come of a line whose end has not."""
        return self._lines.unterminated

    def perform(self, outcome: Outcome) -> list[str]:
        """Do what follows from something other than input, and return the lines of the reply."""
        before = len(self.output)
        self._perform(outcome)
        return self._lines_since(before)

    def half_close(self) -> list[str]:
        """End the input, and return the lines of the reply (clause F-6)."""
        if self.closed:
            return []
        rest = self.unterminated
        return self.perform(
            self.state.refuse(refusals.NOT_ENDED, rest) if rest else self.state.end_of_stream()
        )

    def logged(self, *wanted: LogEvent) -> list[tuple[Value, ...]]:
        """Return the values of the wanted events in the log."""
        return [values for event, values in self.log if event in wanted]

    def _lines_since(self, before: int) -> list[str]:
        *lines, rest = self.output[before:].decode("ascii").split("\r\n")
        assert not rest, "a reply without its CRLF"
        return lines

    def _feed(self, data: bytes) -> None:
        for line in [] if self.closed else self._lines.feed(data):
            self._perform(self.state.handle(line))
            if self.closed:
                break
        if not self.closed and self._lines.overlong:
            self._perform(self.state.refuse(self._lines.overlong.reason, self.unterminated))

    def _perform(self, outcome: Outcome) -> None:
        assert self.closed is None, f"{outcome} after the close"
        self.guesses += outcome.is_guess
        self.name = outcome.name or self.name
        for event, values in outcome.log:
            assert len(values) == len(event.fields)
            self.log.append((event, (*values, self.guesses) if event.count_field else values))
        for happened in outcome.events:
            self.server.publish(happened.of(self.address, self.guesses, self.name))
        self.output += outcome.reply
        if outcome.leaves_seat:
            assert self.server.seat is self
            self.server.seat = None
        if outcome.next_state is not None:
            self.state = outcome.next_state
        if outcome.draws_secret:
            assert isinstance(self.state, PlayerState)
            self.state = self.state.with_secret(self._draw_secret())
        self.closed = outcome.close_reason
        if outcome.question is not None:
            self._perform(self._answer(outcome.question, outcome.repeat))
        elif outcome.repeat:
            self._perform(self.state.handle(outcome.repeat))

    def _answer(self, question: Question, repeat: bytes) -> Outcome:
        server, state = self.server, self.state
        if isinstance(state, AdminState):
            if isinstance(question, FindPlayers):
                reachable = server.reachable or question.within_watch
                return state.listed(tuple(server.playing) if reachable else None)
            assert isinstance(question, TakeSeat)
            if server.seat or not server.reachable:
                return state.seat_refused(occupied=server.reachable)
            server.seat = self
            round_number = server.round_number if server.shared_rounds else None
            return state.seated(tuple(server.playing), round_number=round_number)
        assert isinstance(state, PlayerState)
        if isinstance(question, EnterRound):
            return state.entered(server.round_number if server.reachable else None, repeat)
        assert not isinstance(question, FindPlayers | TakeSeat)
        guess = RoundGuess(self.address, state.round_number, question.number, self.guesses + 1, self.name)
        return state.judged(question, server.judge(guess) if server.reachable else None)


class KnownGame(NamedTuple):
    """What players play by, and where their secrets come from."""

    config: GameConfig
    draw_secret: Callable[[], int]


def known_game(
    secret: int = 21, rules: Rules = CLASSIC, max_invalid_guesses: int = 20, *, shared_rounds: bool = False
) -> KnownGame:
    """Return a game whose secret is known."""
    return KnownGame(GameConfig(rules, shared_rounds, max_invalid_guesses), lambda: secret)


def as_player(
    *said: str,
    game: KnownGame | None = None,
    server: FakeServer | None = None,
    address: Address = PLAYER,
) -> Transcript:
    """Return a player's conversation in which some lines were said already."""
    known = game or known_game()
    transcript = Transcript(PlayerState(known.config), server or FakeServer(), known.draw_secret)
    transcript.address = address
    transcript.send(*said)
    return transcript


def as_admin(*said: str, server: FakeServer | None = None) -> Transcript:
    """Return an administrator's conversation in which some lines were said already."""
    transcript = Transcript(AdminState(), server or FakeServer(), lambda: 0)
    transcript.send(*said)
    return transcript
