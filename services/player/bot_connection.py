"""A bot on the network: one connection after another, and neither a task nor a stream for any of them.

Which message comes next is decided in services.player.bot; when a bot plays at all, by the bot pool.
"""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Final, cast

from services.player.bot import Rest, next_message
from services.player.bot_interface import Ending, GameReport
from services.player.client import QUIET_S, REPLY_TIMEOUT_S
from services.player.conversation import Conversation
from services.protocol.errors import LineTooLongError
from services.protocol.messages import Refused, TooLate, Verdict
from services.protocol.printable import printable
from services.protocol.state import State
from services.runtime.connecting import cause
from services.runtime.lost_peer import notice_lost_peer

if TYPE_CHECKING:
    from services.player.bot_interface import Assignment, LogContext, PoolInterface
    from services.protocol.messages import Reply

_BROKEN_OFF: Final = "the server closed the connection"


def address(transport: asyncio.BaseTransport, which: str) -> str:
    """Spell an end of a connection: IP, one blank, port."""
    host, port = transport.get_extra_info(which)[:2]
    return f"{host} {port}"


class BotConnection(asyncio.Protocol):
    """One of the bots of a pool."""

    __slots__ = (
        "_assignment",
        "_connections",
        "_context",
        "_conversation",
        "_ending",
        "_judged",
        "_pool",
        "_reason",
        "_received_s",
        "_sent_s",
        "_thought",
        "_transport",
        "number",
    )

    def __init__(self, pool: PoolInterface, number: int) -> None:
        self.number = number
        """Which bot of the pool this is, from 1."""
        self._pool = pool
        self._connections = 0
        self._context: LogContext
        self._assignment: Assignment
        self._conversation: Conversation
        self._transport: asyncio.Transport | None = None
        self._thought: asyncio.TimerHandle | None = None
        self._sent_s = self._received_s = 0.0

    # --- called by the event loop

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Begin a game."""
        self._transport = cast("asyncio.Transport", transport)
        notice_lost_peer(transport)
        self._connections += 1
        self._context = {
            "session": f"{self.number}.{self._connections}",
            "peer": address(transport, "peername"),
            "local": address(transport, "sockname"),
        }
        self._assignment = assignment = self._pool.begin_game(self.number, self._context)
        self._conversation = Conversation(
            assignment.plan.dialect, assignment.rules, range_told=assignment.range_told
        )
        self._ending, self._reason = Ending.LOST, _BROKEN_OFF
        self._judged = False
        self._send_next()

    def data_received(self, data: bytes) -> None:
        """Handle what the server sends; go on if it is the bot's turn."""
        self._received_s = self._pool.now_s()
        try:
            replies = self._conversation.receive(data)
        except LineTooLongError as error:
            self._end(Ending.LOST, f"the server sent a {error.reason}")
            return
        for reply in replies:
            self._handle(reply)
        self._go_on()

    def connection_lost(self, exc: Exception | None) -> None:
        """Report the game; the pool decides what the bot does next."""
        self._transport = None
        self._stop_thinking()
        if self._ending is Ending.LOST and isinstance(exc, OSError):
            self._reason = f"the connection broke: {cause(exc)}"
        view = self._conversation.view
        self._pool.end_game(
            GameReport(
                bot=self.number,
                assignment=self._assignment,
                context=self._context,
                ending=self._ending,
                reason=self._reason,
                guesses=self._conversation.guesses,
                judged=self._judged,
                rules=view.rules,
                range_told=view.range_told,
            )
        )

    # --- called by the pool

    def check(self, now_s: float) -> None:
        """Act on the time: a server that has been silent for long has nothing more to say."""
        if self._transport is None or not self._conversation.awaiting_reply:
            return
        if self._conversation.reply_unclear and now_s - self._received_s >= QUIET_S:
            self._conversation.assume_reply()
            self._go_on()
        elif now_s - self._sent_s >= REPLY_TIMEOUT_S:
            self._reason = f"no reply within {REPLY_TIMEOUT_S:g} s"
            self.abort()

    def leave(self) -> None:
        """End the game now, in the orderly way."""
        self._end(Ending.LEFT, "")

    def abort(self) -> None:
        """End the connection without waiting for anything."""
        if self._transport is not None:
            self._transport.abort()

    # ---

    def _handle(self, reply: Reply) -> None:
        if self._ended:
            return
        guesses = self._conversation.guesses
        self._conversation.handle(reply)
        match reply:
            case TooLate():
                self._pool.lose_round(self._context, guesses)
            case Verdict.CORRECT:
                self._judged = True
                self._end(Ending.WON, "")
            case Refused(reason):
                self._end(Ending.REFUSED, printable(reason))
            case Verdict():
                self._judged = True
            case _:
                pass

    @property
    def _ended(self) -> bool:
        return self._transport is None or self._transport.is_closing()

    def _go_on(self) -> None:
        if self._ended or self._conversation.awaiting_reply or self._thought is not None:
            return
        # Before the game there is nothing to think about, and the server does not wait long (clause P-10).
        think_s = self._pool.draw_think_s() if self._conversation.view.state is State.PLAYING else 0
        if think_s > 0:
            self._thought = asyncio.get_running_loop().call_later(think_s, self._send_next)
        else:
            self._send_next()

    def _send_next(self) -> None:
        self._stop_thinking()
        message = next_message(self._conversation.view, self._assignment.plan)
        if isinstance(message, Rest):
            if message is Rest.GIVE_UP:
                self._end(Ending.GIVEN_UP, "nothing is left to try")
            return
        if self._transport is not None:
            self._sent_s = self._pool.now_s()
            self._transport.write(self._conversation.send(message))

    def _stop_thinking(self) -> None:
        if self._thought is not None:
            self._thought.cancel()
            self._thought = None

    def _end(self, ending: Ending, reason: str) -> None:
        if self._transport is not None and not self._ended:
            self._ending, self._reason = ending, reason
            self._transport.close()
