"""Which Host headers name the page."""

from __future__ import annotations

import pytest

from services.admin.dashboard.hosts import is_own_host


@pytest.mark.parametrize(
    "host",
    [
        None,
        "localhost",
        "LOCALHOST:8080",
        "localhost.:8080",
        "127.0.0.1",
        "192.0.2.7:80",
        "[::1]",
        "[2001:db8::1]:8080",
        "game",
        "game:80",
        "game.",
    ],
)
def test_own(host: str | None) -> None:
    """Addresses, localhost, the names given, with and without a port, and no header at all."""
    assert is_own_host(host, {"game"})


@pytest.mark.parametrize(
    "host",
    [
        "",
        "evil.example",
        "evil.example:8080",
        "game.evil.example",
        "localhost.evil.example",
        "127.0.0.1.evil.example",
        "[game",
        ":80",
    ],
)
def test_foreign(host: str) -> None:
    """Whatever else leads here is not answered, whatever it looks like."""
    assert not is_own_host(host, {"game"})
