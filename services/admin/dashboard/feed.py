"""The board as a stream of frames that all viewers share: a frame is made once, however many look on.

So is the whole state: a newcomer, or a viewer who was too slow, gets the last one made and the frames since.
Making and keeping whole states is bounded by `WHOLE_OCTETS_PER_S`, whoever comes or does not read.
"""

from __future__ import annotations

import asyncio
import json
from collections import deque
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

from services.admin.dashboard.state import changed_state, shown, whole_state

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator, Callable, Generator, Mapping

    from services.admin.clock import Clock
    from services.admin.dashboard.names import Names
    from services.admin.model.board import Board

TICK_S: Final = 0.4
"""Changes are gathered for so long: a guess is on the page in half a second, and there is time to draw."""

STILL_S: Final = 2.0
"""Without changes a frame comes this often: rates fall, charts move on, and silence means a fault."""

MOST_VIEWERS: Final = 64

STAY_S: Final = 10.0
"""When all places are taken, a newcomer gets that of the viewer who has had one longest, if for this long."""

WHOLE_OCTETS_PER_S: Final = 1 << 20
"""Whole states made in a second: a large one serves everybody who comes meanwhile."""

FRAMES_KEPT: Final = 16
FRAMES_KEPT_OCTETS: Final = 8 << 20
"""Frames for viewers who lag behind; one who lags further gets the whole state instead."""

_STATE: Final = b"event: state\ndata: "
_END: Final = b"\n\n"


@dataclass(frozen=True, slots=True)
class _Whole:
    """The whole state; the frames after `frame` bring it up to date."""

    frame: int
    made_s: float
    message: bytes


@dataclass(eq=False, slots=True)
class _Viewer:
    since_s: float
    displace: Callable[[], None]


class Feed:
    """Cuts the changes of a board into frames; a viewer gets each of them, or the whole state after a gap."""

    def __init__(self, board: Board, names: Names, expectations: Mapping[str, float], clock: Clock) -> None:
        self._board = board
        self._names = names
        self._expectations = expectations
        self._clock = clock
        self._viewers: dict[_Viewer, None] = {}
        self._closed = False
        self._turn = asyncio.Event()
        self._last_whole: _Whole | None = None
        # The frames kept, the last of them being number `_frame`.
        self._frames: deque[bytes] = deque()
        self._frame = 0
        # What the last frame showed.
        self._frame_s = 0.0
        self._revision = 0
        self._ids: set[int] = set()
        self._event = 0
        self._ahead_s = clock.ahead_s
        # Rows that somebody may have: of the last frame, and of whole states made since.
        self._told_ids: set[int] = set()

    @property
    def watching(self) -> bool:
        """Whether the server is being watched."""
        return self._board.away is None

    def state(self) -> memoryview:
        """Return the whole state as JSON; a large one may be some seconds old."""
        return memoryview(self._whole().message)[len(_STATE) : -len(_END)]

    async def run(self) -> None:
        """Make frames for as long as there are viewers, until cancelled."""
        while True:
            await asyncio.sleep(TICK_S)
            now = self._clock.now()
            if self._viewers and (self._board.revision != self._revision or now - self._frame_s >= STILL_S):
                self._make_frame(now)

    def close(self) -> None:
        """End all streams."""
        self._closed = True
        self._turn.set()

    @contextmanager
    def viewer(
        self, displace: Callable[[], None]
    ) -> Generator[AsyncGenerator[bytes, None] | None, None, None]:
        """Give a viewer's stream of server-sent events, or None where there is no room.

        It begins with `state`; then comes a `change` for each frame, or `state` again after a gap.
        `displace` is called when the place goes to somebody else.
        """
        now = self._clock.now()
        if len(self._viewers) >= MOST_VIEWERS:
            longest = next(iter(self._viewers))
            if now - longest.since_s < STAY_S:
                yield None
                return
            del self._viewers[longest]
            longest.displace()
        if not self._viewers:
            # No frames were made for nobody: begin where the board is.
            self._make_frame(now)
        viewer = _Viewer(now, displace)
        self._viewers[viewer] = None
        try:
            yield self._messages()
        finally:
            self._viewers.pop(viewer, None)

    async def _messages(self) -> AsyncGenerator[bytes, None]:
        yield b"retry: 1000\n\n"
        seen = -1
        while not self._closed:
            behind = self._frame - seen
            if not behind:
                await self._turn.wait()
            elif seen >= 0 and behind <= len(self._frames):
                seen += 1
                yield self._frames[-behind]
            else:
                whole = self._whole()
                seen = whole.frame
                yield whole.message

    def _whole(self) -> _Whole:
        self._follow_clock()
        now = self._clock.now()
        last = self._last_whole
        if (
            last is not None
            and now - last.made_s < len(last.message) / WHOLE_OCTETS_PER_S
            and self._frame - last.frame <= len(self._frames)
        ):
            return last
        state = whole_state(self._board, now, self._names.of, self._expectations, self._ahead_s)
        self._told_ids.update(row["id"] for row in state["players"])
        self._last_whole = _Whole(self._frame, now, _STATE + _encode(state) + _END)
        return self._last_whole

    def _make_frame(self, now: float) -> None:
        self._follow_clock()
        players = shown(self._board, now)
        named = self._names.take_fresh()
        changed = [
            player
            for player in players
            if player.revision > self._revision or player.id not in self._ids or player.address.host in named
        ]
        ids = {player.id for player in players}
        change = changed_state(
            self._board,
            now,
            self._names.of,
            changed=changed,
            gone=sorted((self._ids | self._told_ids) - ids),
            after_event=self._event,
            ahead_s=self._ahead_s,
        )
        self._frames.append(b"event: change\ndata: " + _encode(change) + _END)
        while len(self._frames) > FRAMES_KEPT or (
            len(self._frames) > 1 and sum(map(len, self._frames)) > FRAMES_KEPT_OCTETS
        ):
            self._frames.popleft()
        self._frame_s = now
        self._revision = self._board.revision
        self._ids = ids
        self._told_ids = set()
        self._event = self._board.happenings[-1].number if self._board.happenings else 0
        self._next_frame()

    def _follow_clock(self) -> None:
        if self._clock.ahead_s != self._ahead_s:
            # The wall clock was set: every moment that anybody has is told in another way now.
            self._ahead_s = self._clock.ahead_s
            self._last_whole = None
            self._frames.clear()
            self._next_frame()

    def _next_frame(self) -> None:
        self._frame += 1
        self._turn.set()
        self._turn = asyncio.Event()


def _encode(data: dict[str, Any]) -> bytes:
    # In ASCII, JSON has no line breaks: it is one line of data.
    return json.dumps(data, separators=(",", ":")).encode()
