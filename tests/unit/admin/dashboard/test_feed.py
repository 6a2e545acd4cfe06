"""The feed: frames that, put together as the page does, always give the state."""

from __future__ import annotations

import asyncio
import json
from typing import TYPE_CHECKING, Any

from hypothesis import given
from hypothesis import strategies as st

from services.admin.dashboard.feed import MOST_VIEWERS, STILL_S, TICK_S, Feed
from services.admin.dashboard.names import Names, reverse_dns
from services.admin.model.board import Away, Board
from services.protocol.messages import Address, End, Guessed, Joined, Left, Listed, Round, Verdict, Won

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator

    from services.admin.model.board import Change

ANN = Address("10.0.0.1", 5001)


class Page:
    """Puts the news together just as page.js does."""

    def __init__(self, stream: AsyncGenerator[bytes, None]) -> None:
        self.stream = stream
        self.kinds: list[str] = []
        self.players: dict[int, Any] = {}
        self.events: list[Any] = []
        self.state: dict[str, Any] = {}

    async def hear(self) -> None:
        """Take in the next message."""
        lines = (await anext(self.stream)).decode().strip().split("\n")
        kind, data = lines[-2].removeprefix("event: "), json.loads(lines[-1].removeprefix("data: "))
        self.kinds.append(kind)
        if kind == "state":
            self.players, self.events = {}, []
        for gone in data.pop("gone", []):
            self.players.pop(gone, None)
        self.players |= {row["id"]: row for row in data.pop("players")}
        self.events += data.pop("events")
        self.state |= data

    def whole(self) -> dict[str, Any]:
        """Return what it would draw."""
        players = sorted(self.players.values(), key=lambda row: row["id"])
        return {**self.state, "players": players, "events": self.events[-50:]}


def as_drawn(feed: Feed) -> dict[str, Any]:
    """Return the feed's own state in the page's order."""
    state = feed.state()
    return {**state, "players": sorted(state["players"], key=lambda row: row["id"])}


class Moment:
    """A clock that a test sets."""

    now = 0.0

    def __call__(self) -> float:
        """Tell the time."""
        return self.now


class Nameless(Names):
    """Names that nobody has asked for yet."""

    def of(self, ip: str) -> None:
        """Know no name."""


def make_feed(moment: Moment) -> tuple[Board, Feed]:
    """Return a board and its feed, without any names."""
    board = Board(0.0)
    return board, Feed(board, Nameless(reverse_dns, moment), {"sweep": 15.5}, moment)


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


@given(st.lists(st.tuples(st.sampled_from(["change", "frame", "join", "skip"]), CHANGES), max_size=40))
def test_frames_add_up_to_the_state(steps: list[tuple[str, Change]]) -> None:
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
                    await page.hear()
            elif step == "skip":
                # Nobody reads: by the next frame everybody has missed one.
                feed._make_frame(moment.now)
            else:
                pages.append(Page(feed.stream()))
                await pages[-1].hear()
        for page in pages:
            feed._make_frame(moment.now)
            await page.hear()
            assert page.whole() == as_drawn(feed)
        for page in pages:
            await page.stream.aclose()

    asyncio.run(follow())


def test_frames_come_by_themselves() -> None:
    """While somebody looks on, a change is on its way within a tick, and not as the whole state."""

    async def look() -> Page:
        moment = Moment()
        board, feed = make_feed(moment)
        running = asyncio.ensure_future(feed.run())
        page = Page(feed.stream())
        await page.hear()
        board.apply(Joined(ANN), 0.0)
        async with asyncio.timeout(20 * TICK_S):
            await page.hear()
        moment.now = STILL_S
        async with asyncio.timeout(20 * TICK_S):
            await page.hear()
        running.cancel()
        await page.stream.aclose()
        return page

    page = asyncio.run(look())

    assert page.kinds == ["state", "change", "change"]
    assert [row["ip"] for row in page.players.values()] == ["10.0.0.1"]


def test_a_name_that_becomes_known_is_a_change() -> None:
    """A row is sent again when its host's name has been found out."""

    async def look() -> list[Any]:
        board = Board(0.0)
        names = Names(lambda _: "bot-1", lambda: 0.0)
        feed = Feed(board, names, {}, lambda: 0.0)
        board.apply(Joined(ANN), 0.0)
        page = Page(feed.stream())
        await page.hear()
        while not names._known:
            names.of("10.0.0.1")
        feed._make_frame(0.0)
        await page.hear()
        await page.stream.aclose()
        return [row["name"] for row in page.players.values()]

    assert asyncio.run(look()) == ["bot-1"]


def test_viewers_are_counted_and_let_go() -> None:
    """There is room for so many viewers, and for another when one has gone."""

    async def look() -> None:
        _, feed = make_feed(Moment())
        pages = [Page(feed.stream()) for _ in range(MOST_VIEWERS)]
        for page in pages:
            assert not feed.full
            await page.hear()
        rooms = [feed.full]
        await pages[0].stream.aclose()
        rooms.append(feed.full)
        assert rooms == [True, False]
        feed.close()
        for page in pages[1:]:
            assert [message async for message in page.stream] == []
        assert not feed.full

    asyncio.run(look())
