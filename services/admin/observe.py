"""Every change as a log line: what `watch` prints away from a terminal. docs/logs.md lists the events."""

from __future__ import annotations

from typing import TYPE_CHECKING

from services.admin.model.board import Away
from services.protocol.messages import End, Guessed, Joined, Left, Listed, Missed, Ping, Round, Won

if TYPE_CHECKING:
    from structlog.typing import FilteringBoundLogger

    from services.admin.model.board import Board, Change


def log_change(log: FilteringBoundLogger, board: Board, change: Change) -> None:
    """Log a change that `board` has just taken in, with the number of players that it leaves."""
    playing = len(board.players)
    match change:
        case End():
            log.info("players_listed", players=[str(address) for address in board.players], playing=playing)
        case Joined(address):
            log.info("player_joined", peer=str(address), playing=playing)
        case Guessed(address, number, verdict):
            log.info(
                "player_guessed", peer=str(address), number=number, verdict=str(verdict), playing=playing
            )
        case Won(address, guesses):
            log.info("player_won", peer=str(address), guesses=guesses, playing=playing)
        case Left(address):
            log.info("player_left", peer=str(address), playing=playing)
        case Round(number):
            log.info("round_begun", round=number, playing=playing)
        case Missed(count):
            log.warning("guesses_missed", count=count, playing=playing)
        case Away(reason, retry_in_s, seat_taken):
            event = "watch_refused" if seat_taken else "watch_lost"
            log.warning(event, reason=reason, retry_in_s=round(retry_in_s, 1))
        case Listed() | Ping():
            return  # the whole list is logged at its end; a sign of life, not at all
