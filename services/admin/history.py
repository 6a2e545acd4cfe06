"""Finished games in an SQLite file: what outlives a restart, and the questions that scores are made from.

All calls block, so `services.admin.recorder` makes them in a thread of its own. Any SQLite may read the file
while it is written (WAL). Every change is one transaction: a kill between two writes leaves what was before.
"""

from __future__ import annotations

import sqlite3
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final, Self

if TYPE_CHECKING:
    from collections.abc import Iterable

    from services.admin.model.board import Game

IN_MEMORY: Final = ":memory:"

GAMES_KEPT: Final = 100_000
DAYS_KEPT: Final = 400
"""What is older, or more, is deleted as new games come."""

DAY_S: Final = 86_400
HOUR_S: Final = 3_600
HOURS_TOLD: Final = 48
NAMES_TOLD: Final = 20

# One for each version of the schema, never changed once released; PRAGMA user_version counts those run.
MIGRATIONS: Final = (
    """
    CREATE TABLE game (
        id INTEGER PRIMARY KEY AUTOINCREMENT, -- so the last one tells how many there were
        ended REAL NOT NULL, -- seconds since 1970, as every moment here
        day INTEGER NOT NULL, -- of the end, in UTC, days since 1970
        seconds REAL NOT NULL, -- how long it was seen
        ip TEXT NOT NULL,
        port INTEGER NOT NULL,
        name TEXT, -- what the player called itself, if anything
        guesses INTEGER NOT NULL, -- of a game that was not seen whole and not won: at least
        low INTEGER NOT NULL, -- the range
        high INTEGER NOT NULL,
        round INTEGER, -- the shared round, if any
        outcome TEXT NOT NULL CHECK (outcome IN ('won', 'left'))
    );
    CREATE INDEX game_ended ON game (ended);
    -- What the games come to, kept up to date with each of them, so that no question has to count them.
    CREATE TABLE score ( -- of games won
        id INTEGER PRIMARY KEY,
        day INTEGER NOT NULL, -- or -1: of all days
        low INTEGER NOT NULL,
        high INTEGER NOT NULL,
        name TEXT NOT NULL, -- or empty: of all players without one
        games INTEGER NOT NULL,
        best INTEGER NOT NULL,
        guesses INTEGER NOT NULL,
        mean REAL AS (guesses * 1.0 / games),
        UNIQUE (day, low, high, name)
    );
    CREATE INDEX score_order ON score (day, low, high, best, mean);
    CREATE TABLE hour (
        hour INTEGER NOT NULL, -- hours since 1970
        outcome TEXT NOT NULL,
        games INTEGER NOT NULL,
        PRIMARY KEY (hour, outcome)
    ) WITHOUT ROWID;
    CREATE TABLE watched (began REAL PRIMARY KEY, until REAL NOT NULL); -- when games were recorded
    """,
)

_ADD: Final = """
    INSERT INTO game (ended, day, seconds, ip, port, name, guesses, low, high, round, outcome)
    VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)
"""
_WATCHED: Final = "INSERT INTO watched VALUES (?, ?) ON CONFLICT (began) DO UPDATE SET until = excluded.until"

_SCORE: Final = """
    INSERT INTO score (day, low, high, name, games, best, guesses) VALUES (?1, ?2, ?3, ?4, 1, ?5, ?5)
    ON CONFLICT (day, low, high, name)
    DO UPDATE SET games = games + 1, best = min(best, excluded.best), guesses = guesses + excluded.guesses
"""
_HOUR: Final = """
    INSERT INTO hour VALUES (?, ?, 1) ON CONFLICT (hour, outcome) DO UPDATE SET games = games + 1
"""
_ALL_DAYS: Final = -1

BEST: Final = """
    SELECT name, games, best, mean FROM score WHERE day = ? AND low = ? AND high = ?
    ORDER BY best, mean LIMIT ?
"""
BY_HOUR: Final = "SELECT hour, outcome, games FROM hour WHERE hour >= ?"


class NewerSchemaError(Exception):
    """The file was written by a later release, which knows how to read it."""


class History:
    """The finished games, oldest first, and when games were recorded."""

    def __init__(self, path: str, *, read_only: bool = False) -> None:
        """Open the file, or make it unless it is only read; `:memory:` is forgotten at the end.

        Raises:
            sqlite3.Error: It cannot be used.
            NewerSchemaError: A later release made it.
        """
        if read_only:
            name = Path(path).absolute().as_uri() + "?mode=ro"
            self._database = sqlite3.connect(name, isolation_level=None, uri=True)
        else:
            self._database = sqlite3.connect(path, isolation_level=None)
        try:
            if not read_only:
                self._migrate()
        except BaseException:
            self._database.close()
            raise

    def _migrate(self) -> None:
        (version,) = self._database.execute("PRAGMA user_version").fetchone()
        if version > len(MIGRATIONS):
            raise NewerSchemaError(
                f"its schema is version {version}, newer than this program's {len(MIGRATIONS)}"
            )
        self._database.execute("PRAGMA journal_mode = WAL")
        # A crash of the machine may lose the last moments; a crash of the program loses nothing.
        self._database.execute("PRAGMA synchronous = NORMAL")
        for number, script in enumerate(MIGRATIONS[version:], start=version + 1):
            self._database.executescript(f"BEGIN; {script}; PRAGMA user_version = {number}; COMMIT")

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        """Close the file."""
        self._database.close()

    def add(self, games: Iterable[tuple[Game, float]], watched: Iterable[tuple[float, float]]) -> None:
        """Record games, each with the moment of its end, and when games were recorded.

        Raises:
            sqlite3.Error: Nothing of this was recorded.
        """
        execute = self._database.execute
        execute("BEGIN IMMEDIATE")
        try:
            for game, ended in games:
                self._add(game, ended)
            self._database.executemany(_WATCHED, watched)
            self._delete_old()
            execute("COMMIT")
        except BaseException:
            if self._database.in_transaction:
                execute("ROLLBACK")
            raise

    def _add(self, game: Game, ended: float) -> None:
        day, outcome = int(ended // DAY_S), "won" if game.won else "left"
        name, guesses, low, high = game.name, game.guesses, game.low, game.high
        seconds, address = round(game.seconds, 3), game.address
        row = (ended, day, seconds, address.host, address.port, name, guesses, low, high, game.round, outcome)
        self._database.execute(_ADD, row)
        self._database.execute(_HOUR, (int(ended // HOUR_S), outcome))
        if game.won:
            scores = [(each, low, high, name or "", guesses) for each in (day, _ALL_DAYS)]
            self._database.executemany(_SCORE, scores)

    def _delete_old(self) -> None:
        execute = self._database.execute
        (newest,) = execute("SELECT max(ended) FROM game").fetchone()
        if newest is not None:
            oldest = newest - DAYS_KEPT * DAY_S
            execute("DELETE FROM game WHERE ended < ?", (oldest,))
            execute("DELETE FROM game WHERE id <= (SELECT max(id) FROM game) - ?", (GAMES_KEPT,))
            execute("DELETE FROM score WHERE day >= 0 AND day < ?", (int(newest // DAY_S),))
            execute("DELETE FROM score WHERE id <= (SELECT max(id) FROM score) - ?", (GAMES_KEPT,))
            execute("DELETE FROM hour WHERE hour < ?", (int(oldest // HOUR_S),))
            execute("DELETE FROM watched WHERE until < ?", (oldest,))

    def scores(self, low: int, high: int, now: float) -> dict[str, Any]:
        """Return the scores of one range as docs/dashboard.md describes them; `now` in seconds since 1970."""
        ask = self._database.execute
        (last,) = ask("SELECT max(id) FROM game").fetchone()
        (since,) = ask("SELECT min(ended) FROM game").fetchone()
        periods = {"ever": _ALL_DAYS, "today": int(now // DAY_S)}
        return {
            "at": round(now, 3),
            "range": {"low": low, "high": high},
            "recorded": {"games": last or 0, "since": since},
            **{
                period: [_entry(*row) for row in ask(BEST, (day, low, high, NAMES_TOLD))]
                for period, day in periods.items()
            },
            "by_hour": self._by_hour(now),
        }

    def _by_hour(self, now: float) -> dict[str, Any]:
        """Count the games of each hour; None where nobody recorded any."""
        last = int(now // HOUR_S)
        first = last - HOURS_TOLD + 1
        seen = self._database.execute(
            "SELECT began, until FROM watched WHERE until >= ? ORDER BY began", (first * HOUR_S,)
        ).fetchall()
        known = {
            hour
            for began, until in seen
            for hour in range(max(first, int(began // HOUR_S)), min(last, int(until // HOUR_S)) + 1)
        }
        counts = {
            (hour, outcome): games for hour, outcome, games in self._database.execute(BY_HOUR, (first,))
        }
        hours = range(first, last + 1)
        return {
            "from": first * HOUR_S,
            "step": HOUR_S,
            **{
                outcome: [counts.get((hour, outcome), 0) if hour in known else None for hour in hours]
                for outcome in ("won", "left")
            },
        }


def _entry(name: str, games: int, best: int, mean: float) -> dict[str, Any]:
    return {"name": name or None, "games": games, "best": best, "mean": round(mean, 2)}
