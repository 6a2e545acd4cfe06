"""One browser for all tests of the page, and a page beside a scripted server for each."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from tests.support.browser import running_browser

if TYPE_CHECKING:
    from collections.abc import Iterator

    from playwright.sync_api import Browser


@pytest.fixture(scope="session")
def browser() -> Iterator[Browser]:
    """Give the browser."""
    with running_browser() as running:
        yield running
