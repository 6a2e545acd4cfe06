"""The live page in a real browser, beside a server that the tests script."""

from __future__ import annotations

import json
import re
import signal
from contextlib import contextmanager
from functools import partial
from typing import TYPE_CHECKING

import pytest

from tests.support.browser import LOOKS, live_page, open_page
from tests.support.dashboard import Watched, dashboard
from tests.support.scripted_server import ScriptedServer
from tests.support.server_process import ServerProcess

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping
    from subprocess import Popen

    from playwright.sync_api import Browser, Route

    from tests.support.browser import LivePage
    from tests.support.scripted_server import Peer


@contextmanager
def page_and_program(
    browser: Browser,
    *parts: Callable[[Peer], None],
    environ: Mapping[str, str] | None = None,
    **look: int | str,
) -> Iterator[tuple[LivePage, Popen[str]]]:
    """Open the page of an administrator who watches the scripted server; yield the administrator, too."""
    with (
        ScriptedServer(*parts) as listening,
        dashboard(listening.port, **(environ or {})) as (program, port),  # type: ignore[arg-type]
        live_page(browser, f"http://127.0.0.1:{port}", **look) as page,  # type: ignore[arg-type]
    ):
        yield page, program


@contextmanager
def page_beside(browser: Browser, *parts: Callable[[Peer], None], **look: int | str) -> Iterator[LivePage]:
    """Open the page of an administrator who watches the scripted server."""
    with page_and_program(browser, *parts, **look) as (page, _):  # type: ignore[arg-type]
        yield page


def test_a_game_is_seen_from_beginning_to_end(browser: Browser) -> None:
    """A player appears with a strip, each guess as its mark, the win as such; then the row is gone."""
    server = Watched()
    with page_beside(browser, server) as page:
        page.shows("#playing", "0")
        page.shows_part("#empty", "Nobody is playing.")

        server.send("Joined 10.0.0.1 5001")
        page.shows("#playing", "1")
        assert page.rows() == ["10.0.0.1 5001"]

        server.send("Guessed 10.0.0.1 5001 7 Far", "Guessed 10.0.0.1 5001 21 Close")
        page.shows("#rows .mark.far", "F")
        page.shows("#rows .mark.close", "C")
        marks = page.page.locator("#rows .mark")
        assert [marks.nth(index).get_attribute("title") for index in range(2)] == ["7: Far", "21: Close"]
        assert page.page.locator("#rows .strip").get_attribute("aria-label") == "7 Far, 21 Close"

        server.send("Guessed 10.0.0.1 5001 22 Correct", "Won 10.0.0.1 5001 3")
        page.shows_part("#rows tr.won", "✓ won")
        page.shows("#won", "1")
        page.shows("#playing", "0")
        page.shows_part("#events li", "10.0.0.1 5001 wins with 3 guesses")
        page.shows_part("#mean", "mean 3.00")
        page.wait("() => document.querySelectorAll('#rows tr').length === 0")


BOXES = """() => [...document.querySelectorAll("#rows .strip, #rows .mark")]
  .map((shown) => shown.getBoundingClientRect().toJSON())"""


def test_marks_stand_at_their_numbers(browser: Browser) -> None:
    """The strip shows where in the range a number is: the lowest leftmost, the highest rightmost."""
    server = Watched("10.0.0.1 5001")
    with page_beside(browser, server) as page:
        server.send("Guessed 10.0.0.1 5001 1 Far", "Guessed 10.0.0.1 5001 30 Far")
        page.page.locator("#rows .mark").nth(1).wait_for()
        # All at once: the row may be drawn anew at any moment.
        strip, lowest, highest = page.page.evaluate(BOXES)

    assert lowest["left"] == pytest.approx(strip["left"], abs=1)
    assert highest["right"] == pytest.approx(strip["right"], abs=1)


def test_the_server_goes_and_comes_back(browser: Browser) -> None:
    """While the server is away a notice says so; when it is back the notice goes, without a reload."""
    server = Watched("10.0.0.1 5001")
    with page_beside(browser, server) as page:
        page.shows("#playing", "1")
        page.page.evaluate("window.untouched = true")

        server.listed = ["10.0.0.2 5002"]
        server.leave()
        page.shows_part("#notice", "The game server is away")
        assert page.page.locator("#notice").get_attribute("role") == "alert"

        server.away = False
        page.page.locator("#notice").wait_for(state="hidden")
        page.shows("#playing", "1")
        assert page.rows() == ["10.0.0.2 5002"]
        assert page.page.evaluate("window.untouched") is True


def test_the_page_survives_its_own_server(browser: Browser) -> None:
    """When the administrator itself is gone the page says that what it shows is out of date."""
    server = Watched("10.0.0.1 5001")
    with page_and_program(browser, server) as (page, process):
        page.shows("#playing", "1")
        process.kill()
        page.shows_part("#notice", "This page has lost its connection")
        page.shows_part("#link-text", "No connection")


def test_another_administrator_is_told(browser: Browser) -> None:
    """A taken seat is said in plain words."""

    def taken(peer: Peer) -> None:
        peer.receive()
        peer.send("Admin-Greetings")
        peer.receive()
        peer.send("Refused: another administrator is watching")
        peer.close()

    server = Watched("10.0.0.1 5001")
    with page_beside(browser, server, taken) as page:
        page.shows("#playing", "1")
        server.send("nonsense")
        page.shows_part("#notice", "Another administrator holds the seat")


MARKUP = "<img src=x onerror=document.title=1></p><script>&lt;<h1>big"


def test_text_from_the_wire_is_never_markup(browser: Browser) -> None:
    """What a server says reaches the page as the characters that it is, wherever it is shown."""

    def rude(peer: Peer) -> None:
        peer.receive()
        peer.send(MARKUP)
        peer.wait_for_end()

    server = Watched("10.0.0.1 5001")
    with page_beside(browser, server, rude) as page:
        page.shows("#playing", "1")
        server.leave()
        page.shows_part("#notice", MARKUP)
        assert page.page.locator("#notice *").count() == 0
        assert page.page.title() == "Guessing Game"


def test_the_table_is_sorted_and_filtered(browser: Browser) -> None:
    """A click on a head sorts by it and says so; the filter leaves what matches."""
    server = Watched("10.0.0.2 1", "10.0.0.10 3", "10.0.0.1 2")
    with page_beside(browser, server) as page:
        page.shows("#playing", "3")
        assert page.rows() == ["10.0.0.2 1", "10.0.0.10 3", "10.0.0.1 2"]

        page.page.get_by_role("button", name="IP").click()
        page.page.locator(".head-ip[aria-sort=ascending]").wait_for()
        assert page.rows() == ["10.0.0.1 2", "10.0.0.2 1", "10.0.0.10 3"]
        page.page.get_by_role("button", name="Port").click()
        page.page.get_by_role("button", name="Port").click()
        page.page.locator(".head-port[aria-sort=descending]").wait_for()
        assert page.rows() == ["10.0.0.10 3", "10.0.0.1 2", "10.0.0.2 1"]

        page.page.get_by_label("Filter").fill("10.0.0.1 ")
        page.shows("#count", "2 found, 3 playing")
        page.page.get_by_label("Filter").fill("nobody")
        page.shows_part("#empty", "Nobody matches the filter.")
        page.page.get_by_label("Filter").fill("")
        page.shows("#count", "3 playing")
        assert len(page.rows()) == 3


def test_it_works_by_keyboard(browser: Browser) -> None:
    """From the top, Tab leads to the skip link, the game, the filter and the heads; Enter sorts."""
    with page_beside(browser, Watched("10.0.0.2 1", "10.0.0.1 2")) as page:
        page.shows("#playing", "2")
        reached = []
        for _ in range(10):
            page.page.keyboard.press("Tab")
            reached.append(
                page.page.evaluate("document.activeElement.textContent.trim() || document.activeElement.id")
            )
        assert reached[:5] == ["Skip to the players", "play-name", "Play", "filter", "IP"]
        assert "Guesses" in reached

        page.page.locator(".head-ip button").focus()
        page.page.keyboard.press("Enter")
        page.page.locator(".head-ip[aria-sort=ascending]").wait_for()
        assert page.rows() == ["10.0.0.1 2", "10.0.0.2 1"]


def test_two_hundred_players_stay_readable(browser: Browser) -> None:
    """With many players a part of the rows is shown, with how many there are, and more on demand."""
    listed = [f"10.0.{number // 250}.{number % 250} {4000 + number}" for number in range(200)]
    with page_beside(browser, Watched(*listed)) as page:
        page.shows("#playing", "200")
        assert len(page.rows()) == 100
        page.shows_part("#more-text", "100 of 200 shown")
        page.page.get_by_role("button", name="Show more").click()
        page.page.locator("#more").wait_for(state="hidden")
        assert len(page.rows()) == 200


GAME = (
    "Joined 10.0.0.1 5001",
    "Guessed 10.0.0.1 5001 7 Far",
    "Guessed 10.0.0.1 5001 20 Close",
    "Joined 10.0.0.2 5002",
    "Guessed 10.0.0.2 5002 30 Correct",
    "Won 10.0.0.2 5002 1",
)


def test_axe_finds_nothing_serious(browser: Browser) -> None:
    """Light or dark, wide or narrow, healthy or failing: axe-core finds nothing serious."""
    server = Watched("10.0.0.3 5003")
    with page_beside(browser, server) as page:
        for look in LOOKS:
            server.send(*GAME)
            page.shows_part("#rows tr.won", "won")
            page.look(*look)
            assert page.faults() == [], look
            page.page.locator("#rows tr.won").wait_for(state="detached")
        server.leave()
        page.shows_part("#notice", "The game server is away")
        for look in LOOKS:
            page.look(*look)
            assert page.faults() == [], look


WIDE_LETTERS = """() => {
  const { style } = document.documentElement;
  style.letterSpacing = ".12em";
  style.wordSpacing = ".16em";
}"""


def test_nothing_sticks_out(browser: Browser) -> None:
    """On no width does the page scroll sideways: not even with the longest addresses and wide letters."""
    server = Watched("2001:db8:1111:2222:3333:4444:5555:6666 65535")
    with page_beside(browser, server) as page:
        server.send(*GAME)
        page.shows("#won", "1")
        for width in (1360, 700, 390, 320):
            page.look(width)
            assert page.fits(), width
        page.page.evaluate(WIDE_LETTERS)
        assert page.fits()
        page.page.evaluate("document.documentElement.style.fontSize = '200%'")
        size = "getComputedStyle(document.body).fontSize"
        assert page.page.evaluate(size) == "30px"
        page.page.emulate_media(media="print", color_scheme="dark")
        assert page.page.evaluate("getComputedStyle(document.body).color") == "rgb(21, 32, 43)"


def test_moments_are_told(browser: Browser) -> None:
    """The page says since when the server has been up at least, and each event when it was."""
    server = Watched("10.0.0.1 5001")
    with page_beside(browser, server) as page:
        server.send("Joined 10.0.0.2 5002")
        page.shows_part("#events li", "10.0.0.2 5002 plays")
        link = page.page.locator("#link-text").text_content() or ""
        assert re.fullmatch(r"Live: server up since at least \d\d:\d\d:\d\d", link)
        assert re.fullmatch(r"\d\d:\d\d:\d\d", page.page.locator("#events time").first.text_content() or "")


def test_the_expectations_are_drawn(browser: Browser) -> None:
    """The histogram has a line for what each strategy is expected to need, also in words."""
    server = Watched()
    with page_beside(browser, server) as page:
        server.send("Joined 10.0.0.1 5001", "Guessed 10.0.0.1 5001 7 Correct", "Won 10.0.0.1 5001 1")
        page.shows("#won", "1")
        page.page.locator("#histogram[aria-label*='over 1 games']").wait_for()
        labels = page.page.locator("#histogram .reference-label").all_text_contents()
        assert [label.split()[0].rstrip(",") for label in labels] == ["smart", "mixed", "random"]
        assert "smart 5.0" in (page.page.locator("#histogram").get_attribute("aria-label") or "")


def test_a_stopped_administrator_is_noticed(browser: Browser) -> None:
    """A server that is there but silent is noticed within 8 s; when it goes on, so does the page."""
    server = Watched("10.0.0.1 5001")
    with page_and_program(browser, server) as (page, process):
        page.shows("#playing", "1")
        page.page.evaluate(
            "() => { window.untouched = true; const notice = document.querySelector('#notice');"
            " window.noticed = new Promise((found) => new MutationObserver(() => notice.hidden || found("
            "performance.now())).observe(notice, { attributes: true })); }"
        )
        process.send_signal(signal.SIGSTOP)
        stopped_ms = page.page.evaluate("performance.now()")
        noticed_ms = page.page.evaluate("window.noticed")
        page.shows_part("#notice", "This page has lost its connection")
        process.send_signal(signal.SIGCONT)
        server.send("Joined 10.0.0.2 5002")
        page.shows("#playing", "2")
        page.page.locator("#notice").wait_for(state="hidden")
        assert page.page.evaluate("window.untouched") is True
    assert noticed_ms - stopped_ms < 8000


HIDE = """(hidden) => {
  Object.defineProperty(document, "hidden", { value: hidden, configurable: true });
  document.dispatchEvent(new Event("visibilitychange"));
}"""


def test_a_hidden_tab_leaves_its_connection_to_others(browser: Browser) -> None:
    """Tabs in the background take no connection from the seventh; one that is shown again is up to date."""
    server = Watched("10.0.0.1 5001")
    with page_beside(browser, server) as page:
        page.shows("#playing", "1")
        tabs = [page.page]
        for _ in range(6):
            tabs[-1].evaluate(HIDE, arg=True)
            tabs.append(page.page.context.new_page())
            open_page(tabs[-1], page.address)
            tabs[-1].locator("#playing", has_text="1").wait_for()
        server.send("Joined 10.0.0.2 5002")
        tabs[-1].locator("#playing", has_text="2").wait_for()
        assert page.page.locator("#playing").text_content() == "1"
        page.page.evaluate(HIDE, arg=False)
        page.shows("#playing", "2")


@pytest.mark.parametrize(("low", "high"), [(1, 999_999_999), (0, 128), (1, 2)])
def test_any_range_can_be_drawn(browser: Browser, low: int, high: int) -> None:
    """The widest range and the narrowest are drawn at once, with the marks at the ends where they belong."""
    server = Watched("10.0.0.1 5001")
    environ = {"GAME_LOW": str(low), "GAME_HIGH": str(high)}
    with page_and_program(browser, server, environ=environ, width=360) as (page, _):
        server.send(f"Guessed 10.0.0.1 5001 {low} Far", f"Guessed 10.0.0.1 5001 {high} Far")
        page.page.locator("#rows .mark").nth(1).wait_for()
        assert page.page.locator("#rows .strip").get_attribute("aria-label") == f"{low} Far, {high} Far"
        assert page.fits()
        assert page.page.locator("#histogram .bar").count() <= 61


def test_names_are_shown(browser: Browser) -> None:
    """A player's own name is on the row and in the events, and the filter finds it."""
    server = Watched("10.0.0.1 5001")
    with page_beside(browser, server) as page:
        page.shows("#playing", "1")
        assert not page.page.locator(".head-player").is_visible()
        server.send("Joined 10.0.0.2 5002 ann-1")
        page.shows("#rows tr:nth-child(2) .cell-player", "ann-1")
        page.shows_part("#events li", "ann-1 (10.0.0.2 5002) plays")
        page.page.get_by_label("Filter").fill("ANN")
        page.shows_part("#count", "1 found")


def test_the_hall_of_fame(browser: Browser) -> None:
    """A winner is in the hall of fame, with best, mean and number of games; so are games by the hour."""
    server = Watched()
    with page_beside(browser, server) as page:
        page.shows_part("#scores-ever-empty", "No game won yet")
        server.send("Joined 10.0.0.1 1 ann", "Won 10.0.0.1 1 3", "Joined 10.0.0.1 2 ann", "Won 10.0.0.1 2 6")
        server.send("Joined 10.0.0.1 3", "Won 10.0.0.1 3 9")
        page.shows_part("#scores-about", "3 games recorded")
        page.page.locator("#scores-today tr").nth(1).wait_for()
        rows = page.page.locator("#scores-today tr").all_inner_texts()
        assert [row.split() for row in rows] == [["ann", "3", "4.50", "2"], ["no", "name", "9", "9.00", "1"]]
        page.page.locator("#by-hour[aria-label*='3 won, 0 left; 47 hours not recorded']").wait_for()
        for width in (1360, 360):
            page.look(width)
            assert page.fits(), width


def test_a_port_of_the_game_says_where_the_page_is(browser: Browser) -> None:
    """Who opens port 4000 or 4001 in a browser reads one line instead of the browser's own fault (P-6)."""
    with ServerProcess() as server:
        page = browser.new_page()
        for host, number in (server.player, server.admin):
            open_page(page, f"http://{host}:{number}/")
            text = page.inner_text("body")
            assert text.startswith("Refused: this is no web server: to play in a browser, open the page")
        page.close()


TRANSLATE = """() => {
  const texts = document.createTreeWalker(document.body, NodeFilter.SHOW_TEXT);
  const found = [];
  while (texts.nextNode()) if (texts.currentNode.data.trim()) found.push(texts.currentNode);
  for (const text of found) {
    const font = document.createElement("font");
    text.replaceWith(font);
    font.textContent = "übersetzt";
  }
}"""


def test_a_translated_page_stays_translated(browser: Browser) -> None:
    """What a browser has translated is not written again until it is news, and news is shown."""
    server = Watched("10.0.0.1 5001")
    with page_beside(browser, server) as page:
        page.shows("#rows .cell-ip", "10.0.0.1")
        page.page.evaluate(TRANSLATE)
        server.send("Joined 10.0.0.2 5002", "Guessed 10.0.0.1 5001 7 Far")
        page.shows("#playing", "2")
        page.shows("#rows .cell-guesses", "1+")
        for unchanged in ("#play-said", "#won", "#rows .cell-ip"):
            page.shows(unchanged, "übersetzt")


STREAM = "text/event-stream"
OTHER_VERSION = 'event: state\ndata: {"version": 2, "players": {}}\n\n'


def test_another_version_of_the_server_is_told(browser: Browser) -> None:
    """A page that finds another version than its own says so, and has itself loaded again, if not just so."""
    with page_beside(browser, Watched("10.0.0.1 5001")) as page:
        page.shows("#playing", "1")
        page.page.route("**/api/events", lambda route: route.fulfill(body=OTHER_VERSION, content_type=STREAM))
        page.page.evaluate("window.untouched = true")
        page.page.evaluate(HIDE, arg=True)
        page.page.evaluate(HIDE, arg=False)
        page.shows_part("#notice", "Load the page again")
        assert page.page.evaluate("window.untouched") is True
        page.page.evaluate("performance.now = () => Date.now()")  # an hour and more later
        page.wait("() => !window.untouched")
        page.shows_part("#notice", "Load the page again")


def test_another_run_of_the_server_begins_anew(browser: Browser) -> None:
    """When the page's server was started again, what happened before is no more among the latest events."""
    with page_beside(browser, Watched("10.0.0.1 5001")) as page:
        page.shows("#playing", "1")
        state = page.page.evaluate("fetch('api/players').then((answer) => answer.json())")
        for run, most in (("first", 3), ("second", 10)):
            told = [{"number": n, "at": 0, "kind": "left", "text": f"{run} {n}"} for n in range(1, most + 1)]
            body = f"event: state\ndata: {json.dumps({**state, 'events': told})}\n\n"
            page.page.unroute_all()
            page.page.route("**/api/events", partial(_fulfil, body))
            page.page.evaluate(HIDE, arg=True)
            page.page.evaluate(HIDE, arg=False)
            page.shows_part("#events li", f"{run} {most}")
        texts = page.page.locator("#events li").all_text_contents()
        assert [text.split()[1] for text in texts] == ["second"] * 10


def _fulfil(body: str, route: Route) -> None:
    route.fulfill(body=body, content_type=STREAM)


def test_a_slow_network_gets_more_time(browser: Browser) -> None:
    """A picture that takes longer than the page waits for a silent server is waited for longer."""
    listed = [f"10.0.0.1 {port}" for port in range(5001, 5081)]
    with page_beside(browser, Watched(*listed)) as page:
        page.shows("#playing", "80")
        session = page.page.context.new_cdp_session(page.page)
        session.send("Network.enable")
        slow = {"offline": False, "latency": 200, "downloadThroughput": 5000, "uploadThroughput": 5000}
        session.send("Network.emulateNetworkConditions", slow)
        # Four times as fast a clock makes the network four times as slow.
        page.page.evaluate(
            "{ const now = performance.now.bind(performance); performance.now = () => 4 * now(); }"
        )
        page.page.evaluate(HIDE, arg=True)
        page.page.evaluate(HIDE, arg=False)
        page.shows_part("#notice", "lost its connection")
        page.page.locator("#notice").wait_for(state="hidden")


def test_a_page_without_its_programs_says_so(browser: Browser) -> None:
    """When a file of the page does not come, as behind a proxy that has cut its path, the page tells it."""
    with page_beside(browser, Watched()) as page:
        page.page.route("**/board.js", lambda route: route.fulfill(body="", content_type="text/javascript"))
        page.page.reload()
        page.page.evaluate("document.getAnimations().forEach((animation) => animation.finish())")
        page.shows_part("#unloaded", "own files have not loaded")
        page.page.unroute_all()
        page.page.reload()
        page.page.locator("#unloaded").wait_for(state="detached")
        page.errors.clear()
