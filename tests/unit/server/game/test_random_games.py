"""Many players and administrators at once, doing anything in any order: what must hold all the while."""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING

from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import Bundle, RuleBasedStateMachine, invariant, rule

from services.protocol.messages import Address, Guessed, Joined, Left, Round, Verdict, Won
from services.server.game.player import PlayerState
from tests.support.transcript import FakeServer, as_admin, as_player, known_game
from tests.support.wire import REQUEST_LINES

if TYPE_CHECKING:
    from tests.support.transcript import Transcript

MAX_INVALID_GUESSES = 3


class RandomGames(RuleBasedStateMachine):
    """One server's conversations, and what its administrator hears of them."""

    transcripts = Bundle("transcripts")

    def __init__(self) -> None:
        super().__init__()
        self.server = FakeServer()
        self.players: dict[Address, Transcript] = {}
        self.watched: list[Address] | None = None
        """The list as the watcher knows it: what it was sent, and the events since."""
        self.received = 0
        """How many of the published events the watcher has received."""

    @rule(target=transcripts, secret=st.integers(1, 30), begun=st.booleans())
    def connect_player(self, secret: int, begun: bool) -> Transcript:  # noqa: FBT001  Hypothesis draws it
        """A player connects, and perhaps begins a game."""
        game = known_game(secret, max_invalid_guesses=MAX_INVALID_GUESSES)
        address = Address("192.0.2.7", 1024 + len(self.players))
        transcript = as_player(game=game, server=self.server, address=address)
        self.players[address] = transcript
        if begun:
            assert transcript.send("Hello", "Game") == ["Greetings", "Ready"]
        return transcript

    @rule(target=transcripts)
    def connect_administrator(self) -> Transcript:
        """An administrator connects, and has its hello answered."""
        return as_admin("Hello", server=self.server)

    @rule(transcript=transcripts, line=REQUEST_LINES)
    def send(self, transcript: Transcript, line: bytes) -> None:
        """One line, of any kind: one reply at most, and exactly one to a player (F-3, F-4)."""
        was_open = transcript.closed is None
        replies = transcript.feed(line + b"\r\n")
        if isinstance(transcript.state, PlayerState):
            assert len(replies) == int(was_open)

    @rule(transcript=transcripts, number=st.integers(1, 30))
    def guess(self, transcript: Transcript, number: int) -> None:
        """A guess in range, in turn or not."""
        was_open = transcript.closed is None
        assert len(transcript.send(f"Guess: {number}")) == int(was_open)

    @rule(transcript=transcripts)
    def watch(self, transcript: Transcript) -> None:
        """Ask for the seat: whoever gets it has the list (A-3, A-7)."""
        free = self.server.seat is None
        listed = transcript.send("Watch")
        if free and self.server.seat is transcript:
            assert listed.pop() == "End"
            self.watched = [Address(host, int(port)) for host, port in map(str.split, listed)]
            self.received = len(self.server.published)

    @rule(transcript=transcripts)
    def half_close(self, transcript: Transcript) -> None:
        """The peer ends its stream."""
        transcript.half_close()
        assert transcript.closed

    @rule(transcript=transcripts)
    def time_out(self, transcript: Transcript) -> None:
        """The server runs into a timeout."""
        if transcript.closed is None:
            effects = transcript.state.too_slow(10, transcript.unterminated)
            assert len(transcript.perform(effects)) == 1
            assert transcript.closed

    @invariant()
    def the_list_is_who_plays(self) -> None:
        """What the events add up to is who plays (A-2, A-4)."""
        at_play = {
            address
            for address, transcript in self.players.items()
            if isinstance(transcript.state, PlayerState) and transcript.state.is_engaged
        }
        assert set(self.server.playing) == at_play

    @invariant()
    def the_watcher_knows_the_truth(self) -> None:
        """The list that the watcher was sent, and the events since, equal the list (A-4)."""
        if self.server.seat is None:
            self.watched = None
        if self.watched is not None:
            for event in self.server.published[self.received :]:
                match event:
                    case Joined(address):
                        self.watched.append(address)
                    case Won(address) | Left(address):
                        self.watched.remove(address)
                    case Guessed(address):
                        assert address in self.watched
                    case Round():
                        pass
            self.received = len(self.server.published)
            assert self.watched == self.server.playing

    @invariant()
    def games_end_once_and_as_they_should(self) -> None:
        """Each Joined is ended once, by Won after the guess that won or by Left (A-4, P-8)."""
        joined = Counter(event.address for event in self.server.published if isinstance(event, Joined))
        ended = Counter(event.address for event in self.server.published if isinstance(event, Won | Left))
        assert set(joined.values()) <= {1}
        assert joined - ended == Counter(self.server.playing)
        assert not ended - joined
        for before, event in zip(self.server.published, self.server.published[1:], strict=False):
            if isinstance(event, Won):
                assert isinstance(before, Guessed)
                assert before.address == event.address
                assert before.verdict is Verdict.CORRECT

    @invariant()
    def whoever_has_won_was_told_so_last(self) -> None:
        """Correct is the last word of a game that was won, and of no other (P-8)."""
        for transcript in self.players.values():
            assert (transcript.closed == "won") == transcript.output.endswith(b"Correct\r\n")


TestRandomGames = RandomGames.TestCase
TestRandomGames.settings = settings(max_examples=60, stateful_step_count=40)
