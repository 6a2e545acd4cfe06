"""What a person sees of bots at work: one line while they play, a table at the end."""

from __future__ import annotations

from typing import TYPE_CHECKING

from rich import box
from rich.table import Table
from rich.text import Text

from services.strategies.choice import expected_guesses

if TYPE_CHECKING:
    from services.player.tally import Tally, Wins
    from services.protocol.rules import Rules


def progress_line(tally: Tally, now_s: float) -> Text:
    """Return how the bots fare, in one line."""
    line = Text(no_wrap=True, overflow="ellipsis")
    line.append(f"{tally.playing} playing", style="bold")
    if tally.waiting:
        line.append(f"  {tally.waiting} waiting ({tally.trouble})", style="yellow")
    line.append(f"  {tally.total.games} won", style="green")
    line.append(f"  {tally.total.mean:.2f} guesses a game  {tally.games_per_s(now_s):.1f} games/s")
    failed = tally.lost + tally.refused
    if failed:
        line.append(f"  {failed} lost or refused", style="red")
    return line


def summary_table(tally: Tally, rules: Rules, now_s: float) -> Table:
    """Return what each strategy achieved, beside what it is expected to."""
    table = Table(title="Games won", title_justify="left", box=box.SIMPLE_HEAD)
    table.add_column("strategy")
    for heading in ("games", "guesses a game", "expected", "fewest", "most"):
        table.add_column(heading, justify="right")
    for strategy, wins in sorted(tally.by_strategy.items()):
        table.add_row(strategy.value, *_row(wins, f"{float(expected_guesses(strategy, rules)):.2f}"))
    if len(tally.by_strategy) != 1:
        table.add_section()
        table.add_row("all", *_row(tally.total, ""))
    table.caption = (
        f"{tally.games_per_s(now_s):.1f} games/s, {tally.lost} lost, {tally.refused} refused, "
        f"{tally.unreachable} attempts to connect in vain"
    )
    table.caption_justify = "left"
    return table


def _row(wins: Wins, expected: str) -> tuple[str, ...]:
    if not wins.games:
        return "0", "", expected, "", ""
    return str(wins.games), f"{wins.mean:.2f}", expected, str(wins.fewest), str(wins.most)
