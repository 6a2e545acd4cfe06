"""Conversations driven as a session drives them, but in memory: lines in, reply lines out."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, assert_never

from services.lobby.interface import RoundOutcome
from services.protocol.codec import encode, encode_list
from services.protocol.messages import Address, Guessed, Joined, Left, Round, Verdict, Won
from services.protocol.rules import CLASSIC
from services.server.game.admin import AdminConversation
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
from services.server.game.player import PlayerConversation, Table

if TYPE_CHECKING:
    from collections.abc import Iterable

    from services.lobby.interface import RoundGuess
    from services.protocol.messages import WatchEvent
    from services.protocol.rules import Rules
    from services.server.game.conversation import Conversation
    from services.server.game.effects import Effect, Question
    from services.server.game.facts import Fact, Value

PLAYER = Address("192.0.2.7", 50123)
OTHER_PLAYER = Address("2001:db8::7", 50124)


@dataclass(slots=True)
class House:
    """What all conversations of a server share: who plays, who watches, what was published."""

    published: list[WatchEvent] = field(default_factory=list)
    playing: list[Address] = field(default_factory=list)
    """The list of players, as the published events alone tell it (clause A-4)."""
    seat: Talk | None = None
    round_number: int = 1
    """The shared round in play."""
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
            return RoundOutcome(self.round_number, None)
        verdict = CLASSIC.judge(21 if self.round_number == 1 else 7, guess.number)
        self.publish(Guessed(guess.address, guess.number, verdict))
        if verdict is Verdict.CORRECT:
            self.round_number += 1
            self.publish(Won(guess.address, guess.guesses))
            self.publish(Round(self.round_number))
        return RoundOutcome(guess.round_number, verdict)


class Talk:
    """One conversation and all that came of it."""

    def __init__(self, conversation: Conversation, house: House) -> None:
        """Perform the effects of `conversation` on `house`."""
        self.conversation = conversation
        self.house = house
        self.output = b""
        """What the peer was sent."""
        self.recorded: list[tuple[Fact, tuple[Value, ...]]] = []
        self.closed: str | None = None
        """Why the conversation was closed; None while it goes on."""

    def say(self, *lines: str) -> list[str]:
        """Say lines, ended by CRLF, in one piece, and return the lines of the reply."""
        return self.feed("".join(f"{line}\r\n" for line in lines).encode())

    def feed(self, *pieces: bytes) -> list[str]:
        """Let bytes arrive, piece by piece, and return the lines of the reply."""
        before = len(self.output)
        for piece in pieces:
            self._feed(piece)
        return self._lines_since(before)

    def perform(self, effects: list[Effect]) -> list[str]:
        """Do what something other than input asked for, and return the lines of the reply."""
        before = len(self.output)
        self._perform(effects)
        return self._lines_since(before)

    def half_close(self) -> list[str]:
        """End the input, and return the lines of the reply (clause F-6)."""
        return [] if self.closed else self.perform(self.conversation.end_of_stream())

    def facts(self, *wanted: Fact) -> list[tuple[Value, ...]]:
        """Return the values of the wanted facts that were recorded."""
        return [values for fact, values in self.recorded if fact in wanted]

    def _lines_since(self, before: int) -> list[str]:
        *lines, rest = self.output[before:].decode("ascii").split("\r\n")
        assert not rest, "a reply without its CRLF"
        return lines

    def _feed(self, data: bytes) -> None:
        for line in [] if self.closed else self.conversation.receive(data):
            self._perform(self.conversation.take(line))
            if self.closed:
                break
        if not self.closed:
            self._perform(self.conversation.overflow())

    def _perform(self, effects: Iterable[Effect]) -> None:
        for effect in effects:
            assert self.closed is None, f"{effect} after the close"
            match effect:
                case Send(reply):
                    self.output += encode(reply)
                case SendList(players, within_watch):
                    self.output += encode_list(players, within_watch=within_watch)
                case Publish(event):
                    self.house.publish(event)
                case Record(fact, values):
                    assert len(values) == len(fact.fields)
                    self.recorded.append((fact, values))
                case Close(reason):
                    self.closed = reason
                case FindPlayers() | TakeSeat() | EnterRound() | Judge():
                    self._perform(self._answer(effect))
                case LeaveSeat():
                    assert self.house.seat is self
                    self.house.seat = None
                case _:
                    assert_never(effect)

    def _answer(self, question: Question) -> list[Effect]:
        house, conversation = self.house, self.conversation
        if isinstance(conversation, AdminConversation):
            if isinstance(question, FindPlayers):
                reachable = house.reachable or question.within_watch
                return conversation.listed(tuple(house.playing) if reachable else None)
            assert isinstance(question, TakeSeat)
            if house.seat or not house.reachable:
                return conversation.seat_refused(occupied=house.reachable)
            house.seat = self
            return conversation.seated(tuple(house.playing))
        assert isinstance(conversation, PlayerConversation)
        if isinstance(question, EnterRound):
            return conversation.entered(house.round_number if house.reachable else None)
        assert isinstance(question, Judge)
        return conversation.judged(question.guess, house.judge(question.guess) if house.reachable else None)


def player_table(
    secret: int = 21, rules: Rules = CLASSIC, max_invalid_guesses: int = 20, *, shared_rounds: bool = False
) -> Table:
    """Return a table whose secret is known."""
    return Table(
        rules=rules,
        draw_secret=lambda: secret,
        shared_rounds=shared_rounds,
        max_invalid_guesses=max_invalid_guesses,
    )


def talk_as_player(
    *said: str,
    table: Table | None = None,
    house: House | None = None,
    address: Address = PLAYER,
) -> Talk:
    """Return a player's conversation in which some lines were said already."""
    talk = Talk(PlayerConversation(table or player_table(), address), house or House())
    talk.say(*said)
    return talk


def talk_as_admin(*said: str, house: House | None = None) -> Talk:
    """Return an administrator's conversation in which some lines were said already."""
    talk = Talk(AdminConversation(), house or House())
    talk.say(*said)
    return talk
