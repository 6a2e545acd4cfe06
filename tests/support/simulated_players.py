"""A crowd of simulated players, told to whoever watches: as many events a second as one likes."""

from __future__ import annotations

import random
import threading
from typing import TYPE_CHECKING, Self

from tests.support.dashboard import Watched

if TYPE_CHECKING:
    from types import TracebackType

BEAT_S = 0.05


class Crowd(Watched):
    """Players who guess at random while the block lasts; one guess in twelve wins, and a new game begins."""

    def __init__(self, players: int, *, events_per_s: int) -> None:
        self._playing = [
            f"10.{number // 250}.0.{number % 250} {10_000 + number}" for number in range(players)
        ]
        super().__init__(*self._playing)
        self._guesses = dict.fromkeys(self._playing, 0)
        self._per_beat = round(events_per_s * BEAT_S)
        self._over = threading.Event()
        self._thread = threading.Thread(target=self._play)

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(
        self, _kind: type[BaseException] | None, _error: BaseException | None, _trace: TracebackType | None
    ) -> None:
        self._over.set()
        self._thread.join()

    def _play(self) -> None:
        chance = random.Random(1)
        while not self._over.wait(BEAT_S):
            try:
                self.send(*(event for _ in range(self._per_beat) for event in self._guess(chance)))
            except OSError:
                return  # the watcher has gone, and with it the audience

    def _guess(self, chance: random.Random) -> list[str]:
        player = chance.choice(self._playing)
        number = chance.randint(1, 30)
        self._guesses[player] += 1
        if chance.random() < 1 / 12:
            guesses, self._guesses[player] = self._guesses[player], 0
            return [f"Guessed {player} {number} Correct", f"Won {player} {guesses}", f"Joined {player}"]
        return [f"Guessed {player} {number} {chance.choice(['Far', 'Far', 'Far', 'Close'])}"]
