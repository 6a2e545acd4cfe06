"""A real browser for the tests of the live page, which notes whatever the page should not do."""

from __future__ import annotations

import shutil
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

from playwright.sync_api import Error, sync_playwright

from services.protocol.messages import Verdict
from services.protocol.rules import CLASSIC
from services.strategies.candidates import Try
from services.strategies.choice import hint

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from playwright.sync_api import Browser, Page, Request

ROOT = Path(__file__).parents[2]
SHELL = ROOT / ".browser_cache/headless-shell/chromium-headless-shell"
"""The same browser without windows, at a third of the processor time: scripts/browser brings it if it can."""
NAMES = (str(SHELL), "chromium", "chromium-browser", "google-chrome")
FLAGS = [
    "--no-sandbox",  # in a container there is none to be had
    "--disable-gpu",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
]
TIMEOUT_MS = 45_000
"""No test waits longer than this for the page to show what it expects, on a busy machine."""
CHANGED = ("net::ERR_NETWORK_CHANGED", "interrupted by another navigation to")
"""What a load fails of when a network comes or goes: at once, or as the browser tells it or loads again."""
LOOKS: list[tuple[int, Literal["light", "dark"]]] = [
    (1360, "light"),
    (1360, "dark"),
    (390, "light"),
    (390, "dark"),
]
"""Wide and narrow, in the light and in the dark: what every page is looked at in."""
POLL_MS = 50
"""How often the page is looked at. Without it the browser would look at each frame, and draw 60 a second."""


@contextmanager
def running_browser() -> Iterator[Browser]:
    """Start the browser of this machine."""
    found = next((path for path in map(shutil.which, NAMES) if path), None)
    assert found, "no chromium here: scripts/browser installs one"
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=found, args=FLAGS)
        yield browser
        browser.close()


def open_page(page: Page, url: str) -> None:
    """Open it, again if a network of this machine came or went: chromium drops what it fetches then."""
    while not _opened(page, url):
        pass


def _opened(page: Page, url: str) -> bool:
    dropped: list[str] = []

    def note(request: Request) -> None:
        dropped.append(request.failure or "")

    page.on("requestfailed", note)
    try:
        page.goto(url)
    except Error as error:
        if not any(sign in str(error) for sign in CHANGED):
            raise
        return False
    finally:
        page.remove_listener("requestfailed", note)
    return CHANGED[0] not in dropped


class LivePage:
    """The page at one address, open in a tab of its own."""

    def __init__(self, page: Page, address: str, path: str) -> None:
        self.page = page
        self.address = address
        self.errors: list[str] = []
        self.foreign: list[str] = []
        page.set_default_timeout(TIMEOUT_MS)
        page.on("pageerror", lambda error: self.errors.append(str(error)))
        page.on("console", lambda message: self._note(message.type, message.text))
        page.on("request", lambda request: self._check(request.url))
        open_page(page, address + path)

    def _note(self, kind: str, text: str) -> None:
        # The browser itself complains of a stream that breaks; the page's notice is what tests look at.
        if kind in {"error", "warning"} and "net::ERR_" not in text:
            self.errors.append(text)

    def _check(self, url: str) -> None:
        if not url.startswith(self.address + "/"):
            self.foreign.append(url)

    def look(self, width: int, scheme: Literal["light", "dark"] = "light") -> None:
        """Look at it in a window so wide, in the light or in the dark, when it is drawn so."""
        self.page.set_viewport_size({"width": width, "height": 900})
        self.page.emulate_media(color_scheme=scheme)
        self.drawn()

    def drawn(self) -> None:
        """Wait until what was to be drawn is drawn, and what that drawing asked for."""
        frame = "new Promise((drawn) => requestAnimationFrame(() => setTimeout(drawn)))"
        self.page.evaluate(f"{frame}.then(() => {frame})")

    def wait(self, condition: str, arg: object = None) -> None:
        """Wait until a function of the page's language returns something true."""
        self.page.wait_for_function(condition, arg=arg, polling=POLL_MS)

    def shows(self, selector: str, text: str) -> None:
        """Wait until the element's text is this."""
        self.wait(
            "([selector, text]) => document.querySelector(selector)?.textContent === text", [selector, text]
        )

    def shows_part(self, selector: str, text: str) -> None:
        """Wait until the element is seen and its text holds this."""
        self.page.locator(selector, has_text=text).first.wait_for()

    def begin_game(self, name: str = "") -> None:
        """Begin a game, and wait until a number may be guessed."""
        self.page.locator("#play-name").fill(name)
        self.page.locator("#play-button").click()
        self.wait_for_turn()

    def wait_for_turn(self) -> None:
        """Wait until a number may be guessed, or the game is won."""
        self.wait("() => ['playing', 'won'].includes(document.querySelector('#play').dataset.state)")

    @property
    def has_won(self) -> bool:
        """Whether the game is won."""
        return self.page.locator("#play").get_attribute("data-state") == "won"

    def click_number(self, number: int) -> None:
        """Guess by mouse."""
        self.page.locator("#board button").nth(number - 1).click()

    def tap_number(self, number: int) -> None:
        """Guess by thumb."""
        self.page.locator("#board button").nth(number - 1).tap()

    def type_number(self, number: int) -> None:
        """Guess by keyboard."""
        self.page.locator("#play-number").focus()
        self.page.keyboard.type(f"{number}")
        self.page.keyboard.press("Enter")

    def hold_number(self, number: int) -> None:
        """Guess by keyboard, with an Enter that is held down."""
        self.page.keyboard.up("Enter")
        self.page.locator("#play-number").focus()
        self.page.keyboard.type(f"{number}")
        self.page.keyboard.down("Enter")

    def win(self, guess: Callable[[int], None]) -> None:
        """Guess as one who plays well, until the number is found."""
        tried: list[Try] = []
        while (number := hint(CLASSIC, tuple(tried))) is not None:
            guess(number)
            self.wait_for_turn()
            if self.has_won:
                break
            mark = self.page.locator("#board button").nth(number - 1).get_attribute("class")
            tried.append(Try(number, Verdict.CLOSE if "close" in (mark or "") else Verdict.FAR))
        self.shows_part("#play-said", "Correct! You have won")

    def rows(self) -> list[str]:
        """Return IP and port of each row."""
        rows: list[str] = self.page.evaluate(
            "[...document.querySelectorAll('#rows tr')]"
            ".map((row) => [...row.cells].slice(0, 2).map((cell) => cell.textContent).join(' '))"
        )
        return rows

    def fits(self) -> bool:
        """Tell whether nothing sticks out: neither out of the window, nor the table out of its frame."""
        fits: bool = self.page.evaluate(
            "() => document.documentElement.scrollWidth <= innerWidth"
            " && document.querySelector('table').getBoundingClientRect().right"
            " <= document.querySelector('#players').getBoundingClientRect().right"
        )
        return fits

    def faults(self) -> list[str]:
        """Return what axe-core finds that is serious or worse."""
        if not self.page.evaluate("'axe' in window"):
            (axe,) = (ROOT / ".browser_cache").glob("axe-core-*.min.js")
            # The page's own policy, rightly, keeps scripts out; this is how a debugger brings one in.
            session = self.page.context.new_cdp_session(self.page)
            session.send("Runtime.evaluate", {"expression": axe.read_text()})
        violations: list[dict[str, Any]] = self.page.evaluate(
            "axe.run({ resultTypes: ['violations'] }).then(({ violations }) => violations)"
        )
        return [
            f"{violation['id']}: {[node['html'] for node in violation['nodes']][:3]}"
            for violation in violations
            if violation["impact"] in {"serious", "critical"}
        ]


@contextmanager
def live_page(
    browser: Browser,
    address: str,
    *,
    path: str = "/",
    width: int = 1360,
    height: int = 900,
    scheme: Literal["light", "dark"] = "light",
    still: bool = True,
    touch: bool = False,
) -> Iterator[LivePage]:
    """Open the page; afterwards it must not have complained, nor asked anybody else for anything."""
    context = browser.new_context(
        viewport={"width": width, "height": height},
        color_scheme=scheme,
        has_touch=touch,
        reduced_motion="reduce" if still else "no-preference",
    )
    try:
        opened = LivePage(context.new_page(), address, path)
        yield opened
        assert opened.errors == []
        assert opened.foreign == []
    finally:
        context.close()
