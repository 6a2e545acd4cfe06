"""What a person sees of bots at work: one line while they play, a table at the end."""

from __future__ import annotations

from typing import TYPE_CHECKING

from rich import box
from rich.table import Table
from rich.text import Text

from services.strategies.choice import expected_guesses

if TYPE_CHECKING:
    from services.player.stats import Stats, Wins
    from services.protocol.rules import Rules


def progress_line(stats: Stats, now_s: float) -> Text:
    """Return the state of the bots in one line."""
    line = Text(no_wrap=True, overflow="ellipsis")
    line.append(f"{stats.playing} playing", style="bold")
    if stats.waiting:
        line.append(f"  {stats.waiting} waiting ({stats.last_error})", style="yellow")
    line.append(f"  {stats.total.games} won", style="green")
    line.append(f"  {stats.total.mean:.2f} guesses a game  {stats.games_per_s(now_s):.1f} games/s")
    failed = stats.lost + stats.refused
    if failed:
        line.append(f"  {failed} lost or refused", style="red")
    return line


def summary_table(stats: Stats, rules: Rules, now_s: float) -> Table:
    """Return what each strategy achieved, beside what it is expected to."""
    table = Table(title="Games won", title_justify="left", box=box.SIMPLE_HEAD)
    table.add_column("strategy")
    for heading in ("games", "guesses a game", "expected", "fewest", "most"):
        table.add_column(heading, justify="right")
    for strategy, wins in sorted(stats.by_strategy.items()):
        table.add_row(strategy.value, *_row(wins, f"{float(expected_guesses(strategy, rules)):.2f}"))
    if len(stats.by_strategy) != 1:
        table.add_section()
        table.add_row("all", *_row(stats.total, ""))
    table.caption = (
        f"{stats.games_per_s(now_s):.1f} games/s, {stats.lost} lost, {stats.refused} refused, "
        f"{stats.unreachable} failed attempts to connect"
    )
    table.caption_justify = "left"
    return table


def _row(wins: Wins, expected: str) -> tuple[str, ...]:
    if not wins.games:
        return "0", "", expected, "", ""
    return str(wins.games), f"{wins.mean:.2f}", expected, str(wins.fewest), str(wins.most)
