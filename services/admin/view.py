"""Draw the board for a terminal, pure: board, moment and size in, something that rich can print out.

What came over the wire is drawn as text, never as markup; the client has escaped its control characters.
"""

from __future__ import annotations

from datetime import datetime
from typing import TYPE_CHECKING, Final

from rich import box
from rich.console import Group
from rich.table import Table
from rich.text import Text

from services.admin.model.wording import describe
from services.protocol.messages import Verdict

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    from rich.console import OverflowMethod, RenderableType

    from services.admin.model.board import Board, Happening, Player
    from services.protocol.messages import Address
    from services.runtime.connecting import Target

# Told apart by letter and by lightness, so that colours only help.
MARKS: Final = {Verdict.FAR: "f", Verdict.CLOSE: "C", Verdict.CORRECT: "*"}
STYLES: Final = {
    Verdict.FAR: "blue",
    Verdict.CLOSE: "bold black on yellow",
    Verdict.CORRECT: "bold white on green",
}
_UNTRIED: Final = "."
_BARS: Final = " ▁▂▃▄▅▆▇█"
_ASCII_BARS: Final = " .:-=+*#@"

# The mark of an ellipsis is not in every encoding.
_ELLIPSIS: Final[OverflowMethod] = "ellipsis"
_CROP: Final[OverflowMethod] = "crop"

_LABEL_COLUMNS: Final = 18
"""What the words beside a picture take."""

_OTHER_COLUMNS: Final = 44
"""What the columns beside the strip take."""

_TICKER_LINES: Final = 5
_LEAST_FRAME_LINES: Final = 6
_FRAME_LINES: Final = 13
"""Lines that are no rows of players: figures, pictures, the heads of table and ticker, one to spare."""
_LOW_SCREEN: Final = 24


def players_table(target: Target, players: Sequence[Address]) -> RenderableType:
    """Return the answer to one `Who`."""
    if not players:
        return Text(f"Nobody is playing at {target}.")
    table = Table(box=box.SIMPLE_HEAD, pad_edge=False)
    table.add_column("IP", no_wrap=True)
    table.add_column("Port", justify="right")
    for address in players:
        table.add_row(Text(address.host), str(address.port))
    return Group(Text(f"Playing at {target}: {len(players)}"), table)


def board_view(
    board: Board,
    target: Target,
    expected: Mapping[str, float],
    now: float,
    *,
    ahead_s: float,
    width: int,
    height: int,
    ascii_only: bool = False,
) -> RenderableType:
    """Return the whole screen; `ahead_s` makes a moment a time of day."""
    bars, too_long = (_ASCII_BARS, _CROP) if ascii_only else (_BARS, _ELLIPSIS)
    status = _status(board, target, now, ahead_s, too_long)
    parts: list[RenderableType] = [status, _figures(board, now), Text("")]
    if height < _LOW_SCREEN:
        # The players are what the screen is for; the rest is left out where there is no room for both.
        return Group(*parts, _rows(board, now, width, height - _LEAST_FRAME_LINES, too_long))
    ticker = list(board.happenings)[-_TICKER_LINES:]
    return Group(
        *parts,
        _pictures(board, expected, now, width, bars),
        _rows(board, now, width, height - _FRAME_LINES - len(ticker), too_long),
        Text("Latest", style="bold"),
        *(_happening(happening, ahead_s, too_long) for happening in reversed(ticker)),
    )


def _status(board: Board, target: Target, now: float, ahead_s: float, too_long: OverflowMethod) -> Text:
    line = Text("Guessing Game ", style="bold")
    line.append(f"at {target}  ", style="default")
    if board.away is not None:
        line.append(f" AWAY for {_span(now - board.away_since_s)} ", style="bold white on red")
        line.append(f" {board.away.reason}; trying again", style="default")
    elif board.up_since_s is not None:
        line.append(f"up since {_clock(board.up_since_s + ahead_s)}", style="green")
    elif board.watching_since_s is not None:
        line.append(f"watched since {_clock(board.watching_since_s + ahead_s)}", style="green")
    if board.round_number is not None:
        line.append(f"  round {board.round_number:,}", style="bold")
    line.no_wrap, line.overflow = True, too_long
    return line


def _figures(board: Board, now: float) -> Text:
    line = Text()
    for figure, label in (
        (len(board.players), "playing"),
        (board.games_per_minute(now), "games/min"),
        (board.guesses_per_minute(now), "guesses/min"),
        (board.won, "won"),
        (board.left, "left"),
    ):
        line.append(f"{figure:,}", style="bold cyan")
        line.append(f" {label}   ")
    line.no_wrap, line.overflow = True, "crop"
    return line


def _pictures(board: Board, expected: Mapping[str, float], now: float, width: int, bars: str) -> Group:
    room = max(10, width - _LABEL_COLUMNS)
    playing = [point.level for point in board.timeline.points(now)]
    # As many as there is room for, not as the range has: it may have a thousand million.
    numbers = min(board.high - board.low + 1, room)
    bins = [board.guesses_to_win[guesses] for guesses in range(1, numbers + 1)]
    return Group(
        _picture("Players over time", _spark(playing[-room:], bars)),
        _picture("Guesses to win", _spark(bins, bars)),
        _picture("On average", _compared(board, expected)),
        _shares(board),
        Text(""),
    )


def _compared(board: Board, expected: Mapping[str, float]) -> str:
    """Say how many guesses a win took on average, and how many the strategies are expected to take."""
    games = board.guesses_to_win.total()
    if not games:
        return "no game won yet"
    guesses = sum(guesses * count for guesses, count in board.guesses_to_win.items())
    strategies = ", ".join(f"{strategy} {needed:.1f}" for strategy, needed in expected.items())
    return f"{guesses / games:.1f}" + (f"; expected: {strategies}" if strategies else "")


def _picture(label: str, picture: str) -> Text:
    line = Text(f"{label:<{_LABEL_COLUMNS}}", no_wrap=True, overflow="crop")
    line.append(picture, style="cyan")
    return line


def _shares(board: Board) -> Text:
    line = Text(f"{'Verdicts':<{_LABEL_COLUMNS}}", no_wrap=True, overflow="crop")
    total = board.verdicts.total()
    for verdict in Verdict:
        share = board.verdicts[verdict] / total if total else 0.0
        line.append(MARKS[verdict], style=STYLES[verdict])
        line.append(f" {verdict} {share:.0%}   ")
    return line


def _spark(levels: Iterable[int | None], bars: str) -> str:
    known = list(levels)
    most = max((level for level in known if level), default=1)
    # Whatever is not nothing shows at least as the lowest bar; the unknown is blank, as is zero.
    return "".join(bars[-(-level * (len(bars) - 1) // most)] if level else bars[0] for level in known)


def _rows(board: Board, now: float, width: int, room: int, too_long: OverflowMethod) -> RenderableType:
    table = Table(box=box.SIMPLE_HEAD, expand=True, padding=(0, 1), pad_edge=False, show_edge=False)
    table.add_column("Player", no_wrap=True, overflow=too_long, min_width=21)
    table.add_column("For", justify="right", no_wrap=True, min_width=8)
    table.add_column("Guesses", justify="right", no_wrap=True)
    table.add_column(f"{board.low} to {board.high}", no_wrap=True, overflow="crop", ratio=1)
    players = [*board.winners(now), *board.players.values()]
    # The last line tells how many there was no room for.
    shown = players if len(players) <= room else players[: max(0, room - 1)]
    for player in shown:
        style = "bold green" if player.won_s is not None else ""
        table.add_row(*_row(board, player, now, width), style=style)
    if len(shown) < len(players):
        table.add_row(f"and {len(players) - len(shown):,} more", "", "", "")
    return table


def _row(board: Board, player: Player, now: float, width: int) -> tuple[Text, str, str, Text]:
    ended = player.won_s if player.won_s is not None else now
    unseen = "" if player.whole or player.won_s is not None else "+"
    return (
        Text(str(player.address)),
        _span(ended - player.since_s) + unseen,
        f"{player.guesses}{unseen}",
        _strip(board, player, width - _OTHER_COLUMNS),
    )


def _strip(board: Board, player: Player, room: int) -> Text:
    strip = Text()
    if board.high - board.low < room:
        for number in range(board.low, board.high + 1):
            verdict = player.tried.get(number)
            strip.append(MARKS[verdict] if verdict else _UNTRIED, style=STYLES[verdict] if verdict else "dim")
    else:
        # No room for every number: the latest guesses, the last one first.
        for number, verdict in reversed(player.tried.items()):
            strip.append(f"{number}{MARKS[verdict]}", style=STYLES[verdict])
            strip.append(" ")
    return strip


def _happening(happening: Happening, ahead_s: float, too_long: OverflowMethod) -> Text:
    line = Text(f"{_clock(happening.at_s + ahead_s)}  ", style="dim", no_wrap=True, overflow=too_long)
    line.append(describe(happening.event, happening.name), style="default")
    return line


def _span(seconds: float) -> str:
    minutes, rest = divmod(max(0, int(seconds)), 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours}:{minutes:02}:{rest:02}" if hours else f"{minutes}:{rest:02}"


def _clock(at_s: float) -> str:
    return datetime.fromtimestamp(at_s).astimezone().strftime("%H:%M:%S")
