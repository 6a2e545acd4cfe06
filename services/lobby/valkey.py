"""The lobby of one server among many: what they share is in Valkey."""

from __future__ import annotations

import asyncio
import time
from typing import TYPE_CHECKING, Any, Final

from services.lobby.channel import Channel
from services.lobby.interface import Seating
from services.lobby.seat import LEASE_MS, Seat, players_in
from services.protocol.codec import NO_NAMES, encode
from services.protocol.messages import Guessed, Joined, Left, Round, Verdict, Won

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from services.lobby.interface import RoundGuess, RoundOutcome, Watcher
    from services.protocol.messages import Address, WatchEvent
    from services.protocol.rules import Rules

BEAT_S: Final = 1.0
"""How often a replica says that it is alive, and renews the lease of the seat."""


class ValkeyLobby:
    """A lobby that is shared with other servers."""

    def __init__(
        self,
        url: str,
        replica: str,
        rules: Rules,
        draw_secret: Callable[[], int],
        in_turn: Callable[[Callable[[], None]], None],
    ) -> None:
        self._url = url
        self._replica = replica
        self._in_turn = in_turn
        self._playing: dict[Address, str | None] = {}
        """Who plays on this server, and by what name."""
        self._channel = Channel(
            url,
            replica=replica,
            rules=rules,
            draw_secret=draw_secret,
            playing=lambda: [Joined(*player) for player in self._playing.items()],
            in_turn=in_turn,
        )
        self.publish_line: Callable[[bytes], None] | None = self._channel.tell
        self._seat: Seat | None = None
        self._readers: set[asyncio.Task[None]] = set()
        """Those of seats that were left too, until their connections are closed."""
        self._life = asyncio.get_running_loop().create_task(self._live())

    @property
    def reachable(self) -> bool:
        """Whether Valkey answers."""
        return self._channel.up

    @property
    def operations(self) -> int:
        """How many commands Valkey was sent."""
        return self._channel.operations

    @property
    def missed(self) -> int:
        """How many guesses no watcher was told of."""
        return self._channel.missed

    def publish(self, event: WatchEvent) -> None:
        """Let an event take effect on the list of players, and tell the watcher (clause A-4)."""
        match event:
            case Joined(address, name):
                self._playing[address] = name
                self._channel.change("join", address, encode(event))
            case Won(address) | Left(address):
                # Two connections to different addresses of ours may come from one address and port.
                self._playing.pop(address, None)
                self._channel.change("end", address, encode(event))
            case Guessed() | Round():
                self._channel.tell(encode(event))

    @property
    def names(self) -> Mapping[Address, str | None]:
        """What the players are called, as of the last event that the watcher was told."""
        return self._seat.players if self._seat else NO_NAMES

    def list_players(self, done: Callable[[Sequence[Address] | None], None]) -> None:
        """Find out who is playing, on whichever server, in the order in which they joined."""
        self._channel.ask("list", (), lambda flat: done(None if flat is None else list(players_in(flat))))

    # --- rounds

    def enter_round(self, done: Callable[[int | None], None]) -> None:
        """Find out which shared round is in play (clause R-1)."""

        def answered(found: bytes | None) -> None:
            number = None if found is None else int(found)
            self._channel.saw_round(number or 0)
            done(number)

        self._channel.ask("enter", (), answered)

    def guess(self, guess: RoundGuess, done: Callable[[RoundOutcome | None], None]) -> None:
        """Judge a guess at the shared number, and publish what follows from it (clauses R-2, R-3)."""

        def answered(outcome: RoundOutcome | None) -> None:
            if outcome and outcome.reply is Verdict.CORRECT:
                self._playing.pop(guess.address, None)
            done(outcome)

        self._channel.guess(guess, answered)

    # --- the seat

    def take_seat(self, watcher: Watcher, done: Callable[[Seating | None], None]) -> None:
        """Take the administrator's seat (clause A-7), of all servers."""
        asked_s = time.monotonic()

        def answered(found: list[Any] | None) -> None:
            if not found:
                done(None if found is None else Seating.OCCUPIED)
                return
            token, last_event, round_number, flat = found
            if self._seat:  # it was free in Valkey, but is not given up here yet
                self._free(token)
                done(Seating.OCCUPIED)
                return
            self._seat = Seat(
                self._url,
                watcher,
                token=token,
                players=players_in(flat),
                round_number=int(round_number),
                last_event=int(last_event),
                in_turn=self._in_turn,
            )
            self._seat.renewed(asked_s)
            self._readers.add(self._seat.reader)
            self._seat.reader.add_done_callback(self._readers.discard)
            done(Seating.SEATED)

        self._channel.ask("take_seat", (self._replica, LEASE_MS), answered)

    def watched_round(self) -> int:
        """Return which round is in play as of the last event that the watcher was told."""
        return self._seat.round_number if self._seat else 0

    def watched_players(self) -> Sequence[Address]:
        """Return who is playing as of the last event that the watcher was told."""
        return tuple(self._seat.players) if self._seat else ()

    def leave_seat(self) -> None:
        """Leave the seat that was taken here."""
        if self._seat:
            seat, self._seat = self._seat, None
            seat.end()
            self._free(seat.token)

    def _free(self, token: int) -> None:
        self._channel.ask("leave_seat", (self._replica, token), lambda _: None)

    def _renew_seat(self, seat: Seat) -> None:
        if seat.expired:
            seat.lose("the lease could not be renewed")
            return
        asked_s = time.monotonic()

        def answered(renewed: int | None) -> None:
            if seat is not self._seat:
                return
            if renewed:
                seat.renewed(asked_s)
            elif renewed is not None:
                seat.lose("the lease is over")

        self._channel.ask("renew_seat", (self._replica, seat.token, LEASE_MS), answered)

    # --- life

    async def _live(self) -> None:
        while True:
            self._channel.beat()
            if self._seat:
                self._renew_seat(self._seat)
            await asyncio.sleep(BEAT_S)

    async def close(self) -> None:
        """Let go of everything; players of this server are listed no longer."""
        self._life.cancel()
        self.leave_seat()
        await asyncio.gather(*self._readers, return_exceptions=True)
        await self._channel.close()
