"""A connection to a server on which one game is played, by a bot or by a person: what both have to do there.

What the server says is taken in as it comes, and never kept without bound.
"""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Final, cast

from services.protocol.errors import LineTooLongError
from services.protocol.messages import Unknown
from services.runtime.connecting import cause

if TYPE_CHECKING:
    from services.player.conversation import Conversation
    from services.protocol.messages import Game, Guess, Hello, Name, Reply

REPLY_TIMEOUT_S: Final = 30.0
"""A server that owes a reply for so long will not give it; a paused one is waited for."""

UNSETTLED_TIMEOUT_S: Final = 3.0
"""A server that does not know a dialect often says nothing at all to its words."""

NAME_TIMEOUT_S: Final = 3.0
"""A server that does not know names may not answer one; it can be played all the same."""

QUIET_S: Final = 1.0
"""After so much silence what has come counts as the reply: a line in unknown words, or one without an end."""

MOST_OCTETS: Final = 16 << 10
"""What a server may say between two lines of ours: room for a page of instructions, not for a flood."""

_ADMIN_GREETING: Final = Unknown("Admin-Greetings")
"""What the other port of a server answers to Hello (clause A-1)."""

_ADMIN_PORT: Final = (
    "this is the administrator port, usually 4001; players connect to the player port, usually 4000"
)

_CLOSED: Final = "the server closed the connection"


class GameConnection(asyncio.Protocol):
    """What a connection does by itself; who plays on it says what follows."""

    __slots__ = ("_conversation", "_octets", "_reason", "_received_s", "_sent_s", "_settled", "_transport")

    _silent = "no reply"
    """How to say that there is none."""

    def __init__(self) -> None:
        self._settled = True
        """Whether the dialect is known to be the server's."""
        self._conversation: Conversation
        self._transport: asyncio.Transport | None = None
        self._reason = _CLOSED
        self._sent_s = self._received_s = 0.0
        self._octets = 0

    # --- for who plays

    def hear(self, reply: Reply) -> None:
        """Act on a reply that the conversation has taken in."""
        raise NotImplementedError

    def take_turn(self) -> None:
        """Act on what has arrived: it may be the player's turn."""
        raise NotImplementedError

    def give_up(self, reason: str) -> None:
        """End the game: the server does what no server of the family does."""
        raise NotImplementedError

    # --- called by the event loop

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Make the connection ready for a game."""
        self._transport = cast("asyncio.Transport", transport)
        self._reason = _CLOSED
        self._octets = 0

    def data_received(self, data: bytes) -> None:
        """Take in what the server sends."""
        if self._ended:
            return
        self._received_s = asyncio.get_running_loop().time()
        self._octets += len(data)
        if self._octets > MOST_OCTETS:
            self.give_up(f"the server said more than {MOST_OCTETS >> 10} KiB without being asked")
            return
        try:
            replies = self._conversation.receive(data)
        except LineTooLongError as error:
            self.give_up(f"the server sent a {error.reason}")
            return
        for reply in replies:
            if not self._ended:
                self.hear(self._conversation.handle(reply))
            if reply == _ADMIN_GREETING:
                self.give_up(_ADMIN_PORT)
        self.take_turn()

    def eof_received(self) -> None:
        """Take in what the server has left without an end."""
        self._end_line()

    def connection_lost(self, exc: Exception | None) -> None:
        """Note the end, and why it came."""
        self._transport = None
        if self._reason is _CLOSED and isinstance(exc, OSError):
            self._reason = f"the connection broke: {cause(exc)}"

    # ---

    def check(self, now_s: float) -> None:
        """Act on the time: a server that has been silent for long has nothing more to say."""
        if self._transport is None or now_s < self._deadline_s:
            return
        self._end_line()
        if self._conversation.may_assume_reply:
            self._conversation.assume_reply()
        if not self._conversation.awaiting_reply:
            self.take_turn()
        else:
            self._reason = f"{self._silent} within {self._limit_s:g} s"
            self.abort()

    def abort(self) -> None:
        """End the connection without waiting for anything."""
        if self._transport is not None:
            self._transport.abort()

    def _end_line(self) -> None:
        """Take what has come of a line for the whole: some servers end none."""
        if self._conversation.has_unterminated and not self._ended:
            self.hear(self._conversation.handle(self._conversation.end_line()))

    @property
    def _deadline_s(self) -> float:
        """When to `check`."""
        conversation = self._conversation
        if not conversation.awaiting_reply:
            return float("inf")
        if conversation.reply_unclear or conversation.has_unterminated:
            return self._received_s + QUIET_S
        return self._sent_s + (NAME_TIMEOUT_S if conversation.naming else self._limit_s)

    @property
    def _limit_s(self) -> float:
        conversation = self._conversation
        unsettled = not self._settled and conversation.begun and not conversation.judged
        return UNSETTLED_TIMEOUT_S if unsettled else REPLY_TIMEOUT_S

    @property
    def _ended(self) -> bool:
        return self._transport is None or self._transport.is_closing()

    def _send(self, request: Hello | Name | Game | Guess) -> None:
        if self._transport is not None and not self._ended:
            self._sent_s = asyncio.get_running_loop().time()
            self._octets = 0
            self._transport.write(self._conversation.send(request))

    def _close(self, reason: str) -> None:
        if self._transport is not None and not self._ended:
            self._reason = reason
            self._transport.close()
