"""The feed: frames that, put together as the page does, always give the state."""

from __future__ import annotations

import asyncio
import json
from typing import TYPE_CHECKING, Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from services.admin.clock import Clock
from services.admin.dashboard.feed import FRAMES_KEPT, MOST_VIEWERS, STAY_S, STILL_S, TICK_S, Feed
from services.admin.dashboard.names import Names, reverse_dns
from services.admin.model.board import Away, Board
from services.protocol.messages import Address, End, Guessed, Joined, Left, Listed, Round, Verdict, Won

if TYPE_CHECKING:
    from services.admin.model.board import Change

ANN = Address("10.0.0.1", 5001)


class Page:
    """Puts the news together just as page.js does."""

    def __init__(self, feed: Feed) -> None:
        self.displaced = False
        self._place = feed.viewer(self.displace)
        stream = self._place.__enter__()
        assert stream is not None
        self.stream = stream
        self._next: asyncio.Future[bytes] | None = None
        self.kinds: list[str] = []
        self.players: dict[int, Any] = {}
        self.events: list[Any] = []
        self.state: dict[str, Any] = {}

    def displace(self) -> None:
        """Note that the place is somebody else's."""
        self.displaced = True

    async def receive(self) -> None:
        """Handle the next message that is news."""
        while True:
            message, self._next = await self._message(), None
            if self._handle(message):
                return

    async def catch_up(self) -> None:
        """Handle all that there is."""
        while True:
            message = self._message()
            for _ in range(8):  # a few turns of the loop wake whoever has something to do
                await asyncio.sleep(0)
            if not message.done():
                return
            self._handle(message.result())
            self._next = None

    async def leave(self) -> None:
        """Close the stream."""
        if self._next is not None:
            self._next.cancel()
            await asyncio.sleep(0)
        await self.stream.aclose()
        self._place.__exit__(None, None, None)

    def _message(self) -> asyncio.Future[bytes]:
        if self._next is None:
            self._next = asyncio.ensure_future(anext(self.stream))
        return self._next

    def _handle(self, message: bytes) -> bool:
        lines = message.decode().strip().split("\n")
        if lines[0].startswith("retry"):
            return False
        kind, data = lines[-2].removeprefix("event: "), json.loads(lines[-1].removeprefix("data: "))
        self.kinds.append(kind)
        if kind == "state":
            self.players, self.events = {}, []
        for gone in data.pop("gone", []):
            self.players.pop(gone, None)
        self.players |= {row["id"]: row for row in data.pop("players")}
        last = self.events[-1]["number"] if self.events else 0
        self.events += [event for event in data.pop("events") if event["number"] > last]
        self.state |= data
        return True

    def whole(self) -> dict[str, Any]:
        """Return what it would draw."""
        players = sorted(self.players.values(), key=lambda row: row["id"])
        return {**self.state, "players": players, "events": self.events[-50:]}


def as_drawn(feed: Feed) -> dict[str, Any]:
    """Return the feed's own state, as it is now, in the page's order."""
    feed._last_whole = None
    state = json.loads(bytes(feed.state()))
    return {**state, "players": sorted(state["players"], key=lambda row: row["id"])}


class Moment:
    """A monotonic clock and a wall clock that a test sets."""

    now = 0.0
    ahead = 0.0

    @property
    def clock(self) -> Clock:
        """Return a clock that shows them."""
        return Clock(lambda: self.now, lambda: self.now + self.ahead)


class Nameless(Names):
    """Names that nobody has asked for yet."""

    def of(self, ip: str) -> None:
        """Know no name."""


def make_feed(moment: Moment) -> tuple[Board, Feed]:
    """Return a board and its feed, without any names."""
    board = Board(0.0)
    return board, Feed(board, Nameless(reverse_dns, lambda: moment.now), {"sweep": 15.5}, moment.clock)


ADDRESSES = [Address("10.0.0.1", port) for port in range(1, 4)]
CHANGES = st.one_of(
    st.builds(Joined, st.sampled_from(ADDRESSES)),
    st.builds(Left, st.sampled_from(ADDRESSES)),
    st.builds(Won, st.sampled_from(ADDRESSES), st.integers(1, 40)),
    st.builds(Guessed, st.sampled_from(ADDRESSES), st.integers(1, 30), st.sampled_from(Verdict)),
    st.builds(Listed, st.sampled_from(ADDRESSES)),
    st.builds(Round, st.integers(1, 9)),
    st.just(End()),
    st.just(Away("gone", 1.0)),
)


STEPS = st.sampled_from(["change", "frame", "join", "skip", "set the clock", "look once"])


@pytest.mark.parametrize("whole_octets_per_s", [1 << 20, 100])
@given(st.lists(st.tuples(STEPS, CHANGES), max_size=40))
def test_frames_add_up_to_the_state(whole_octets_per_s: int, steps: list[tuple[str, Change]]) -> None:
    """Whatever happens, whenever a page joins and however slow one is, each page ends with the true state."""

    async def follow() -> None:
        moment = Moment()
        board, feed = make_feed(moment)
        pages: list[Page] = []
        for step, change in steps:
            moment.now += 0.7
            if step == "change":
                board.apply(change, moment.now)
            elif step == "frame":
                feed._make_frame(moment.now)
                for page in pages:
                    await page.catch_up()
            elif step == "skip":
                # Nobody reads: by the next frame everybody has missed one.
                feed._make_frame(moment.now)
            elif step == "set the clock":
                moment.ahead -= 3600
            elif step == "look once":
                feed.state()
            else:
                pages.append(Page(feed))
                await pages[-1].receive()
        feed._make_frame(moment.now)
        for page in pages:
            await page.catch_up()
            assert page.whole() == as_drawn(feed)
        for page in pages:
            await page.leave()

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("services.admin.dashboard.feed.WHOLE_OCTETS_PER_S", whole_octets_per_s)
        asyncio.run(follow())


def test_frames_come_by_themselves() -> None:
    """While somebody looks on, a change is on its way within a tick, and not as the whole state."""

    async def look() -> Page:
        moment = Moment()
        board, feed = make_feed(moment)
        running = asyncio.ensure_future(feed.run())
        page = Page(feed)
        await page.receive()
        board.apply(Joined(ANN), 0.0)
        async with asyncio.timeout(20 * TICK_S):
            await page.receive()
        moment.now = STILL_S
        async with asyncio.timeout(20 * TICK_S):
            await page.receive()
        running.cancel()
        await page.leave()
        return page

    page = asyncio.run(look())

    assert page.kinds == ["state", "change", "change"]
    assert [row["ip"] for row in page.players.values()] == ["10.0.0.1"]


def test_a_name_that_becomes_known_is_a_change() -> None:
    """A row is sent again when its host's name has been found out."""

    async def look() -> list[Any]:
        board = Board(0.0)
        names = Names(lambda _: "bot-1", lambda: 0.0)
        feed = Feed(board, names, {}, Moment().clock)
        board.apply(Joined(ANN), 0.0)
        page = Page(feed)
        await page.receive()
        while not names._known:
            names.of("10.0.0.1")
        feed._make_frame(0.0)
        await page.receive()
        await page.leave()
        return [row["name"] for row in page.players.values()]

    assert asyncio.run(look()) == ["bot-1"]


def test_newcomers_cost_the_others_nothing() -> None:
    """Fifty who come at once are no news to somebody who looks on already, and share one state."""

    async def look() -> tuple[list[str], set[int]]:
        moment = Moment()
        board, feed = make_feed(moment)
        for port in range(1000):
            board.apply(Joined(Address("10.0.0.1", port)), 0.0)
        first = Page(feed)
        await first.catch_up()
        wholes = set()
        newcomers = []
        for _ in range(50):
            newcomers.append(Page(feed))
            await newcomers[-1].catch_up()
            wholes.add(id(feed._whole().message))
        moment.now += TICK_S
        board.apply(Left(Address("10.0.0.1", 1)), moment.now)
        feed._make_frame(moment.now)
        for page in (first, *newcomers):
            await page.catch_up()
            assert page.whole() == first.whole()
        for page in (first, *newcomers):
            await page.leave()
        return first.kinds, wholes

    kinds, wholes = asyncio.run(look())

    assert kinds == ["state", "change"]
    assert len(wholes) == 1


def test_somebody_slow_gets_what_was_missed() -> None:
    """A viewer who missed a few frames gets them; one who missed many gets the whole state, once."""

    async def look(missed: int) -> list[str]:
        moment = Moment()
        board, feed = make_feed(moment)
        page = Page(feed)
        await page.catch_up()
        for number in range(missed):
            moment.now += TICK_S
            board.apply(Joined(Address("10.0.0.1", number)), moment.now)
            feed._make_frame(moment.now)
        await page.catch_up()
        await page.leave()
        return page.kinds

    assert asyncio.run(look(FRAMES_KEPT)) == ["state", *["change"] * FRAMES_KEPT]
    assert asyncio.run(look(FRAMES_KEPT + 1)) == ["state", "state"]


def test_whole_states_are_made_seldom_when_they_are_large() -> None:
    """However many ask, about a megabyte a second of whole states is made, and none is old."""

    async def look() -> tuple[int, int, int]:
        moment = Moment()
        board, feed = make_feed(moment)
        for number in range(9000):
            board.apply(Joined(Address("10.0.0.1", number)), 0.0)
        octets = len(feed.state())
        made = set()
        for _ in range(100):
            moment.now += 0.1
            board.apply(Left(Address("10.0.0.1", 1)), moment.now)
            made.add(feed._whole().made_s)
        state = json.loads(bytes(feed.state()))
        return octets, len(made), state["figures"]["left"]

    octets, made, left = asyncio.run(look())

    assert octets > 1_000_000
    assert 5 <= made <= 11
    assert left >= 85


def test_viewers_are_counted_exactly() -> None:
    """There is room for so many viewers, for no more, and for another when one has gone."""

    async def look() -> None:
        moment = Moment()
        _, feed = make_feed(moment)
        pages = [Page(feed) for _ in range(MOST_VIEWERS)]
        with feed.viewer(lambda: None) as stream:
            assert stream is None
        await pages[0].leave()
        pages[0] = Page(feed)
        with feed.viewer(lambda: None) as stream:
            assert stream is None
        feed.close()
        for page in pages:
            assert [message async for message in page.stream if b"data" in message] == []

    asyncio.run(look())


def test_a_place_is_not_for_ever() -> None:
    """When all places are taken, a newcomer gets that of whoever has had one longest, if for long."""

    async def look() -> None:
        moment = Moment()
        _, feed = make_feed(moment)
        pages = []
        for _ in range(MOST_VIEWERS):
            pages.append(Page(feed))
            moment.now += 0.01
        with feed.viewer(lambda: None) as stream:
            assert stream is None
        moment.now = STAY_S
        newcomer = Page(feed)
        assert [page.displaced for page in pages] == [True, *[False] * (MOST_VIEWERS - 1)]
        # The displaced one goes, and that makes no room: its place is taken.
        await pages[0].leave()
        with feed.viewer(lambda: None) as stream:
            assert stream is None
        await newcomer.leave()

    asyncio.run(look())
