"""Which Host headers name the page, and whose pages may play."""

from __future__ import annotations

import pytest

from services.admin.dashboard.hosts import is_own_host, is_own_origin


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


@pytest.mark.parametrize(
    ("origin", "host", "fetch_site"),
    [
        (None, "game:8080", None),
        ("http://game:8080", "game:8080", None),
        ("http://game", "game:80", None),
        ("https://game:8443", "game", None),  # a proxy that cut the port off
        ("https://Game", "game:443", None),
        ("http://[::1]:8080", "[::1]:8080", None),
        ("https://game:8443", "127.0.0.1:8080", "same-origin"),  # a proxy that put its own address there
    ],
)
def test_own_pages(origin: str | None, host: str, fetch_site: str | None) -> None:
    """The same host and port, by whatever proxy it came; a program; and what the browser vouches for."""
    assert is_own_origin(origin, host, fetch_site)


@pytest.mark.parametrize(
    ("origin", "host", "fetch_site"),
    [
        ("http://evil.example", "game", None),
        ("http://evil.example:8080", "game:8080", "cross-site"),
        ("http://game:9000", "game:8080", "same-site"),
        ("https://game", "game:8080", None),
        ("null", "game", None),
        ("", "", None),
        ("http://game:port", "game", None),
        ("http://game.evil.example", "game", None),
        ("http://game", "127.0.0.1:8080", None),
    ],
)
def test_foreign_pages(origin: str, host: str, fetch_site: str | None) -> None:
    """Another host, another port, none, or nonsense."""
    assert not is_own_origin(origin, host, fetch_site)
