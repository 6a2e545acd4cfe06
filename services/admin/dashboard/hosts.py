"""Which names the page answers to: a foreign site whose name leads here cannot read it (DNS rebinding)."""

from __future__ import annotations

import ipaddress
from typing import TYPE_CHECKING, Final
from urllib.parse import urlsplit

from starlette.datastructures import Headers
from starlette.responses import PlainTextResponse

if TYPE_CHECKING:
    from collections.abc import Collection

    from starlette.types import ASGIApp, Receive, Scope, Send

MISDIRECTED: Final = 421
_DEFAULT_PORTS: Final = {"http": 80, "https": 443}
REFUSAL: Final = "This page does not answer to that host name. To allow it, add it to GAME_DASHBOARD_NAMES.\n"


def is_own_host(host: str | None, names: Collection[str]) -> bool:
    """Tell whether a request's Host header names this page: an address, `localhost`, or one of `names`.

    An address cannot be rebound, and a program that leaves the header out is no browser.
    """
    if host is None:
        return True
    name = host.lower()
    front, colon, port = name.rpartition(":")
    if colon and port.isdecimal():
        name = front
    name = name.removesuffix(".")
    if name == "localhost" or name in names:
        return True
    try:
        ipaddress.ip_address(name.removeprefix("[").removesuffix("]"))
    except ValueError:
        return False
    return True


def is_own_origin(origin: str | None, host: str, fetch_site: str | None) -> bool:
    """Tell whether a page of ours asks, or a program; browsers let any page of anybody's open a WebSocket.

    The page may have come through a proxy that cut the port off the Host header (nginx's `$host`), or put
    another host there. Where a browser itself says whose page it is (Sec-Fetch-Site), it is believed: no
    script can set that.
    """
    if origin is None or fetch_site == "same-origin":
        return True
    try:
        asking, asked = urlsplit(origin), urlsplit(f"//{host}")
        asking_port, asked_port = asking.port or _DEFAULT_PORTS.get(asking.scheme), asked.port
    except ValueError:
        return False
    same_host = asking.hostname is not None and asking.hostname == asked.hostname
    return same_host and asked_port in {None, asking_port}


class OwnHosts:
    """Answers nothing that was meant for another host."""

    def __init__(self, app: ASGIApp, names: Collection[str]) -> None:
        self._app = app
        self._names = names

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer or refuse."""
        if is_own_host(Headers(scope=scope).get("host"), self._names):
            await self._app(scope, receive, send)
        else:
            await PlainTextResponse(REFUSAL, MISDIRECTED)(scope, receive, send)
