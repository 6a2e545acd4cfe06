"""Many players at once, in one process, and how long they wait for their replies."""

from __future__ import annotations

import asyncio
import math
import time
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

TIMEOUT_S = 20.0
PAUSE_S = 0.02
"""How long a player of the crowd thinks: fifty of them make two thousand guesses in a second, no more."""


@dataclass(slots=True)
class Tally:
    """What became of the crowd's games."""

    won: int = 0
    lost: list[str] = field(default_factory=list)
    """Games that did not go to their end, and why."""
    waits_s: list[float] = field(default_factory=list)
    """How long each reply took."""

    @property
    def p99_ms(self) -> float:
        """What 99 of 100 replies did not exceed."""
        ordered = sorted(self.waits_s)
        return ordered[max(0, math.ceil(0.99 * len(ordered)) - 1)] * 1000


async def play(address: tuple[str, int], tally: Tally, pause_s: float = PAUSE_S) -> None:
    """Play one game by sweeping the range."""
    reader, writer = await asyncio.open_connection(*address)
    try:
        for line in (
            b"Hello\r\n",
            b"Game\r\n",
            *(b"My Guess is: %d\r\n" % number for number in range(1, 31)),
        ):
            began_s = time.perf_counter()
            writer.write(line)
            reply = await asyncio.wait_for(reader.readline(), TIMEOUT_S)
            tally.waits_s.append(time.perf_counter() - began_s)
            if reply == b"Correct\r\n":
                tally.won += 1
                return
            if reply not in {b"Greetings\r\n", b"Ready\r\n", b"Far\r\n", b"Close\r\n"}:
                tally.lost.append(repr(reply))
                return
            await asyncio.sleep(pause_s)
        tally.lost.append("no number was right")
    except (OSError, TimeoutError) as error:
        tally.lost.append(repr(error))
    finally:
        writer.close()


@asynccontextmanager
async def playing_crowd(address: tuple[str, int], players: int) -> AsyncIterator[Tally]:
    """Let so many players play game after game until the block ends; then each ends its game."""
    tally = Tally()
    over = asyncio.Event()

    async def play_on() -> None:
        while not over.is_set():
            await play(address, tally)

    async with asyncio.TaskGroup() as group:
        for _ in range(players):
            group.create_task(play_on())
        yield tally
        over.set()
