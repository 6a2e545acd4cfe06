"""Many players and administrators at once, doing anything in any order: what must hold all the while."""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING

from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import Bundle, RuleBasedStateMachine, invariant, rule

from services.protocol.messages import Address, Guessed, Joined, Left, Round, Verdict, Won
from services.server.game.player import PlayerConversation
from tests.support.talk import House, player_table, talk_as_admin, talk_as_player
from tests.support.wire import REQUEST_LINES

if TYPE_CHECKING:
    from tests.support.talk import Talk

MAX_INVALID_GUESSES = 3


class RandomGames(RuleBasedStateMachine):
    """One server's conversations, and what its administrator hears of them."""

    talks = Bundle("talks")

    def __init__(self) -> None:
        super().__init__()
        self.house = House()
        self.players: dict[Address, Talk] = {}
        self.watched: list[Address] | None = None
        """The list as the watcher knows it: what he was sent, and the events since."""
        self.heard = 0
        """How many of the published events the watcher has heard."""

    @rule(target=talks, secret=st.integers(1, 30), begun=st.booleans())
    def connect_player(self, secret: int, begun: bool) -> Talk:  # noqa: FBT001  Hypothesis draws it
        """A player connects, and perhaps begins a game."""
        table = player_table(secret, max_invalid_guesses=MAX_INVALID_GUESSES)
        address = Address("192.0.2.7", 1024 + len(self.players))
        talk = talk_as_player(table=table, house=self.house, address=address)
        self.players[address] = talk
        if begun:
            assert talk.say("Hello", "Game") == ["Greetings", "Ready"]
        return talk

    @rule(target=talks)
    def connect_administrator(self) -> Talk:
        """An administrator connects, and has his hello answered."""
        return talk_as_admin("Hello", house=self.house)

    @rule(talk=talks, line=REQUEST_LINES)
    def say(self, talk: Talk, line: bytes) -> None:
        """One line, of any kind: one reply at most, and exactly one to a player (F-3, F-4)."""
        was_open = talk.closed is None
        replies = talk.feed(line + b"\r\n")
        if isinstance(talk.conversation, PlayerConversation):
            assert len(replies) == int(was_open)

    @rule(talk=talks, number=st.integers(1, 30))
    def guess(self, talk: Talk, number: int) -> None:
        """A guess in range, in turn or not."""
        was_open = talk.closed is None
        assert len(talk.say(f"Guess: {number}")) == int(was_open)

    @rule(talk=talks)
    def watch(self, talk: Talk) -> None:
        """Ask for the seat: whoever gets it has the list (A-3, A-7)."""
        free = self.house.seat is None
        listed = talk.say("Watch")
        if free and self.house.seat is talk:
            assert listed.pop() == "End"
            self.watched = [Address(host, int(port)) for host, port in map(str.split, listed)]
            self.heard = len(self.house.published)

    @rule(talk=talks)
    def half_close(self, talk: Talk) -> None:
        """The peer ends its stream."""
        talk.half_close()
        assert talk.closed

    @rule(talk=talks)
    def time_out(self, talk: Talk) -> None:
        """The server loses its patience."""
        if talk.closed is None:
            effects = talk.conversation.too_slow(10)
            assert len(talk.perform(effects)) == 1
            assert talk.closed

    @invariant()
    def the_list_is_who_plays(self) -> None:
        """What the events add up to is who plays (A-2, A-4)."""
        at_play = {
            address
            for address, talk in self.players.items()
            if isinstance(talk.conversation, PlayerConversation) and talk.conversation.playing
        }
        assert set(self.house.playing) == at_play

    @invariant()
    def the_watcher_knows_the_truth(self) -> None:
        """The list that the watcher was sent, and the events since, equal the list (A-4)."""
        if self.house.seat is None:
            self.watched = None
        if self.watched is not None:
            for event in self.house.published[self.heard :]:
                match event:
                    case Joined(address):
                        self.watched.append(address)
                    case Won(address) | Left(address):
                        self.watched.remove(address)
                    case Guessed(address):
                        assert address in self.watched
                    case Round():
                        pass
            self.heard = len(self.house.published)
            assert self.watched == self.house.playing

    @invariant()
    def games_end_once_and_as_they_should(self) -> None:
        """Each Joined is ended once, by Won after the guess that won or by Left (A-4, P-8)."""
        joined = Counter(event.address for event in self.house.published if isinstance(event, Joined))
        ended = Counter(event.address for event in self.house.published if isinstance(event, Won | Left))
        assert set(joined.values()) <= {1}
        assert joined - ended == Counter(self.house.playing)
        assert not ended - joined
        for before, event in zip(self.house.published, self.house.published[1:], strict=False):
            if isinstance(event, Won):
                assert isinstance(before, Guessed)
                assert before.address == event.address
                assert before.verdict is Verdict.CORRECT

    @invariant()
    def whoever_has_won_was_told_so_last(self) -> None:
        """Correct is the last word of a game that was won, and of no other (P-8)."""
        for talk in self.players.values():
            assert (talk.closed == "won") == talk.output.endswith(b"Correct\r\n")


TestRandomGames = RandomGames.TestCase
TestRandomGames.settings = settings(max_examples=60, stateful_step_count=40)
