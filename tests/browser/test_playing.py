"""Playing on the page in a real browser, against a real server."""

from __future__ import annotations

import signal
from contextlib import contextmanager
from typing import TYPE_CHECKING

import pytest

from tests.support.browser import live_page
from tests.support.dashboard import dashboard
from tests.support.server_process import ServerProcess

if TYPE_CHECKING:
    from collections.abc import Iterator

    from playwright.sync_api import Browser


@contextmanager
def address_beside(server: ServerProcess) -> Iterator[str]:
    """Serve the page of a server."""
    settings = {"GAME_PLAY_PORT": str(server.player[1])}
    with dashboard(server.admin[1], **settings) as (_, port):  # type: ignore[arg-type]
        yield f"http://127.0.0.1:{port}"


def test_a_game_by_mouse(browser: Browser) -> None:
    """Clicks win a game; each line that went over the wire is shown; another game begins at once."""
    with (
        ServerProcess() as server,
        address_beside(server) as address,
        live_page(browser, address) as page,
    ):
        page.begin_game("Ada ")  # as the keyboard of a phone leaves it
        page.page.locator("#play-hint").click()
        page.page.locator("#board .hinted").wait_for()
        page.win(page.click_number)
        page.shows_part("#play-said", "a perfect player needs 5.0")
        page.shows_part("#play-results", "1 game won")
        lines = page.page.locator("#wire-lines li").all_text_contents()
        for text in ("Hello", "Greetings", "Name: Ada", "Welcome Ada", "Game", "Ready", "Correct"):
            assert any(text in line for line in lines), (text, lines)
        page.page.locator("#play-button").click()
        page.wait_for_turn()
        assert not page.has_won
        page.page.locator("#play-leave").click()
        page.shows_part("#play-said", "You have left the game")


def test_a_game_by_keyboard_on_a_narrow_screen(browser: Browser) -> None:
    """Without a mouse, on 360 pixels, in the dark: a game is won, nothing sticks out, axe finds nothing."""
    with (
        ServerProcess() as server,
        address_beside(server) as address,
        live_page(browser, address, width=360, scheme="dark") as page,
    ):
        page.page.locator("#play-name").focus()
        page.page.keyboard.press("Enter")
        page.wait_for_turn()
        page.win(page.type_number)
        assert page.fits()
        assert page.faults() == []


def test_a_game_by_touch(browser: Browser) -> None:
    """Taps on the board do as well, and every number is large enough for a thumb."""
    with (
        ServerProcess() as server,
        address_beside(server) as address,
        live_page(browser, address, width=360, touch=True) as page,
    ):
        page.begin_game()
        box = page.page.locator("#board button").first.bounding_box()
        assert box is not None
        assert min(box["width"], box["height"]) >= 40
        page.win(page.tap_number)


def test_two_browsers_race(browser: Browser) -> None:
    """A player who comes too late is told so and goes on in the next round; both pages tell the same race."""
    with (
        ServerProcess(GAME_ROUND="shared") as server,
        address_beside(server) as address,
        live_page(browser, address) as first,
        live_page(browser, address) as second,
    ):
        first.begin_game()
        second.begin_game()
        first.win(first.click_number)
        second.page.locator("#board button").first.click()
        second.shows_part("#play-said", "Too late")
        first.begin_game()
        for page in (first, second):
            page.shows_part("#race-round", "Round 2")
            page.shows_part("#race-players li", "(you)")
            page.page.locator("#race-players li").nth(1).wait_for()
            page.shows_part("#race-wins li", "found")


def test_the_server_dies_in_the_middle(browser: Browser) -> None:
    """The page says that the game broke off, and plays on by itself when the server is back."""
    with ServerProcess() as server:
        ports = server.ports
        with address_beside(server) as address, live_page(browser, address) as page:
            page.begin_game()
            server.signal(signal.SIGKILL)
            page.shows_part("#play-said", "The game broke off")
            server.wait()
            with ServerProcess(**ports):
                page.wait("() => document.querySelector('#play').dataset.state === 'playing'")


@pytest.mark.parametrize("high", ["999999999"])
def test_a_huge_range(browser: Browser, high: str) -> None:
    """With a thousand million numbers there is a strip, and a typed number is judged."""
    with (
        ServerProcess(GAME_HIGH=high) as server,
        address_beside(server) as address,
        live_page(browser, address) as page,
    ):
        page.begin_game()
        page.page.locator("#play-number").fill("123456789")
        page.page.keyboard.press("Enter")
        page.shows_part("#play-said", "1 guess so far")


def test_what_hands_and_networks_do(browser: Browser) -> None:
    """Numbers in all digits, Enter held down, a hint that is none, a server that says nothing: played on."""
    with (
        ServerProcess() as server,
        address_beside(server) as address,
        live_page(browser, address) as page,
    ):
        texts = [
            "\uff11\uff12",
            " 7 ",
            "\u0667",
            "\u06f1\u06f2",
            "1,234,567",
            "007",
            "+7",
            "7.0",
            "1e1",
            "1,5",
            "",
            "x",
        ]
        assert page.page.evaluate(
            "(texts) => import('/text.js').then(({ numberIn }) => texts.map(numberIn))", texts
        ) == [12, 7, 7, 12, 1234567, 7, None, None, None, None, None, None]

        page.page.evaluate(
            "() => { for (let time = 0; time < 3; time++) document.forms[0].requestSubmit(); }"
        )
        page.wait_for_turn()
        greeted = {event["peer"] for event in server.events("handshake_advanced")}
        assert len(greeted) == 2, "the watcher, and one game"
        page.page.route("**/api/hint*", lambda route: route.fulfill(body="<html>Log in first"))
        page.page.locator("#play-hint").click()
        page.shows("#play-said", "No hint can be had now.")
        page.win(page.hold_number)
        page.page.keyboard.down("Enter")  # as a key that is held down does by itself
        page.page.keyboard.up("Enter")
        assert page.has_won

        page.begin_game()
        page.page.evaluate(
            "() => { const later = setTimeout; setTimeout = (run, ms) => later(run, ms / 20); }"
        )
        server.signal(signal.SIGSTOP)
        page.click_number(1)
        page.shows_part("#play-said", "no answer for 30 s. Trying again.")
        page.page.locator("#filter").focus()
        server.signal(signal.SIGCONT)
        page.wait_for_turn()
        assert page.page.evaluate("document.activeElement.id") == "filter"
