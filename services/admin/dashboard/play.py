"""Play in a browser: a WebSocket carries the protocol's lines to the player port and back, one a message.

It knows no rule of the game. What a line means is for the page and the server to know (docs/protocol.md).
"""

from __future__ import annotations

import asyncio
import re
from typing import TYPE_CHECKING, Final, NamedTuple

from starlette.responses import JSONResponse
from starlette.routing import Route, WebSocketRoute
from starlette.websockets import WebSocketDisconnect

from services.admin.dashboard.hosts import is_own_origin
from services.admin.dashboard.state import VERSION
from services.protocol.framing import MAX_LINE_OCTETS, LineBuffer
from services.protocol.messages import Address, Verdict
from services.runtime.connecting import UnreachableError, cause, open_stream
from services.strategies.candidates import Try, allowed, count
from services.strategies.choice import hint

if TYPE_CHECKING:
    from starlette.requests import Request
    from starlette.responses import Response
    from starlette.routing import BaseRoute
    from starlette.websockets import WebSocket

    from services.admin.settings import PlaySettings
    from services.protocol.rules import Rules
    from services.runtime.connecting import Target
    from services.strategies.candidates import History

MOST_MESSAGE_OCTETS: Final = MAX_LINE_OCTETS - len("\r\n")
"""A message is a line without its terminator (clause F-2); uvicorn closes with 1009 at a longer one."""

MOST_TRIED: Final = 64
"""A hint takes so many guesses into account at most, the latest; nobody needs it after more."""

_TRIED: Final = re.compile(r"([0-9]{1,9}):(Far|Close)")


class _End(NamedTuple):
    """Why a game is over, as the browser is told: a close code of RFC 6455 and a reason."""

    code: int
    reason: str = ""


_OVER: Final = _End(1000)
_NO_TEXT: Final = _End(1003, "a message is text")
_NO_LINE: Final = _End(1008, "a message is one line")
_FULL: Final = _End(1013, "too many games are played on this page now, try again later")
_BAD_GATEWAY: Final = 1014


class Play:
    """All games that are played on the page."""

    def __init__(self, target: Target, settings: PlaySettings, rules: Rules) -> None:
        """Play at `target`, the server's player port; `rules` are for the hints alone."""
        self._target = target
        self._settings = settings
        self._rules = rules
        self._games = 0

    def routes(self) -> list[BaseRoute]:
        """Return what the page asks for."""
        return [WebSocketRoute("/play", self._play), Route("/api/hint", self._hint)]

    async def _play(self, browser: WebSocket) -> None:
        headers = browser.headers
        if not is_own_origin(headers.get("origin"), headers.get("host", ""), headers.get("sec-fetch-site")):
            # Before it is accepted: the answer is 403.
            await browser.close()
            return
        if self._games >= self._settings.most_games:
            await browser.accept()
            await browser.close(*_FULL)
            return
        self._games += 1
        try:
            await browser.accept()
            end = await self._relay(browser)
            await browser.close(*end)
        except WebSocketDisconnect:
            return
        finally:
            self._games -= 1

    async def _relay(self, browser: WebSocket) -> _End:
        """Carry lines until one side has had enough; whoever is left is told."""
        timeout_s = self._settings.timeout_s
        writer: asyncio.StreamWriter | None = None
        try:
            async with asyncio.timeout(timeout_s):
                reader, writer = await open_stream(self._target)
                known_as = Address(*writer.get_extra_info("sockname")[:2])
                await browser.send_text(f"# {known_as}")
                async with asyncio.TaskGroup() as tasks:
                    ways = [
                        tasks.create_task(_carry_up(browser, writer)),
                        tasks.create_task(_carry_down(reader, browser)),
                    ]
                    done, _ = await asyncio.wait(ways, return_when=asyncio.FIRST_COMPLETED)
                    for way in ways:
                        way.cancel()
                return done.pop().result()
        except TimeoutError:
            return _End(1008, f"a game on this page may take {timeout_s:g} s")
        except UnreachableError as error:
            return _End(_BAD_GATEWAY, _reason(str(error)))
        finally:
            if writer is not None:
                writer.close()

    async def _hint(self, request: Request) -> Response:
        history = _read_tried(request.query_params.get("tried", ""))
        if history is None:
            error = "tried is a list such as 15:Far,22:Close"
            return JSONResponse({"version": VERSION, "error": error}, status_code=400)
        left = count(allowed(self._rules, history))
        return JSONResponse({"version": VERSION, "guess": hint(self._rules, history), "left": left})


async def _carry_up(browser: WebSocket, writer: asyncio.StreamWriter) -> _End:
    while True:
        message = await browser.receive()
        if message["type"] == "websocket.disconnect":
            return _OVER
        text = message.get("text")
        if text is None:
            return _NO_TEXT
        if "\n" in text or "\r" in text:
            return _NO_LINE
        try:
            writer.write(text.encode() + b"\r\n")
            await writer.drain()
        except OSError:
            # What the server has said before it went is still on its way down.
            await asyncio.Future()


async def _carry_down(reader: asyncio.StreamReader, browser: WebSocket) -> _End:
    lines = LineBuffer()
    while True:
        try:
            data = await reader.read(MAX_LINE_OCTETS)
        except OSError as error:
            return _End(_BAD_GATEWAY, f"the connection to the game server broke: {cause(error)}")
        if not data:
            return _OVER
        try:
            for line in lines.feed(data):
                await browser.send_text(line.decode("ascii", "backslashreplace"))
        except WebSocketDisconnect:
            return _OVER
        if lines.overlong is not None:
            return _End(_BAD_GATEWAY, f"the game server sent a {lines.overlong.reason}")


def _reason(text: str) -> str:
    """Return a text that fits into a close frame."""
    return text.encode("ascii", "replace")[:120].decode()


def _read_tried(text: str) -> History | None:
    """Read `NUMBER:VERDICT,...`; None if it is something else."""
    tried = []
    for part in text.split(",")[-MOST_TRIED:] if text else ():
        found = _TRIED.fullmatch(part)
        if found is None:
            return None
        tried.append(Try(int(found[1]), Verdict(found[2])))
    return tuple(tried)
