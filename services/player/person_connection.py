"""A person's connection: asks one thing after another, and keeps what the server says meanwhile."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

from services.player.game_connection import GameConnection
from services.protocol.messages import Refused
from services.protocol.printable import printable
from services.runtime.connecting import CLOSE_TIMEOUT_S

if TYPE_CHECKING:
    from services.player.conversation import Conversation
    from services.protocol.messages import Game, Guess, Hello, Name, Reply


class PersonConnection(GameConnection):
    """One game of a person."""

    __slots__ = ("_changed", "_received", "conversation", "over")

    _silent = "no reply from the server"

    def __init__(self, conversation: Conversation, *, settled: bool) -> None:
        super().__init__()
        self._settled = settled
        self.conversation = self._conversation = conversation
        self.over = asyncio.Event()
        """The connection has ended."""
        self._received: list[Reply] = []
        self._changed = asyncio.Event()

    @property
    def failure(self) -> str | None:
        """Why the game cannot go on; None as long as it can."""
        return self._reason if self._ended else None

    async def ask(self, request: Hello | Name | Game | Guess) -> list[Reply]:
        """Send a request, wait for the reply or the end of the connection, and return all that came."""
        self._send(request)
        while not self.over.is_set() and self.conversation.awaiting_reply:
            self._changed.clear()
            try:
                async with asyncio.timeout_at(self._deadline_s):
                    await self._changed.wait()
            except TimeoutError:
                self.check(asyncio.get_running_loop().time())
        return self.take_received()

    def take_received(self) -> list[Reply]:
        """Return what was received since the last time."""
        received, self._received = self._received, []
        return received

    async def leave(self) -> None:
        """End the connection in the orderly way, if that does not take too long."""
        if self._transport is not None:
            self._transport.close()
            try:
                async with asyncio.timeout(CLOSE_TIMEOUT_S):
                    await self.over.wait()
            except TimeoutError:
                self.abort()

    # --- called by the connection

    def hear(self, reply: Reply) -> None:
        """Keep a reply; a refusal is the end."""
        self._received.append(reply)
        if isinstance(reply, Refused):
            self._close(f"the server refused: {printable(reply.reason)}")

    def take_turn(self) -> None:
        """Let `ask` go on."""
        self._changed.set()

    def give_up(self, reason: str) -> None:
        """End the connection."""
        self._close(reason)

    def connection_lost(self, exc: Exception | None) -> None:
        """Let whoever waits go on."""
        super().connection_lost(exc)
        self.over.set()
        self._changed.set()
