"""The `scores` command: what the history knows, as a table, as JSON or as CSV."""

from __future__ import annotations

import csv
import json
import sqlite3
import sys
import time
from typing import TYPE_CHECKING, Any, Final

from rich import box
from rich.console import Console
from rich.table import Table
from rich.text import Text

from services.admin.history import IN_MEMORY, History, NewerSchemaError
from services.runtime.fault import Fault

if TYPE_CHECKING:
    from services.admin.settings import Settings

PERIODS: Final = {"today": "Today (UTC)", "ever": "Ever"}
NAMELESS: Final = "(no name)"


class NoScoresError(Fault):
    """There is no history that can be read; the text is one clear line."""


def show_scores(settings: Settings, *, as_json: bool, as_csv: bool) -> None:
    """Print the scores of the range that the settings name.

    Raises:
        NoScoresError: They cannot be read.
    """
    if settings.history == IN_MEMORY:
        raise NoScoresError(
            "GAME_HISTORY: is missing, name the file that `watch` records games in (or --history)"
        )
    try:
        with History(settings.history, read_only=True) as history:
            scores = history.scores(settings.rules.low, settings.rules.high, time.time())
    except (sqlite3.Error, NewerSchemaError) as error:
        raise NoScoresError(f"cannot read the history {settings.history!r}: {error}") from error
    if as_json:
        sys.stdout.write(json.dumps({"version": 1, **scores}) + "\n")
    elif as_csv:
        writer = csv.writer(sys.stdout, lineterminator="\n")
        writer.writerow(["period", "name", "games", "best", "mean"])
        for period in PERIODS:
            writer.writerows([period, *entry.values()] for entry in scores[period])
    else:
        _print_tables(scores)
    sys.stdout.flush()


def _print_tables(scores: dict[str, Any]) -> None:
    # Whether there is a terminal decides the form; rich would let FORCE_COLOR and TTY_COMPATIBLE do so.
    console = Console(force_terminal=sys.stdout.isatty())
    low, high = scores["range"].values()
    for period, title in PERIODS.items():
        table = Table(title=f"{title}, {low} to {high}", box=box.SIMPLE_HEAD, title_justify="left")
        table.add_column("Name")
        for column in ("Games", "Best", "Mean"):
            table.add_column(column, justify="right")
        for entry in scores[period]:
            name = Text(entry["name"] or NAMELESS)
            table.add_row(name, f"{entry['games']:,}", str(entry["best"]), f"{entry['mean']:.2f}")
        console.print(table if scores[period] else f"{title}, {low} to {high}: no game won yet")
