"""The board: list plus events, folded, always equal the truth (clause A-4)."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import pytest
from hypothesis import given
from hypothesis import strategies as st

from services.admin.model.board import (
    LINGER_S,
    LONGEST_GAME,
    RECENT_EVENTS,
    RECENT_WINNERS,
    TRIED_KEPT,
    Away,
    Board,
    Game,
    TooManyPlayersError,
)
from services.protocol.messages import (
    Address,
    End,
    Guessed,
    Joined,
    Left,
    Listed,
    Missed,
    Ping,
    Round,
    Verdict,
    Won,
)

if TYPE_CHECKING:
    from services.admin.model.board import (
        Change,
    )
    from services.protocol.messages import (
        WatchEvent,
    )

ANN = Address("10.0.0.1", 5001)
BEN = Address("2001:db8::2", 5002)
AWAY = Away("the server closed the connection", 0.5)


def board_after(*changes: Change, now: float = 0.0) -> Board:
    """Return a board that watches and has applied the changes."""
    board = Board(now)
    for change in (End(), *changes):
        board.apply(change, now)
    return board


@pytest.mark.parametrize("message", [Listed, Joined])
def test_a_board_is_bounded(message: type[Listed | Joined], monkeypatch: pytest.MonkeyPatch) -> None:
    """A server that lists players without end is not believed, and costs no more memory for it."""
    monkeypatch.setattr("services.admin.model.board.MOST_PLAYERS", 3)
    board = board_after(*(message(Address("10.0.0.1", port)) for port in range(1, 4)))

    with pytest.raises(TooManyPlayersError, match="the server lists more than 3 players"):
        board.apply(message(Address("10.0.0.1", 4)), 1.0)
    board.apply(AWAY, 2.0)
    board.apply(message(Address("10.0.0.1", 4)), 3.0)


def test_a_new_board_is_away_and_empty() -> None:
    """Before the first list nobody is known to play and the server counts as away."""
    board = Board(3.0)

    assert board.away is not None
    assert board.away_since_s == 3.0
    assert not board.players
    assert board.timeline.points(3.0) == []


def test_the_list_takes_effect_at_its_end() -> None:
    """Listed players play once `End` has come; their earlier guesses are unknown (clause A-3)."""
    board = Board(0.0)
    board.apply(Listed(ANN), 1.0)
    assert not board.players
    board.apply(End(), 2.0)

    assert list(board.players) == [ANN]
    assert not board.players[ANN].whole
    assert board.away is None
    assert board.watching_since_s == 2.0


def test_a_player_is_followed_from_joining_to_winning() -> None:
    """Joined, guesses and Won leave the number of guesses, the numbers tried and a winner on show."""
    board = board_after(Joined(ANN), Guessed(ANN, 9, Verdict.FAR), now=10.0)
    player = board.players[ANN]

    assert (player.whole, player.guesses, player.tried) == (True, 1, {9: Verdict.FAR})

    board.apply(Guessed(ANN, 20, Verdict.CORRECT), 12.0)
    board.apply(Won(ANN, 2), 12.0)

    assert not board.players
    assert board.winners(12.0) == [player]
    assert player.won_s == 12.0
    assert board.winners(12.0 + LINGER_S) == []
    assert board.guesses_to_win == {2: 1}
    assert (board.joined, board.won, board.left) == (1, 1, 0)


def test_a_player_who_leaves_is_gone() -> None:
    """Left takes the player off without a win."""
    board = board_after(Joined(ANN), Left(ANN))

    assert not board.players
    assert not board.winners(0.0)
    assert (board.joined, board.won, board.left) == (1, 0, 1)


def test_a_later_list_keeps_what_is_known() -> None:
    """`Who` within a watch (clause A-5) drops who is not on the list and forgets nothing of those who are."""
    board = board_after(Joined(ANN), Guessed(ANN, 9, Verdict.FAR), Joined(BEN), now=1.0)
    board.apply(Listed(ANN), 5.0)
    board.apply(End(), 5.0)

    assert list(board.players) == [ANN]
    assert board.players[ANN].guesses == 1
    assert board.watching_since_s == 1.0


def test_losing_the_server_forgets_who_plays() -> None:
    """After a gap only the new list counts, and the players on it may have guessed meanwhile."""
    board = board_after(Joined(ANN), now=1.0)
    board.apply(AWAY, 2.0)

    assert (board.away, board.away_since_s, board.watching_since_s) == (AWAY, 2.0, None)
    assert not board.players

    board.apply(Away("cannot reach it", 1.0), 3.0)
    assert board.away_since_s == 2.0

    board.apply(Listed(ANN), 4.0)
    board.apply(End(), 4.0)
    assert not board.players[ANN].whole
    assert board.watching_since_s == 4.0
    assert [point.level for point in board.timeline.points(4.0)] == [1, None, 1]


def test_a_list_that_was_cut_off_is_forgotten() -> None:
    """A list without its end says nothing about the next connection."""
    board = Board(0.0)
    board.apply(Listed(ANN), 0.0)
    board.apply(AWAY, 0.0)
    board.apply(End(), 0.0)

    assert not board.players


@pytest.mark.parametrize("event", [Guessed(ANN, 3, Verdict.CLOSE), Won(ANN, 4), Left(ANN)])
def test_events_of_nobody_known_are_only_counted(event: WatchEvent) -> None:
    """An event about a player who is not on the board changes the totals and nothing else."""
    board = board_after(event)

    assert not board.players
    assert not board.winners(0.0)
    assert [happening.event for happening in board.happenings] == [event]


def test_the_range_widens() -> None:
    """A number beyond the expected range shows what the range is at least."""
    board = board_after(Guessed(ANN, 0, Verdict.FAR), Guessed(ANN, 77, Verdict.FAR))

    assert (board.low, board.high) == (0, 77)


def test_a_repeated_number_becomes_the_latest() -> None:
    """Numbers tried are in the order of their last guess."""
    board = board_after(Joined(ANN), *(Guessed(ANN, number, Verdict.FAR) for number in (1, 2, 1)))

    assert list(board.players[ANN].tried) == [2, 1]
    assert board.players[ANN].guesses == 3


def test_a_new_round_forgets_what_was_tried() -> None:
    """Verdicts on an old number say nothing of the new one; the guesses are still counted (R-4)."""
    board = board_after(Joined(ANN), Guessed(ANN, 3, Verdict.FAR), Round(2))

    assert board.round_number == 2
    assert not board.players[ANN].tried
    assert board.players[ANN].guesses == 1


def test_guesses_that_were_not_told_change_no_list() -> None:
    """A watcher that missed guesses knows who plays all the same (A-4)."""
    board = board_after(Joined(Address("10.0.0.1", 1)), Missed(7))
    assert list(board.players) == [Address("10.0.0.1", 1)]


def test_a_ping_tells_since_when_the_server_is_up() -> None:
    """The server's own word for it, until the connection is lost (A-8)."""
    assert board_after(Ping(3600), now=5000.0).up_since_s == 1400.0
    assert board_after(Ping(3600), Ping()).up_since_s is None
    assert board_after(Ping(3600), AWAY).up_since_s is None


def test_memory_is_bounded() -> None:
    """However long the server runs and a player guesses, the board keeps the latest and no more."""
    board = board_after(Joined(ANN))
    for number in range(TRIED_KEPT + 5):
        board.apply(Guessed(ANN, number, Verdict.FAR), 0.0)
    for _ in range(RECENT_WINNERS + 5):
        board.apply(Joined(BEN), 0.0)
        board.apply(Won(BEN, LONGEST_GAME + 9), 0.0)

    assert list(board.players[ANN].tried) == list(range(5, TRIED_KEPT + 5))
    assert len(board.winners(0.0)) == RECENT_WINNERS
    assert len(board.happenings) == RECENT_EVENTS
    assert board.guesses_to_win == {LONGEST_GAME: RECENT_WINNERS + 5}


def test_rates_are_of_the_last_minute() -> None:
    """Games and guesses per minute count what came within sixty seconds."""
    board = board_after(Joined(ANN), Guessed(ANN, 9, Verdict.CORRECT), Won(ANN, 1), now=100.0)

    assert (board.games_per_minute(100.0), board.guesses_per_minute(100.0)) == (1, 1)
    assert (board.games_per_minute(161.0), board.guesses_per_minute(161.0)) == (0, 0)


def test_revisions_tell_who_changed() -> None:
    """A player's revision is that of the last change to him, so that a page need draw no one else."""
    board = board_after(Joined(ANN), Joined(BEN))
    before = board.revision
    board.apply(Guessed(ANN, 3, Verdict.FAR), 0.0)

    assert board.players[ANN].revision > before >= board.players[BEN].revision


# --- against a naive simulation


@dataclass
class Truth:
    """A server's own account, kept as simply as can be."""

    playing: dict[Address, list[tuple[int, Verdict]]] = field(default_factory=dict)
    won: Counter[int] = field(default_factory=Counter)
    verdicts: Counter[Verdict] = field(default_factory=Counter)


ADDRESSES = [Address("10.0.0.1", port) for port in range(4)]
STEPS = st.lists(
    st.tuples(
        st.sampled_from(ADDRESSES),
        st.sampled_from(["guess", "win", "leave", "list", "break"]),
        st.integers(1, 30),
        st.sampled_from([Verdict.FAR, Verdict.CLOSE]),
    ),
    max_size=80,
)


@given(STEPS, st.integers(0, 80))
def test_list_plus_events_equal_the_truth(steps: list[tuple[Address, str, int, Verdict]], begin: int) -> None:
    """Watch from any moment, break off and come back, ask for lists in between: the board has the truth."""
    truth, board = Truth(), Board(0.0)
    watching = False

    def tell(change: Change) -> None:
        if watching:
            board.apply(change, 0.0)

    def tell_list() -> None:
        for address in truth.playing:
            tell(Listed(address))
        tell(End())

    for index, (address, action, number, verdict) in enumerate(steps):
        if index == begin:
            watching = True
            truth.won.clear()
            truth.verdicts.clear()
            tell_list()
        if action == "list":
            tell_list()
        elif action == "break" and watching:
            tell(AWAY)
            tell_list()
        elif address not in truth.playing:
            truth.playing[address] = []
            tell(Joined(address))
        elif action == "guess":
            truth.playing[address].append((number, verdict))
            truth.verdicts[verdict] += 1
            tell(Guessed(address, number, verdict))
        elif action == "win":
            truth.verdicts[Verdict.CORRECT] += 1
            guesses = len(truth.playing.pop(address)) + 1
            truth.won[guesses] += 1
            tell(Guessed(address, number, Verdict.CORRECT))
            tell(Won(address, guesses))
        elif action == "leave":
            del truth.playing[address]
            tell(Left(address))
    if not watching:
        return

    assert set(board.players) == set(truth.playing)
    assert board.guesses_to_win == truth.won
    assert board.verdicts == truth.verdicts
    for address, player in board.players.items():
        made = truth.playing[address]
        assert player.guesses <= len(made)
        assert player.guesses == len(made) or not player.whole
        seen = made[len(made) - player.guesses :]
        assert player.tried == dict(seen)
    assert board.timeline.points(0.0)[-1].level == len(truth.playing)


def test_names_follow_their_players() -> None:
    """A name, from the list or from Joined, is on the player and on each event about the player (N-3)."""
    board = Board(0.0)
    for change in (Listed(ANN, "ann"), End(), Guessed(ANN, 3, Verdict.FAR), Joined(BEN, "ben"), Left(BEN)):
        board.apply(change, 1.0)
    board.apply(Left(BEN), 1.0)

    assert board.players[ANN].name == "ann"
    assert [happening.name for happening in board.happenings] == ["ann", "ben", "ben", None]


def test_the_change_that_ends_a_game_returns_it() -> None:
    """A win and a departure give the game that is over, if it was seen; nothing else does."""
    board = Board(0.0, low=1, high=9)
    changes: list[Change] = [End(), Round(4), Joined(ANN, "ann"), Guessed(ANN, 3, Verdict.CORRECT)]
    changes += [Won(ANN, 1), Won(ANN, 1), Left(ANN)]
    games = [board.apply(change, float(now)) for now, change in enumerate(changes)]
    board.apply(Joined(BEN), 7.0)
    left = board.apply(Left(BEN), 9.5)

    assert games[:4] == [None] * 4
    assert games[4] == Game(address=ANN, name="ann", seconds=2.0, guesses=1, won=True, low=1, high=9, round=4)
    assert games[5:] == [None] * 2
    assert left == Game(address=BEN, name=None, seconds=2.5, guesses=0, won=False, low=1, high=9, round=4)
