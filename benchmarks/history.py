"""How long the page's questions to a history of 100,000 games take: `python -m benchmarks.history`, seconds.

The figures are processor time of this process; nothing is judged.
"""

from __future__ import annotations

import statistics
import tempfile
import time
from pathlib import Path

from services.admin.history import GAMES_KEPT, HOUR_S, History
from services.admin.model.board import Game
from services.protocol.messages import Address

NOW = 1_800_000_000.0
ASKED = 20


def measure(names: int) -> None:
    """Fill a history with games of so many players, ask it for the scores, and print."""
    games = [
        (
            Game(
                address=Address("10.0.0.1", 1024 + number % 60_000),
                name=f"bot-{number % names}",
                seconds=9.5,
                guesses=1 + number % 12,
                won=True,
                low=1,
                high=30,
                round=None,
            ),
            NOW - 24 * HOUR_S + number * 24 * HOUR_S / GAMES_KEPT,
        )
        for number in range(GAMES_KEPT)
    ]
    with tempfile.TemporaryDirectory() as folder, History(str(Path(folder) / "games.sqlite")) as history:
        began_s = time.process_time()
        history.add(games, [(NOW - 24 * HOUR_S, NOW)])
        added_us = (time.process_time() - began_s) / GAMES_KEPT * 1e6
        took_ms = []
        for _ in range(ASKED):
            began_s = time.process_time()
            history.scores(1, 30, NOW)
            took_ms.append((time.process_time() - began_s) * 1000)
    print(
        f"{GAMES_KEPT:,} games, {names:,} names: scores in {statistics.median(took_ms):.2f} ms "
        f"(median of {ASKED}; at worst {max(took_ms):.2f} ms), recorded in {added_us:.0f} us each"
    )


if __name__ == "__main__":
    measure(50)
    measure(GAMES_KEPT)
