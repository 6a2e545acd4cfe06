"""The live page of the running topology, in a real browser."""

from __future__ import annotations

import json
import os
import time
from pathlib import Path
from typing import TYPE_CHECKING, Literal
from urllib.request import urlopen

import pytest

from tests.support.browser import live_page, running_browser
from tests.support.topology import running_topology

if TYPE_CHECKING:
    from collections.abc import Iterator

    from playwright.sync_api import Browser

    from tests.support.topology import Topology


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    """Give the browser."""
    with running_browser() as running:
        yield running


@pytest.fixture(scope="module")
def slow_topology(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Topology]:
    """Give a topology whose bots think so long that the number of players stands still."""
    settings = {"BOT_THINK": "100-200", "BOTS": "2"}
    with running_topology(tmp_path_factory.mktemp("page"), settings) as running:
        yield running


def test_the_count_follows_the_bots(slow_topology: Topology, browser: Browser) -> None:
    """Bots scaled up and down are counted on the page, without a reload."""
    with live_page(browser, slow_topology.page) as page:
        page.shows("#playing", "2")
        slow_topology.scale("bot", 5)
        page.shows("#playing", "5")
        slow_topology.scale("bot", 1)
        page.shows("#playing", "1")


def test_a_bot_has_its_containers_name(slow_topology: Topology, browser: Browser) -> None:
    """A row names the container that plays, as `docker compose logs` does."""
    slow_topology.scale("bot", 1)
    (bot,) = slow_topology.containers("bot")
    with live_page(browser, slow_topology.page) as page:
        page.shows("#playing", "1")
        page.shows("#rows .cell-name", str(bot.name).removeprefix(f"{slow_topology.project}-"))


def test_a_guess_appears_within_a_second(slow_topology: Topology, browser: Browser) -> None:
    """A guess through the published port is a mark on the player's strip within a second of its reply."""
    with slow_topology.player() as player, live_page(browser, slow_topology.page) as page:
        assert player.ask("Hello") == "Greetings"
        assert player.ask("Game") == "Ready"
        page.page.locator("#rows tr").nth(1).wait_for()
        # Watch for the mark before it comes, and stamp the moment.
        page.page.evaluate(
            "() => new MutationObserver(() => {"
            "  if (document.querySelector('#rows .mark') && !window.seen) window.seen = Date.now() / 1000;"
            "}).observe(document.getElementById('rows'), { childList: true, subtree: true })"
        )
        verdict = player.ask("My Guess is: 17")
        replied = time.time()
        page.page.locator(f"#rows .mark[title='17: {verdict}']").wait_for(state="attached")
        assert page.page.evaluate("window.seen") - replied < 1


def test_the_server_is_killed_and_comes_back(own_topology: Topology, browser: Browser) -> None:
    """The page says that the server is away, and lives on by itself when it is back; bots play again."""
    with live_page(browser, own_topology.page) as page:
        page.page.wait_for_function("() => Number(document.querySelector('#won').textContent) > 0")
        own_topology.kill_inside("server")
        page.shows_part("#notice", "The game server is away")
        page.page.locator("#notice").wait_for(state="hidden", timeout=60_000)
        page.page.wait_for_function(
            "() => Number(document.querySelector('#playing').textContent) === 3", timeout=60_000
        )


def test_health_is_told(topology: Topology) -> None:
    """`/healthz` of the published page says that it is there and watches."""
    with urlopen(f"{topology.page}/healthz", timeout=10) as answer:  # noqa: S310 - our own address
        assert json.load(answer) == {"version": 1, "status": "ok", "watching": True}


LOOKS: dict[str, tuple[int, Literal["light", "dark"]]] = {
    "page-light": (1280, "light"),
    "page-dark": (1280, "dark"),
    "page-narrow": (390, "light"),
}
WINS = 30
"""As many as make a histogram worth looking at."""


@pytest.fixture(scope="module")
def lively_topology(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Topology]:
    """Give a topology in which a dozen bots think about as long as a quick person would."""
    settings = {"BOT_THINK": "0.3-1", "BOT_PLAYERS": "4", "BOTS": "3"}
    with running_topology(tmp_path_factory.mktemp("lively"), settings) as running:
        yield running


@pytest.mark.parametrize("look", LOOKS)
def test_pictures(lively_topology: Topology, browser: Browser, tmp_path: Path, look: str) -> None:
    """In each look a lively game fills the page without a fault; `make screenshots` keeps the pictures."""
    width, scheme = LOOKS[look]
    folder = Path(os.environ.get("PICTURES_DIR", tmp_path))
    folder.mkdir(parents=True, exist_ok=True)
    with live_page(browser, lively_topology.page, width=width, height=880, scheme=scheme) as page:
        page.page.wait_for_function(
            "(wins) => Number(document.querySelector('#won').textContent) >= wins", arg=WINS, timeout=60_000
        )
        page.page.locator("#rows .mark.close").first.wait_for(state="attached")
        page.page.screenshot(path=folder / f"{look}.png")
        assert page.fits()
        assert page.faults() == []
