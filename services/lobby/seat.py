"""The administrator's seat, held at one server and of all: a lease to renew, and events to pass on."""

from __future__ import annotations

import asyncio
import contextlib
import time
from typing import TYPE_CHECKING, Final

import structlog

from services.lobby import scripts
from services.lobby.channel import ANSWER_TIMEOUT_S, BATCH, FAULTS, make_client
from services.protocol import refusals
from services.protocol.codec import parse_admin_reply
from services.protocol.messages import Address, Joined, Left, Round, Won

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from services.lobby.interface import Watcher

LEASE_MS: Final = 3500
"""How long the seat stays taken when its replica is gone."""

LEASE_S: Final = LEASE_MS / 1000 - 0.5
"""How long the replica itself counts on it: it has stopped passing events on before anybody else begins."""

READ_WAIT_MS: Final = 1000


def players_in(flat: Sequence[bytes]) -> dict[Address, str | None]:
    """Return the players of Valkey's hash and their names, in the order in which they joined."""
    found = []
    for address, value in zip(flat[::2], flat[1::2], strict=True):
        host, port = address.decode().split()
        _, sequence, *name = value.decode().split()
        found.append((int(sequence), Address(host, int(port)), name[0] if name else None))
    return {address: name for _, address, name in sorted(found)}


class Seat:
    """The seat while it is held here."""

    def __init__(
        self,
        url: str,
        watcher: Watcher,
        *,
        token: int,
        players: dict[Address, str | None],
        round_number: int,
        last_event: int,
        in_turn: Callable[[Callable[[], None]], None],
    ) -> None:
        self.token = token
        """Higher than that of every holder before."""
        self.players = players
        """Who is playing, and by what name, as of the last event that the watcher was told."""
        self.round_number = round_number
        """Which round is in play as of then."""
        self.until_s = 0.0
        """When the lease ends, on the monotonic clock, unless it is renewed."""
        self._watcher = watcher
        self._in_turn = in_turn
        # A connection of its own: it waits for events, and must hold up nothing.
        self._client = make_client(url, READ_WAIT_MS / 1000 + ANSWER_TIMEOUT_S)
        self._reading = True
        self.reader = asyncio.get_running_loop().create_task(self._read(last_event))
        """Passes events on; it is done when its connection is closed."""

    def renewed(self, asked_s: float) -> None:
        """Note that the lease was renewed, by a question of that time."""
        self.until_s = asked_s + LEASE_S

    @property
    def expired(self) -> bool:
        """Whether it may be another's by now."""
        return time.monotonic() >= self.until_s

    def lose(self, reason: str) -> None:
        """Tell the watcher that the seat is lost; it leaves the seat then."""
        structlog.get_logger().warning("seat_lost", reason=reason)
        self._in_turn(lambda: self._watcher.unseat(refusals.SEAT_LOST))

    def end(self) -> None:
        """Pass nothing on any more."""
        if self._reading:
            self._reading = False
            self.reader.cancel()

    async def _read(self, last: int) -> None:
        """Tell the watcher every event after `last`, without a gap."""
        try:
            while True:
                found = await self._client.xread(
                    {scripts.EVENTS: f"{last}-1"}, count=BATCH, block=READ_WAIT_MS
                )
                if not self._reading:  # a library may lose a cancellation
                    return
                if self.expired:
                    raise TimeoutError("the lease could not be renewed")
                if not found:
                    continue
                [(_, entries)] = found
                first, before = int(entries[0][0].partition(b"-")[0]), last
                last = int(entries[-1][0].partition(b"-")[0])
                if first != before + 1 or last - before != len(entries):
                    raise ConnectionError("events were lost")
                self._pass_on(b"".join(fields[b"line"] for _, fields in entries))
        except FAULTS as error:
            if not self._reading:
                return
            self._reading = False
            self.lose(str(error) or type(error).__name__)
        finally:
            with contextlib.suppress(*FAULTS):
                await self._client.aclose()

    def _pass_on(self, lines: bytes) -> None:
        for line in lines.splitlines():
            match parse_admin_reply(line):
                case Joined(address, name):
                    self.players[address] = name
                case Won(address) | Left(address):
                    self.players.pop(address, None)
                case Round(number):
                    self.round_number = number
                case _:
                    pass
        self._in_turn(lambda: self._watcher.write(lines))
