"""The terminal's screens, compared whole with what they looked like when somebody last looked at them.

`UPDATE_SNAPSHOTS=1 pytest tests/unit/admin/test_view.py` writes them again.
"""

from __future__ import annotations

import os
import time
from collections import Counter
from io import StringIO
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from rich.console import Console

from services.admin.model.board import Away, Board
from services.admin.view import board_view, players_table
from services.protocol.messages import Address, End, Guessed, Joined, Left, Listed, Round, Verdict, Won
from services.runtime.connecting import Target

if TYPE_CHECKING:
    from services.admin.model.board import Change

SNAPSHOTS = Path(__file__).parent / "snapshots"
TARGET = Target("server", 4001)
ANN, BEN, CAT = Address("10.0.0.1", 5001), Address("2001:db8::2", 5002), Address("10.0.0.3", 5003)

GAME: list[tuple[float, Change]] = [
    (0, Listed(CAT)),
    (0, End()),
    (2, Joined(ANN)),
    (3, Guessed(ANN, 15, Verdict.FAR)),
    (4, Joined(BEN)),
    (5, Guessed(ANN, 22, Verdict.CLOSE)),
    (6, Guessed(CAT, 1, Verdict.FAR)),
    (7, Guessed(ANN, 23, Verdict.CORRECT)),
    (7, Won(ANN, 3)),
    (8, Joined(Address("10.0.0.4", 5004))),
    (8, Left(Address("10.0.0.4", 5004))),
]


@pytest.fixture(autouse=True)
def _utc(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TZ", "UTC")
    time.tzset()


def after(changes: list[tuple[float, Change]], **range_: int) -> Board:
    """Return a board that has taken in the changes."""
    board = Board(0.0, **range_)
    for now, change in changes:
        board.apply(change, now)
    return board


def screen(board: Board, now: float, width: int, height: int, *, ascii_only: bool = False) -> str:
    """Draw the board as plain text."""
    console = Console(file=StringIO(), width=width, height=height, color_system=None, legacy_windows=False)
    with console.capture() as capture:
        console.print(
            board_view(
                board,
                TARGET,
                {"smart": 5.03, "sweep": 15.5},
                now,
                ahead_s=0.0,
                width=width,
                height=height,
                ascii_only=ascii_only,
            )
        )
    return "".join(line.rstrip() + "\n" for line in capture.get().splitlines())


@pytest.mark.parametrize(
    ("name", "changes", "now", "size"),
    [
        ("nobody", [(0.0, End())], 1.0, (80, 24)),
        ("playing", GAME, 9.0, (100, 30)),
        ("narrow", GAME, 9.0, (60, 24)),
        ("low", GAME, 9.0, (100, 10)),
        ("away", [*GAME, (9.0, Away("the server closed the connection", 1.0))], 75.0, (100, 24)),
    ],
)
def test_screens(name: str, changes: list[tuple[float, Change]], now: float, size: tuple[int, int]) -> None:
    """Each situation and size looks as it did when it was last approved."""
    path = SNAPSHOTS / f"{name}.txt"
    drawn = screen(after(changes), now, *size)
    if os.environ.get("UPDATE_SNAPSHOTS"):
        path.parent.mkdir(exist_ok=True)
        path.write_text(drawn)

    assert drawn == path.read_text()


@pytest.mark.parametrize("height", range(7, 40))
def test_the_screen_never_overflows(height: int) -> None:
    """However many play, the screen is as high as the terminal at most and tells how many are not on it."""
    board = after([(0.0, Listed(Address("10.0.0.1", port))) for port in range(1, 201)] + [(0.0, End())])
    drawn = screen(board, 1.0, 100, height).splitlines()

    assert len(drawn) <= height
    assert any(line.startswith("and ") and line.endswith(" more") for line in drawn)


def test_a_range_without_room_shows_the_latest_numbers() -> None:
    """Where a strip of the whole range does not fit, the numbers themselves stand there, latest first."""
    board = after(
        [
            (0.0, End()),
            (0.0, Joined(ANN)),
            (1.0, Guessed(ANN, 500, Verdict.FAR)),
            (2.0, Guessed(ANN, 9, Verdict.CLOSE)),
        ],
        high=1000,
    )

    assert "9C 500f" in screen(board, 2.0, 80, 24)


def test_text_from_the_wire_is_never_markup() -> None:
    """A reason that looks like markup is shown as it came."""
    board = after([(0.0, Away("[bold red]fire[/]", 1.0))])

    assert "[bold red]fire[/]" in screen(board, 0.0, 120, 24)


def test_who_without_players() -> None:
    """An empty list is said in words on a terminal."""
    console = Console(file=StringIO(), width=80)
    with console.capture() as capture:
        console.print(players_table(TARGET, []))

    assert capture.get() == "Nobody is playing at server:4001.\n"


def test_who_with_players() -> None:
    """The list on a terminal is a table under the number of players."""
    console = Console(file=StringIO(), width=80)
    with console.capture() as capture:
        console.print(players_table(TARGET, [ANN, BEN]))

    assert "Playing at server:4001: 2" in capture.get()
    assert "2001:db8::2" in capture.get()


def test_the_shared_round_and_its_winner_are_shown() -> None:
    """Where all guess at one number the screen tells which round is in play, and who won the one before."""
    drawn = screen(after([*GAME, (9, Round(1234))]), 10, 100, 30)

    assert "round 1,234" in drawn.splitlines()[0]
    assert "round 1234 begins" in drawn
    assert f"{ANN} wins" in drawn


class Asked(Counter[int]):
    """Counts how often it is asked."""

    times = 0

    def __getitem__(self, key: int) -> int:
        self.times += 1
        return super().__getitem__(key)


@pytest.mark.parametrize("high", [30, 999_999_999])
def test_a_frame_is_bounded_by_the_screen(high: int) -> None:
    """However wide the range is, a frame costs no more than its columns; the latest guess is on it."""
    game: list[tuple[float, Change]] = [
        (0.0, End()),
        (0.0, Joined(ANN)),
        (1.0, Guessed(ANN, high, Verdict.FAR)),
    ]
    board = after(game, high=high)
    board.guesses_to_win = Asked(board.guesses_to_win)
    drawn = screen(board, 2.0, 100, 30)

    assert f"1 to {high}" in drawn
    assert board.guesses_to_win.times <= 100
    assert ("f" if high == 30 else "999999999f") in drawn


@pytest.mark.parametrize("size", [(100, 30), (60, 24), (100, 10)])
def test_a_screen_of_ascii(size: tuple[int, int]) -> None:
    """Where the encoding has no more, bars are of ASCII, and no mark of an ellipsis is drawn."""
    board = after([*GAME, (9.0, Away("the server closed the connection " * 9, 1.0))])
    lines = screen(board, 10.0, *size, ascii_only=True).splitlines()

    assert not any(set(line) & set("▁▂▃▄▅▆▇█…") for line in lines)
    assert size[1] < 24 or any(line.startswith("Players over time") and "@" in line for line in lines)
