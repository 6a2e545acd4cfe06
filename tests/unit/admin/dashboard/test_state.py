"""The board as JSON: what docs/dashboard.md promises to the page and to any other reader."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import pytest

from services.admin.dashboard.state import MOST_BINS, changed_state, shown, whole_state
from services.admin.model.board import LINGER_S, Away, Board
from services.protocol.messages import Address, End, Guessed, Joined, Left, Listed, Round, Verdict, Won

if TYPE_CHECKING:
    from services.admin.model.board import Change

ANN, BEN, CAT = Address("10.0.0.1", 5001), Address("2001:db8::2", 5002), Address("10.0.0.3", 5003)
NAMES = {"10.0.0.1": "bot-1"}


def board_after(*changes: Change, now: float = 10.0, high: int = 30) -> Board:
    """Return a board that watches and has applied the changes."""
    board = Board(0.0, high=high)
    for change in (End(), *changes):
        board.apply(change, now)
    return board


def state_of(board: Board, now: float = 10.0, ahead_s: float = 0.0) -> dict[str, Any]:
    """Return the whole state as a reader gets it."""
    state: dict[str, Any] = json.loads(
        json.dumps(whole_state(board, now, NAMES.get, {"sweep": 15.5}, ahead_s))
    )
    return state


def test_an_empty_board() -> None:
    """Before anything has happened every field is there, and says that the server is away."""
    assert state_of(Board(3.0, high=4)) == {
        "version": 1,
        "at": 10.0,
        "link": {
            "watching": False,
            "since": 3.0,
            "up_since": None,
            "reason": "not connected yet",
            "seat_taken": False,
        },
        "round": None,
        "range": {"low": 1, "high": 4},
        "figures": {
            "playing": 0,
            "games_per_minute": 0,
            "guesses_per_minute": 0,
            "joined": 0,
            "won": 0,
            "left": 0,
        },
        "verdicts": {"Far": 0, "Close": 0, "Correct": 0},
        "guesses_to_win": {"bins": [0, 0, 0, 0], "more": 0, "mean": None},
        "over_time": {"from": 10.0, "step": 2, "levels": []},
        "expectations": [{"strategy": "sweep", "guesses": 15.5}],
        "players": [],
        "events": [],
    }


def test_a_player_is_a_row() -> None:
    """A row tells socket, name, since when, guesses and the numbers with their verdicts, the latest last."""
    board = board_after(Joined(ANN), Guessed(ANN, 9, Verdict.FAR), Guessed(ANN, 20, Verdict.CLOSE))

    assert state_of(board)["players"] == [
        {
            "id": 1,
            "ip": "10.0.0.1",
            "port": 5001,
            "name": "bot-1",
            "player": None,
            "since": 10.0,
            "whole": True,
            "guesses": 2,
            "tried": [[9, "Far"], [20, "Close"]],
            "won": None,
        }
    ]


def test_a_listed_player_may_have_guessed_before() -> None:
    """A player who played already when the watch began is marked, and a host without a name has none."""
    (row,) = state_of(board_after(Listed(BEN), End()))["players"]

    assert (row["whole"], row["name"]) == (False, None)


def test_a_winner_stays_for_a_while() -> None:
    """A winner keeps the row for some seconds, marked, and does not count as playing."""
    board = board_after(Joined(ANN), Guessed(ANN, 9, Verdict.CORRECT), Won(ANN, 1))
    state = state_of(board)

    assert state["figures"]["playing"] == 0
    assert [(row["won"], row["guesses"]) for row in state["players"]] == [(10.0, 1)]
    assert state_of(board, 10.0 + LINGER_S)["players"] == []


def test_events_are_told_in_fields_and_in_words() -> None:
    """Each kind of event has its own fields besides the common ones."""
    board = board_after(Joined(ANN), Guessed(ANN, 9, Verdict.CORRECT), Won(ANN, 1), Left(CAT))
    common = {"at": 10.0, "ip": "10.0.0.1", "port": 5001}

    assert state_of(board)["events"] == [
        {**common, "number": 1, "kind": "joined", "text": "10.0.0.1 5001 plays"},
        {
            **common,
            "number": 2,
            "kind": "guessed",
            "guess": 9,
            "verdict": "Correct",
            "text": "10.0.0.1 5001 guesses 9: Correct",
        },
        {**common, "number": 3, "kind": "won", "guesses": 1, "text": "10.0.0.1 5001 wins with 1 guess"},
        {
            "at": 10.0,
            "ip": "10.0.0.3",
            "port": 5003,
            "number": 4,
            "kind": "left",
            "text": "10.0.0.3 5003 leaves",
        },
    ]


def test_a_shared_round_is_told() -> None:
    """The number of the shared round in play (clause R-4) is in the state, and its beginning is an event."""
    state = state_of(board_after(Round(7)))

    assert state["round"] == 7
    assert state["events"] == [
        {"number": 1, "at": 10.0, "kind": "round", "text": "round 7 begins", "round": 7}
    ]


def test_long_games_are_one_number() -> None:
    """Games that took more guesses than the histogram has bars are told beside it, and count for the mean."""
    board = board_after(Won(ANN, 1), Won(ANN, MOST_BINS), Won(ANN, MOST_BINS + 1), high=1000)
    histogram = state_of(board)["guesses_to_win"]

    assert len(histogram["bins"]) == MOST_BINS
    assert (histogram["bins"][0], histogram["bins"][-1], histogram["more"]) == (1, 1, 1)
    assert histogram["mean"] == round((1 + MOST_BINS + MOST_BINS + 1) / 3, 2)


def test_an_away_server_is_told() -> None:
    """While the server is away the state says why, since when, and whether the seat is taken."""
    board = board_after(Joined(ANN))
    board.apply(Away("refused", 1.0, seat_taken=True), 12.0)
    state = state_of(board, 13.0)

    assert state["link"] == {
        "watching": False,
        "since": 12.0,
        "up_since": None,
        "reason": "refused",
        "seat_taken": True,
    }
    assert state["players"] == []
    assert state["over_time"]["levels"] == [1, None]


def test_changes_hold_new_events_and_the_rows_given() -> None:
    """A change has the same fields as the state, less what does not change, plus who is gone."""
    board = board_after(Joined(ANN), Joined(BEN), Left(BEN))
    change = changed_state(
        board, 10.0, NAMES.get, changed=shown(board, 10.0), gone=[2], after_event=2, ahead_s=0.0
    )

    assert [row["id"] for row in change["players"]] == [1]
    assert change["gone"] == [2]
    assert [event["number"] for event in change["events"]] == [3]
    assert set(change) == set(state_of(board)) - {"expectations"} | {"gone"}


def test_moments_are_told_as_the_wall_clock_has_them() -> None:
    """Readers get each moment in seconds since 1970, all by the same offset."""
    board = board_after(Joined(ANN), Guessed(ANN, 9, Verdict.FAR), Won(ANN, 1))
    told, moved = state_of(board), state_of(board, ahead_s=1000.0)

    assert moved["at"] == told["at"] + 1000
    assert moved["link"]["since"] == told["link"]["since"] + 1000
    assert moved["over_time"]["from"] == told["over_time"]["from"] + 1000
    assert [(row["since"], row["won"]) for row in moved["players"]] == [(1010.0, 1010.0)]
    assert [event["at"] for event in moved["events"]] == [1010.0] * 3
    assert moved["figures"] == told["figures"]


@pytest.mark.parametrize(("low", "high"), [(1, 999_999_999), (0, 129), (999_999_000, 999_999_999)])
def test_a_wide_range_costs_no_more_than_a_narrow_one(low: int, high: int) -> None:
    """Whatever may be guessed, the state has no more bars than there is room for, and knows each guess."""
    board = Board(0.0, low=low, high=high)
    for change in (End(), Joined(ANN), Guessed(ANN, high, Verdict.FAR), Won(ANN, 70)):
        board.apply(change, 10.0)
    state = state_of(board)

    assert state["range"] == {"low": low, "high": high}
    assert len(state["guesses_to_win"]["bins"]) == MOST_BINS
    assert state["guesses_to_win"]["more"] == 1
    assert state["players"][0]["tried"] == [[high, "Far"]]
    assert len(json.dumps(state)) < 4096
