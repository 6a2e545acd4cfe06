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
from tests.support.cluster import ask_who, eventually
from tests.support.page_player import besiege, page_player
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


def test_the_server_is_killed_and_comes_back(lively_topology: Topology, browser: Browser) -> None:
    """The page says that the server is away and the game broke off; when it is back everybody plays on."""
    with live_page(browser, lively_topology.page) as page:
        page.wait("() => Number(document.querySelector('#won').textContent) > 0")
        page.begin_game("Ada")
        lively_topology.kill_inside("server")
        page.shows_part("#play-said", "The game broke off")
        page.shows_part("#notice", "The game server is away")
        page.page.locator("#notice").wait_for(state="hidden", timeout=60_000)
        page.wait("() => Number(document.querySelector('#playing').textContent) === 13")
        page.win(page.click_number)


@pytest.mark.parametrize("way", ["click", "type", "tap"])
def test_a_game_is_won_on_the_page(slow_topology: Topology, browser: Browser, way: str) -> None:
    """By mouse, by keyboard alone, and by thumb on a narrow screen, through all that is in between."""
    narrow = way == "tap"
    with live_page(browser, slow_topology.page, width=360 if narrow else 1360, touch=narrow) as page:
        page.page.locator("#play-name").focus()
        page.page.keyboard.type(way)
        page.page.keyboard.press("Enter")
        page.wait_for_turn()
        page.win({"click": page.click_number, "type": page.type_number, "tap": page.tap_number}[way])
        page.shows_part("#rows tr.won", way)
        page.shows_part("#scores-ever tr", way)
        assert page.fits()


def test_hostile_browsers_hurt_nobody_and_leave_nothing(slow_topology: Topology, browser: Browser) -> None:
    """Whatever two hundred do at once, a person plays on, and nobody is left on the list but the bots."""
    port = int(slow_topology.page.rpartition(":")[2])
    lives = slow_topology.lives()
    with live_page(browser, slow_topology.page) as page, page_player(port) as bystander:
        bystander.begin()
        page.begin_game("Ada")
        besiege(port, bystander)
        page.win(page.click_number)
    bots = slow_topology.hosts("bot")

    def bots_alone_play() -> bool:
        with slow_topology.administrator() as admin:
            return {player.partition(" ")[0] for player in ask_who(admin)} == bots

    eventually(bots_alone_play, "bots alone play", 20)
    assert slow_topology.lives() == lives


@pytest.fixture
def shared_topology(tmp_path: Path) -> Iterator[Topology]:
    """Give a topology in which all guess at one number, the bot too rarely to win."""
    with running_topology(tmp_path, {"GAME_ROUND": "shared", "BOT_THINK": "100-200", "BOTS": "1"}) as running:
        yield running


def test_two_browsers_and_a_bot_race(shared_topology: Topology, browser: Browser) -> None:
    """Both pages tell the same story: who found which number, and who is in the next round."""
    page_there = shared_topology.page
    with live_page(browser, page_there) as first, live_page(browser, page_there) as second:
        first.begin_game("Ada")
        second.begin_game("Bob")
        first.win(first.click_number)
        found = first.page.locator("#board .mark.correct b").text_content()
        second.click_number(1)
        second.shows_part("#play-said", f"Too late: Ada has found {found}")
        first.begin_game("Ada")
        story = []
        for page in (first, second):
            page.shows_part("#race-round", "Round 2")
            page.page.locator("#race-players li").nth(2).wait_for()
            racers = page.page.locator("#race-players li").all_text_contents()
            wins = page.page.locator("#race-wins li").all_text_contents()
            story.append(({racer.replace(" (you)", "") for racer in racers}, wins))
        assert story[0] == story[1]
        assert [win.startswith(f"Ada found {found} with") for win in story[0][1]] == [True]


def test_health_is_told(slow_topology: Topology) -> None:
    """`/healthz` of the published page says that it is there and watches."""
    with urlopen(f"{slow_topology.page}/healthz", timeout=10) as answer:  # noqa: S310 - our own address
        assert json.load(answer) == {"version": 1, "status": "ok", "watching": True}


LOOKS: dict[str, tuple[int, int, Literal["light", "dark"]]] = {
    "page-light": (1280, 1240, "light"),
    "page-dark": (1280, 1240, "dark"),
    "page-narrow": (390, 880, "light"),
}
WINS = 30 if "PICTURES_DIR" in os.environ else 3
"""For a picture, as many as make a histogram worth looking at."""


@pytest.fixture(scope="module")
def lively_topology(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Topology]:
    """Give a topology in which a dozen bots think about as long as a quick person would."""
    settings = {"BOT_THINK": "0.3-1", "BOT_PLAYERS": "4", "BOTS": "3"}
    with running_topology(tmp_path_factory.mktemp("lively"), settings) as running:
        yield running


@pytest.mark.parametrize("look", LOOKS)
def test_pictures(lively_topology: Topology, browser: Browser, tmp_path: Path, look: str) -> None:
    """In each look somebody plays on a lively page without a fault; `make screenshots` keeps the pictures."""
    width, height, scheme = LOOKS[look]
    folder = Path(os.environ.get("PICTURES_DIR", tmp_path))
    folder.mkdir(parents=True, exist_ok=True)
    with live_page(browser, lively_topology.page, width=width, height=height, scheme=scheme) as page:
        page.wait("(wins) => Number(document.querySelector('#won').textContent) >= wins", WINS)
        page.page.locator("#rows .mark.close").first.wait_for(state="attached")
        page.begin_game("Ada")
        for number in (8, 15, 23):
            if page.has_won:
                page.begin_game("Ada")
            page.type_number(number)
            page.wait_for_turn()
        page.page.screenshot(path=folder / f"{look}.png")
        assert page.fits()
        assert page.faults() == []
