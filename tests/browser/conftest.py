"""A browser for the tests of the page."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from tests.support.browser import running_browser

if TYPE_CHECKING:
    from collections.abc import Iterator

    from playwright.sync_api import Browser


# Not for longer than a module: while it runs, so does the event loop of playwright, and no other can.
@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    """Give the browser."""
    with running_browser() as running:
        yield running
