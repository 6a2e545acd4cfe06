"""What a person sees of bots at work, compared whole."""

from __future__ import annotations

from io import StringIO
from typing import TYPE_CHECKING

from rich.console import Console, Group

from services.player.progress import progress_line, summary_table
from services.player.stats import Stats
from services.protocol.rules import CLASSIC
from services.strategies.choice import Strategy

if TYPE_CHECKING:
    from rich.console import RenderableType


def text(drawn: RenderableType, width: int = 100) -> str:
    """Draw as plain text."""
    console = Console(file=StringIO(), width=width, color_system=None, legacy_windows=False)
    console.print(Group(drawn))
    assert isinstance(console.file, StringIO)
    return "\n".join(line.rstrip() for line in console.file.getvalue().splitlines())


def stats_of(*wins: tuple[Strategy, int]) -> Stats:
    """Return a stats of games won, begun at 0."""
    stats = Stats(began_s=0.0)
    for strategy, guesses in wins:
        stats.win(strategy, guesses)
    return stats


MIXED = stats_of((Strategy.SMART, 4), (Strategy.SWEEP, 14), (Strategy.SMART, 6))


def test_progress() -> None:
    """One line tells who plays, what was won, in how many guesses and how fast."""
    MIXED.playing = 2

    assert text(progress_line(MIXED, 6.0)) == "2 playing  3 won  8.00 guesses a game  0.5 games/s"


def test_progress_without_a_server() -> None:
    """The last error is shown while bots wait because of it, and never takes a second line."""
    stats = stats_of()
    stats.waiting, stats.lost = 5, 5
    stats.last_error = "cannot reach localhost:4000: Connection refused"

    assert text(progress_line(stats, 1.0), width=140) == (
        "0 playing  5 waiting (cannot reach localhost:4000: Connection refused)  0 won"
        "  0.00 guesses a game  0.0 games/s  5 lost or refused"
    )
    assert len(text(progress_line(stats, 1.0), width=60).splitlines()) == 1


def test_summary() -> None:
    """Each strategy stands beside what it is expected to need."""
    assert text(summary_table(MIXED, CLASSIC, 6.0)).splitlines()[1:] == [
        "",
        "  strategy   games   guesses a game   expected   fewest   most",
        " ──────────────────────────────────────────────────────────────",
        "  smart          2             5.00       5.03        4      6",
        "  sweep          1            14.00      15.50       14     14",
        "",
        "  all            3             8.00                   4     14",
        "",
        "0.5 games/s, 0 lost, 0 refused, 0 failed attempts to connect",
    ]


def test_summary_of_nothing() -> None:
    """A run that won nothing says so."""
    summary = text(summary_table(stats_of(), CLASSIC, 6.0))

    assert "all            0" in summary
