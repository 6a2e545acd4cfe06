"""The board as the JSON that docs/dashboard.md describes, pure. The page draws it and works nothing out.

The board's moments are of a monotonic clock; `ahead_s` makes them the seconds since 1970 that readers get.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from services.admin.model.measures import STEP_S
from services.admin.model.wording import describe
from services.protocol.messages import Guessed, Round, Verdict, Won

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping, Sequence

    from services.admin.model.board import Board, Happening, Player

VERSION: Final = 1
"""Raised when a field changes its meaning or goes away; a new field alone does not raise it."""

MOST_BINS: Final = 60
"""Bars that a histogram has room for; longer games are told as one number."""


def whole_state(
    board: Board,
    now: float,
    name_of: Callable[[str], str | None],
    expectations: Mapping[str, float],
    ahead_s: float,
) -> dict[str, Any]:
    """Return everything."""
    return {
        **_surroundings(board, now, ahead_s),
        "expectations": [
            {"strategy": strategy, "guesses": guesses} for strategy, guesses in expectations.items()
        ],
        "players": [player_row(player, name_of, ahead_s) for player in shown(board, now)],
        "events": [event_row(happening, ahead_s) for happening in board.happenings],
    }


def changed_state(
    board: Board,
    now: float,
    name_of: Callable[[str], str | None],
    *,
    changed: Iterable[Player],
    gone: Sequence[int],
    after_event: int,
    ahead_s: float,
) -> dict[str, Any]:
    """Return what is not as it was: whole rows of the players who changed, and only the new events."""
    return {
        **_surroundings(board, now, ahead_s),
        "players": [player_row(player, name_of, ahead_s) for player in changed],
        "gone": gone,
        "events": [
            event_row(happening, ahead_s) for happening in board.happenings if happening.number > after_event
        ],
    }


def shown(board: Board, now: float) -> list[Player]:
    """Return those who have a row: who plays, and who has just won."""
    return [*board.players.values(), *board.winners(now)]


def _surroundings(board: Board, now: float, ahead_s: float) -> dict[str, Any]:
    """Return what is sent every time, because it is small or changes with time alone."""
    away = board.away
    since_s = board.watching_since_s if away is None else board.away_since_s
    points = board.timeline.points(now)
    size = board.high - board.low + 1
    games = board.guesses_to_win.total()
    bins = min(size, MOST_BINS)
    return {
        "version": VERSION,
        "at": _told(now, ahead_s),
        "link": {
            "watching": away is None,
            "since": _told(since_s, ahead_s),
            "up_since": _told(board.up_since_s, ahead_s),
            "reason": None if away is None else away.reason,
            "seat_taken": away is not None and away.seat_taken,
        },
        "round": board.round_number,
        "range": {"low": board.low, "high": board.high},
        "figures": {
            "playing": len(board.players),
            "games_per_minute": board.games_per_minute(now),
            "guesses_per_minute": board.guesses_per_minute(now),
            "joined": board.joined,
            "won": board.won,
            "left": board.left,
        },
        "verdicts": {str(verdict): board.verdicts[verdict] for verdict in Verdict},
        "guesses_to_win": {
            "bins": [board.guesses_to_win[guesses] for guesses in range(1, bins + 1)],
            "more": sum(count for guesses, count in board.guesses_to_win.items() if guesses > bins),
            "mean": _mean(board, games),
        },
        "over_time": {
            "from": _told(points[0].at_s if points else now, ahead_s),
            "step": STEP_S,
            "levels": [point.level for point in points],
        },
    }


def _told(moment: float | None, ahead_s: float) -> float | None:
    return None if moment is None else round(moment + ahead_s, 3)


def _mean(board: Board, games: int) -> float | None:
    if not games:
        return None
    return round(sum(guesses * count for guesses, count in board.guesses_to_win.items()) / games, 2)


def player_row(player: Player, name_of: Callable[[str], str | None], ahead_s: float) -> dict[str, Any]:
    """Return a player as a row."""
    return {
        "id": player.id,
        "ip": player.address.host,
        "port": player.address.port,
        "name": name_of(player.address.host),
        "player": player.name,
        "since": _told(player.since_s, ahead_s),
        "whole": player.whole,
        "guesses": player.guesses,
        "tried": [[number, str(verdict)] for number, verdict in player.tried.items()],
        "won": _told(player.won_s, ahead_s),
    }


def event_row(happening: Happening, ahead_s: float) -> dict[str, Any]:
    """Return an event, in fields and in words."""
    event = happening.event
    row: dict[str, Any] = {
        "number": happening.number,
        "at": _told(happening.at_s, ahead_s),
        "kind": type(event).__name__.lower(),
        "text": describe(event, happening.name),
    }
    if isinstance(event, Round):
        return row | {"round": event.number}
    row |= {"ip": event.address.host, "port": event.address.port}
    match event:
        case Guessed(_, number, verdict):
            row |= {"guess": number, "verdict": str(verdict)}
        case Won(_, guesses):
            row |= {"guesses": guesses}
        case _:
            pass
    return row
