"""Every change as a log line, held against the fields that docs/logs.md names."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
import structlog
from structlog.testing import capture_logs

from services.admin.model.board import Away, Board
from services.admin.observe import log_change
from services.protocol.messages import Address, End, Guessed, Joined, Left, Listed, Round, Verdict, Won

if TYPE_CHECKING:
    from services.admin.model.board import Change

ANN = Address("10.0.0.1", 5001)


@pytest.mark.parametrize(
    ("change", "line"),
    [
        (End(), {"event": "players_listed", "players": ["10.0.0.9 9"], "playing": 1}),
        (Joined(ANN), {"event": "player_joined", "peer": "10.0.0.1 5001", "playing": 2}),
        (
            Guessed(ANN, 7, Verdict.FAR),
            {"event": "player_guessed", "peer": "10.0.0.1 5001", "number": 7, "verdict": "Far", "playing": 1},
        ),
        (Won(ANN, 3), {"event": "player_won", "peer": "10.0.0.1 5001", "guesses": 3, "playing": 1}),
        (Round(3), {"event": "round_begun", "round": 3, "playing": 1}),
        (Left(ANN), {"event": "player_left", "peer": "10.0.0.1 5001", "playing": 1}),
    ],
)
def test_each_change_is_one_line_with_the_count(change: Change, line: dict[str, object]) -> None:
    """A change is logged at info with its own fields and the number of players that it leaves."""
    board = Board(0.0)
    with capture_logs() as lines:
        for each in (Listed(Address("10.0.0.9", 9)), End(), Listed(Address("10.0.0.9", 9)), change):
            board.apply(each, 0.0)
        log_change(structlog.get_logger(), board, change)

    assert lines == [{"log_level": "info", **line}]


@pytest.mark.parametrize(("seat_taken", "event"), [(False, "watch_lost"), (True, "watch_refused")])
def test_a_lost_watch_is_a_warning(seat_taken: bool, event: str) -> None:  # noqa: FBT001 (a parameter of the test)
    """What became of the connection is a warning with its reason; a taken seat has an event of its own."""
    away = Away("because", 1.26, seat_taken)
    with capture_logs() as lines:
        log_change(structlog.get_logger(), Board(0.0), away)

    assert lines == [{"log_level": "warning", "event": event, "reason": "because", "retry_in_s": 1.3}]


def test_a_line_of_a_list_is_not_logged_by_itself() -> None:
    """Only the whole list is."""
    with capture_logs() as lines:
        log_change(structlog.get_logger(), Board(0.0), Listed(ANN))

    assert lines == []
