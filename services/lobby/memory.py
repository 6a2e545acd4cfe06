"""The lobby of a server by itself: everything is known here, at once."""

from __future__ import annotations

from typing import TYPE_CHECKING

from services.lobby.interface import RoundOutcome, Seating
from services.protocol.codec import encode
from services.protocol.messages import Guessed, Joined, Left, Round, TooLate, Verdict, Won

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from services.lobby.interface import RoundGuess, Watcher
    from services.protocol.messages import Address, WatchEvent
    from services.protocol.rules import Rules


class MemoryLobby:
    """A lobby without anybody to share it with."""

    def __init__(self, rules: Rules, draw_secret: Callable[[], int]) -> None:
        self.publish_line: Callable[[bytes], None] | None = None
        self._rules = rules
        self._draw_secret = draw_secret
        self._players: dict[Address, str | None] = {}
        self._round_number = 1
        self._found = TooLate()
        """What is said of the round before this one."""
        self._secret = draw_secret()

    @property
    def reachable(self) -> bool:
        """Always."""
        return True

    @property
    def operations(self) -> int:
        """None."""
        return 0

    @property
    def missed(self) -> int:
        """None."""
        return 0

    def publish(self, event: WatchEvent) -> None:
        """Let an event take effect on the list of players, and tell the watcher (clause A-4)."""
        match event:
            case Joined(address, name):
                self._players[address] = name
            case Won(address) | Left(address):
                # Two connections to different addresses of ours may come from one address and port.
                self._players.pop(address, None)
            case _:
                pass
        if self.publish_line:
            self.publish_line(encode(event))

    @property
    def names(self) -> Mapping[Address, str | None]:
        """What the players are called."""
        return self._players

    def list_players(self, done: Callable[[Sequence[Address] | None], None]) -> None:
        """Find out who is playing, in the order in which they joined."""
        done(tuple(self._players))

    def take_seat(self, watcher: Watcher, done: Callable[[Seating | None], None]) -> None:
        """Take the administrator's seat (clause A-7)."""
        if self.publish_line:
            done(Seating.OCCUPIED)
            return
        self.publish_line = watcher.write
        done(Seating.SEATED)

    def watched_round(self) -> int:
        """Return which round is in play: the watcher knows at once."""
        return self._round_number

    def watched_players(self) -> Sequence[Address]:
        """Return who is playing: the watcher knows at once."""
        return tuple(self._players)

    def leave_seat(self) -> None:
        """Leave the seat."""
        self.publish_line = None

    def enter_round(self, done: Callable[[int | None], None]) -> None:
        """Find out which shared round is in play (clause R-1)."""
        done(self._round_number)

    def guess(self, guess: RoundGuess, done: Callable[[RoundOutcome | None], None]) -> None:
        """Judge a guess at the shared number (clauses R-2, R-3)."""
        if guess.round_number != self._round_number:
            done(RoundOutcome(self._round_number, self._found))
            return
        verdict = self._rules.judge(self._secret, guess.number)
        self.publish(Guessed(guess.address, guess.number, verdict))
        if verdict is Verdict.CORRECT:
            self._round_number += 1
            self._found = TooLate(guess.number, guess.name)
            self._secret = self._draw_secret()
            self.publish(Won(guess.address, guess.guesses))
            self.publish(Round(self._round_number))
        done(RoundOutcome(guess.round_number, verdict))

    async def close(self) -> None:
        """Let go of everything: there is nothing to let go of."""
