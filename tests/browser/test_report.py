"""The conformance kit's pages in a real browser."""

from __future__ import annotations

import functools
import threading
from contextlib import contextmanager
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from typing import TYPE_CHECKING

import pytest

from services.conformance.pages import Judged, write_class
from tests.support.browser import LOOKS, live_page
from tests.support.conformance.sample import HOSTILE, hostile_report, sample_report

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from playwright.sync_api import Browser

CLASS = [
    Judged("ada", sample_report()),
    Judged("mallory", hostile_report(9)),
    Judged("mona", hostile_report(3)),
    Judged("zoe", None, HOSTILE),
]


class Quiet(SimpleHTTPRequestHandler):
    """Serves files, and no icon, without a word."""

    def do_GET(self) -> None:
        """Serve a file; a browser asks for an icon by itself."""
        if self.path == "/favicon.ico":
            self.send_response(204)
            self.end_headers()
        else:
            super().do_GET()

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002  as the base has it
        """Say nothing."""


@contextmanager
def served(folder: Path) -> Iterator[str]:
    """Serve the pages of a class; return their address."""
    write_class(CLASS, folder)
    handler = functools.partial(Quiet, directory=str(folder))
    with ThreadingHTTPServer(("127.0.0.1", 0), handler) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        yield f"http://127.0.0.1:{server.server_port}"
        server.shutdown()


@pytest.fixture(scope="module")
def address(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """Serve one class for all tests."""
    with served(tmp_path_factory.mktemp("class")) as at:
        yield at


@pytest.mark.parametrize("page", ["", *(f"/submissions/{name}.html" for name in ("ada", "mallory", "mona"))])
def test_axe_finds_nothing(browser: Browser, address: str, page: str) -> None:
    """Light or dark, wide or narrow: axe-core finds nothing serious, and nothing sticks out."""
    with live_page(browser, address, path=page or "/") as opened:
        for look in LOOKS:
            opened.look(*look)
            assert opened.faults() == [], look
            assert opened.page.evaluate("document.documentElement.scrollWidth <= innerWidth"), look
        assert opened.page.title() != "owned"


def test_matrix_is_filtered(browser: Browser, address: str) -> None:
    """Rows are kept by name, columns by whether somebody who is shown broke the clause."""
    with live_page(browser, address) as opened:
        page = opened.page
        shown = "[...document.querySelectorAll('%s')].filter((e) => !e.hidden).map((e) => e.textContent)"
        heads = shown % "thead th"
        assert page.evaluate(heads) == ["submission", "points", "P-1", "P-2", "P-3", "A-2"]
        page.get_by_label("only clauses that somebody broke").check()
        assert page.evaluate(heads) == ["submission", "points", "P-1"]
        page.get_by_label("Name holds").fill("AD")
        opened.shows("#count", "1 of 4 shown")
        assert page.evaluate(shown % "tbody tr th") == ["ada", "mallory", "mona", "zoe"]
        assert len(page.evaluate(shown % "tbody tr")) == 1


def test_matrix_is_printed(browser: Browser, address: str) -> None:
    """On paper the matrix stands without its tools, dark on light whatever the screen is."""
    with live_page(browser, address, scheme="dark") as opened:
        opened.page.emulate_media(media="print")
        assert not opened.page.locator(".tools").is_visible()
        colours = (
            "(({ color, backgroundColor }) => [color, backgroundColor])(getComputedStyle(document.body))"
        )
        assert opened.page.evaluate(colours) == ["rgb(0, 0, 0)", "rgb(255, 255, 255)"]
