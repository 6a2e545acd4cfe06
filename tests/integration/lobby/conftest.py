"""A Valkey for the tests of the lobby: one for all, emptied before each."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from tests.support.valkey_container import running_valkey

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tests.support.valkey_container import ValkeyContainer


@pytest.fixture(scope="package")
def started_valkey() -> Iterator[ValkeyContainer]:
    """Give the Valkey that the tests share."""
    with running_valkey() as running:
        yield running


@pytest.fixture
def valkey(started_valkey: ValkeyContainer) -> ValkeyContainer:
    """Give an empty Valkey."""
    started_valkey.wait()
    started_valkey.command("FLUSHALL")
    return started_valkey
