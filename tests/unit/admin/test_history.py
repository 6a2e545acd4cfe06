"""The history: what was recorded stays, whatever ends the program, and the questions stay cheap."""

from __future__ import annotations

import csv
import json
import sqlite3
import subprocess
import sys
from io import StringIO
from typing import TYPE_CHECKING

import pytest

from services.admin import history as module
from services.admin.cli import run
from services.admin.history import (
    BEST,
    BY_HOUR,
    DAY_S,
    DAYS_KEPT,
    HOUR_S,
    HOURS_TOLD,
    IN_MEMORY,
    MIGRATIONS,
    NAMES_TOLD,
    History,
    NewerSchemaError,
)
from services.admin.model.board import Game
from services.protocol.messages import Address

if TYPE_CHECKING:
    from pathlib import Path

NOON = 20_000 * DAY_S + 12 * HOUR_S


def game(name: str | None = "ann", guesses: int = 5, *, won: bool = True, high: int = 30) -> Game:
    """Return a game that is over."""
    address = Address("10.0.0.1", 5001)
    return Game(
        address=address, name=name, seconds=9.5, guesses=guesses, won=won, low=1, high=high, round=None
    )


def test_scores_are_by_name() -> None:
    """Each name has its number of games won, its best and its mean, in this range; the best comes first."""
    with History(IN_MEMORY) as history:
        history.add(
            [
                *((game("ann", guesses), NOON) for guesses in (4, 7)),
                (game("ben", 3), NOON - DAY_S),
                (game(None, 9), NOON),
                (game("ann", 1, high=99), NOON),
                (game("ann", 1, won=False), NOON),
            ],
            [],
        )
        scores = history.scores(1, 30, NOON)

    ann = {"name": "ann", "games": 2, "best": 4, "mean": 5.5}
    ben = {"name": "ben", "games": 1, "best": 3, "mean": 3.0}
    nobody = {"name": None, "games": 1, "best": 9, "mean": 9.0}
    assert scores["ever"] == [ben, ann, nobody]
    assert scores["today"] == [ann, nobody]
    assert scores["recorded"] == {"games": 6, "since": NOON - DAY_S}


def test_hours_without_a_record_are_a_gap() -> None:
    """An hour in which nobody recorded is not told as one without games."""
    with History(IN_MEMORY) as history:
        history.add(
            [(game(), NOON), (game(won=False), NOON - 2 * HOUR_S)], [(NOON - 2.5 * HOUR_S, NOON - 2 * HOUR_S)]
        )
        history.add([], [(NOON - 2.5 * HOUR_S, NOON - 1.9 * HOUR_S), (NOON, NOON + 60)])
        by_hour = history.scores(1, 30, NOON + 60)["by_hour"]

    assert by_hour["from"] + (HOURS_TOLD - 1) * by_hour["step"] == NOON
    assert by_hour["won"][-4:] == [0, 0, None, 1]
    assert by_hour["left"][-4:] == [0, 1, None, 0]
    assert by_hour["won"][:-4] == [None] * (HOURS_TOLD - 4)


def test_a_restart_forgets_nothing(tmp_path: Path) -> None:
    """What was recorded is there when the file is opened again, and a new game is added to it."""
    path = str(tmp_path / "games.sqlite")
    for opened in range(1, 4):
        with History(path) as history:
            history.add([(game(), NOON)], [(NOON, NOON + opened)])
            assert history.scores(1, 30, NOON)["ever"][0]["games"] == opened


def test_old_games_and_too_many_are_deleted(monkeypatch: pytest.MonkeyPatch) -> None:
    """The history is bounded by number and by age."""
    monkeypatch.setattr(module, "GAMES_KEPT", 10)
    with History(IN_MEMORY) as history:
        for number in range(30):
            history.add([(game(), NOON + number)], [(NOON, NOON + number)])
        kept = history._database.execute("SELECT count(*), min(ended) FROM game").fetchone()
        history.add([(game("ben"), NOON + (DAYS_KEPT + 1) * DAY_S)], [])
        left = history._database.execute("SELECT count(*) FROM game").fetchone()
        scores = history.scores(1, 30, NOON + (DAYS_KEPT + 1) * DAY_S)
        tables = ("score WHERE day >= 0", "hour", "watched")
        rows = [
            history._database.execute(f"SELECT count(*) FROM {table}").fetchone()  # noqa: S608
            for table in tables
        ]

    assert (kept, left) == ((10, NOON + 20), (1,))
    assert scores["recorded"]["games"] == 31
    # What was reached stays reached.
    assert {(entry["name"], entry["games"]) for entry in scores["ever"]} == {("ben", 1), ("ann", 30)}
    assert [entry["name"] for entry in scores["today"]] == ["ben"]
    assert rows == [(1,), (1,), (0,)]


def test_only_the_best_names_are_told() -> None:
    """However many names there are, the answer is short."""
    with History(IN_MEMORY) as history:
        history.add([(game(f"bot-{guesses}", guesses), NOON) for guesses in range(1, 1000)], [])
        ever = history.scores(1, 30, NOON)["ever"]

    assert [entry["best"] for entry in ever] == list(range(1, NAMES_TOLD + 1))


def test_a_newer_file_is_left_alone(tmp_path: Path) -> None:
    """A file of a later release is refused, and not changed."""
    path = tmp_path / "games.sqlite"
    with History(str(path)):
        pass
    with sqlite3.connect(path) as database:
        database.execute(f"PRAGMA user_version = {len(MIGRATIONS) + 1}")
    database.close()

    with pytest.raises(NewerSchemaError, match="newer"):
        History(str(path))


def test_an_older_file_is_brought_up_to_date(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Each migration that a file lacks is run, once, and what it holds stays."""
    path = str(tmp_path / "games.sqlite")
    with History(path) as history:
        history.add([(game(), NOON)], [])
    monkeypatch.setattr(
        module, "MIGRATIONS", (*MIGRATIONS, "ALTER TABLE game ADD COLUMN later TEXT DEFAULT 'x'")
    )
    for _ in range(2):
        with History(path) as history:
            assert history.scores(1, 30, NOON)["recorded"]["games"] == 1
            assert history._database.execute("SELECT later FROM game").fetchall() == [("x",)]


KILLED = """
import os, sys
from services.admin.history import History
from tests.unit.admin.test_history import NOON, game
path, last = sys.argv[1], 0
for step in range(1, 1000):
    child = os.fork()
    if child == 0:
        history = History(path + f".{step}")
        seen = 0
        def count(_statement):
            global seen
            seen += 1
            if seen == step:
                os._exit(9)
        history._database.set_trace_callback(count)
        for number in range(3):
            history.add([(game(guesses=number + 1), NOON), (game("ben"), NOON)], [(NOON, NOON + number)])
            print(step, number, flush=True)
        os._exit(0)
    if os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 0:
        break
"""


def test_a_kill_between_any_two_writes_leaves_whole_records(tmp_path: Path) -> None:
    """Killed before each statement in turn, the file opens clean, with all records whole."""
    path = tmp_path / "games.sqlite"
    done = subprocess.run(
        [sys.executable, "-c", KILLED, str(path)], capture_output=True, text=True, check=True, timeout=50
    )
    recorded = [tuple(map(int, line.split())) for line in done.stdout.splitlines()]
    steps = max(step for step, _ in recorded)

    assert steps > 20
    for step in range(1, steps + 1):
        with History(f"{path}.{step}") as history:
            (sound,) = history._database.execute("PRAGMA integrity_check").fetchone()
            games = history.scores(1, 30, NOON)["recorded"]["games"]
        assert sound == "ok"
        told = 2 * sum(1 for at, _ in recorded if at == step)
        assert games in (told, told + 2)  # a record may be whole before anybody is told
        assert games % 2 == 0


def test_another_program_reads_it_while_it_is_written(tmp_path: Path) -> None:
    """Any SQLite sees each record as soon as it is written, while the program goes on."""
    path = str(tmp_path / "games.sqlite")
    with History(path) as history, sqlite3.connect(f"file:{path}?mode=ro", uri=True) as reader:
        for number in range(1, 4):
            history.add([(game(), NOON)], [])
            rows = reader.execute("SELECT name, guesses, outcome FROM game").fetchall()
            assert rows == [("ann", 5, "won")] * number
    reader.close()


def test_the_questions_use_the_indexes() -> None:
    """No question of the page counts or sorts: a hundred thousand games cost what ten do."""
    with History(IN_MEMORY) as history:
        for question, values in ((BEST, (1, 1, 30, 20)), (BY_HOUR, (0,))):
            plan = [row[3] for row in history._database.execute(f"EXPLAIN QUERY PLAN {question}", values)]
            assert len(plan) == 1, plan
            assert plan[0].startswith(
                ("SEARCH score USING INDEX score_order", "SEARCH hour USING PRIMARY KEY")
            )


@pytest.mark.parametrize("arguments", [[], ["--json"], ["--csv"]])
def test_scores_can_be_asked_for(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], arguments: list[str]
) -> None:
    """`scores` shows today and ever as a table, as JSON or as CSV."""
    path = str(tmp_path / "games.sqlite")
    with History(path) as history:
        history.add([(game(), NOON)], [])

    assert run(["scores", *arguments], {"GAME_HISTORY": path}) == 0
    printed = capsys.readouterr().out
    assert "ann" in printed
    if arguments == ["--json"]:
        assert json.loads(printed)["ever"] == [{"name": "ann", "games": 1, "best": 5, "mean": 5.0}]
    if arguments == ["--csv"]:
        rows = list(csv.DictReader(StringIO(printed)))
        assert rows == [{"period": "ever", "name": "ann", "games": "1", "best": "5", "mean": "5.0"}]


@pytest.mark.parametrize("file", ["", "/nowhere/games.sqlite", "/"])
def test_no_history_is_one_clear_line(capsys: pytest.CaptureFixture[str], file: str) -> None:
    """Without a file that can be read, the answer is one line that says so."""
    assert run(["scores"], {"GAME_HISTORY": file}) == 1
    printed = capsys.readouterr()

    assert printed.out == ""
    assert printed.err.count("\n") == 1
    assert "history" in printed.err.lower()
