"""The board as a stream of frames that all viewers share: a frame is made once, however many look on."""

from __future__ import annotations

import asyncio
import json
from typing import TYPE_CHECKING, Any, Final

from services.admin.dashboard.state import changed_state, shown, whole_state

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator, Callable, Mapping

    from services.admin.dashboard.names import Names
    from services.admin.model.board import Board

TICK_S: Final = 0.4
"""Changes are gathered for so long: a guess is on the page in half a second, and there is time to draw."""

STILL_S: Final = 2.0
"""Without changes a frame comes this often: rates fall, and charts move on by themselves."""

MOST_VIEWERS: Final = 64


class Feed:
    """Cuts the changes of a board into frames; a viewer gets each of them, or all anew after a gap."""

    def __init__(
        self, board: Board, names: Names, expectations: Mapping[str, float], clock: Callable[[], float]
    ) -> None:
        self._board = board
        self._names = names
        self._expectations = expectations
        self._clock = clock
        self._viewers = 0
        self._frame = 0
        self._delta = b""
        self._turn = asyncio.Event()
        self._closed = False
        # What the last frame showed.
        self._frame_s = 0.0
        self._revision = 0
        self._ids: set[int] = set()
        self._event = 0

    @property
    def full(self) -> bool:
        """Whether there is no room for another viewer."""
        return self._viewers >= MOST_VIEWERS

    @property
    def watching(self) -> bool:
        """Whether the server is being watched."""
        return self._board.away is None

    def state(self) -> dict[str, Any]:
        """Return everything as it is now."""
        return whole_state(self._board, self._clock(), self._names.of, self._expectations)

    async def run(self) -> None:
        """Make frames for as long as there are viewers, for ever."""
        while True:
            await asyncio.sleep(TICK_S)
            now = self._clock()
            if self._viewers and (self._board.revision != self._revision or now - self._frame_s >= STILL_S):
                self._make_frame(now)

    def close(self) -> None:
        """End all streams."""
        self._closed = True
        self._turn.set()

    async def stream(self) -> AsyncGenerator[bytes, None]:
        """Yield server-sent events: `state`, then a `change` for each frame, or `state` again after a gap."""
        self._viewers += 1
        try:
            message = b"retry: 1000\n\n" + self._whole()
            seen = self._frame
            yield message
            while not self._closed:
                if self._frame == seen:
                    await self._turn.wait()
                    continue
                # A viewer who was too slow for a frame has lost track of who is gone.
                message = self._delta if self._frame == seen + 1 else self._whole()
                seen = self._frame
                yield message
        finally:
            self._viewers -= 1

    def _whole(self) -> bytes:
        # A frame of its own, so that the next one says what has changed since this very moment.
        self._make_frame(self._clock())
        return _event("state", self.state())

    def _make_frame(self, now: float) -> None:
        players = shown(self._board, now)
        named = self._names.take_fresh()
        changed = [
            player
            for player in players
            if player.revision > self._revision or player.id not in self._ids or player.address.host in named
        ]
        ids = {player.id for player in players}
        self._delta = _event(
            "change",
            changed_state(
                self._board,
                now,
                self._names.of,
                changed=changed,
                gone=sorted(self._ids - ids),
                after_event=self._event,
            ),
        )
        self._frame += 1
        self._frame_s = now
        self._revision = self._board.revision
        self._ids = ids
        self._event = self._board.happenings[-1].number if self._board.happenings else 0
        self._turn.set()
        self._turn = asyncio.Event()


def _event(name: str, data: dict[str, Any]) -> bytes:
    # JSON in ASCII has no line breaks, so it is one data line.
    return b"event: %b\ndata: %b\n\n" % (name.encode(), json.dumps(data, separators=(",", ":")).encode())
