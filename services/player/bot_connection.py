"""A bot on the network: one connection after another, and neither a task nor a stream for any of them.

Which message comes next is decided in services.player.bot; when a bot plays at all, by the bot pool.
"""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Self

from services.player.bot import Rest, next_message
from services.player.bot_interface import Ending, GameReport
from services.player.conversation import Conversation
from services.player.game_connection import GameConnection
from services.protocol.messages import Refused, TooLate, Verdict
from services.protocol.printable import printable
from services.protocol.state import State

if TYPE_CHECKING:
    from services.player.bot_interface import Assignment, LogContext, PoolInterface
    from services.protocol.messages import Reply
    from services.runtime.connecting import Ends


class BotConnection(GameConnection):
    """One of the bots of a pool."""

    __slots__ = (
        "_assignment",
        "_connections",
        "_context",
        "_ending",
        "_pool",
        "_round",
        "_thought",
        "number",
    )

    def __init__(self, pool: PoolInterface, number: int) -> None:
        super().__init__()
        self.number = number
        """Which bot of the pool this is, from 1."""
        self._pool = pool
        self._connections = 0
        self._context: LogContext
        self._assignment: Assignment
        self._thought: asyncio.TimerHandle | None = None
        self._ending = Ending.LOST
        self._round = 0
        """How many guesses of the round were judged."""

    def between(self, ends: Ends) -> Self:
        """Be the bot's next connection."""
        self._connections += 1
        self._context = {
            "session": f"{self.number}.{self._connections}",
            "peer": str(ends.peer),
            "local": str(ends.local),
        }
        return self

    # --- called by the event loop

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Begin a game."""
        super().connection_made(transport)
        self._assignment = assignment = self._pool.begin_game(self.number, self._context)
        self._conversation = Conversation(
            assignment.plan.dialect, assignment.rules, range_told=assignment.range_told
        )
        self._settled = assignment.settled
        self._ending = Ending.LOST
        self._round = 0
        self._send_next()

    def connection_lost(self, exc: Exception | None) -> None:
        """Report the game; the pool decides what the bot does next."""
        super().connection_lost(exc)
        self._stop_thinking()
        conversation = self._conversation
        view = conversation.view
        self._pool.end_game(
            GameReport(
                bot=self.number,
                assignment=self._assignment,
                context=self._context,
                ending=self._ending,
                reason=self._reason,
                guesses=conversation.guesses,
                begun=conversation.begun,
                judged=conversation.judged,
                misunderstood=conversation.misunderstood,
                name_unanswered=conversation.name_unanswered,
                rules=view.rules,
                range_told=view.range_told,
            )
        )

    # --- called by the pool

    def leave(self) -> None:
        """End the game now, in the orderly way."""
        self._end(Ending.LEFT, "")

    # --- called by the connection

    def hear(self, reply: Reply) -> None:
        """Act on a reply that ends something, or shows how to go on."""
        if not self._settled and self._conversation.fits:
            self._settled = True
            self._pool.settle_dialect()
        match reply:
            case TooLate():
                self._pool.lose_round(self._context, self._round)
            case Verdict.CORRECT:
                self._end(Ending.WON, "")
            case Refused(reason):
                self._end(Ending.REFUSED, printable(reason))
            case _:
                pass
        self._round = self._conversation.guesses

    def take_turn(self) -> None:
        """Send the next message, after some thought, if it is the bot's turn."""
        if self._ended or self._conversation.awaiting_reply or self._thought is not None:
            return
        if not self._settled and self._conversation.misfits:
            self._end(Ending.GIVEN_UP, "no verdict that tells anything")
            return
        # Before the game there is nothing to think about, and the server does not wait long (clause P-10).
        think_s = self._pool.draw_think_s() if self._conversation.view.state is State.PLAYING else 0
        if think_s > 0:
            self._thought = asyncio.get_running_loop().call_later(think_s, self._send_next)
        else:
            self._send_next()

    def give_up(self, reason: str) -> None:
        """End the game: the server does what no server of the family does."""
        self._end(Ending.LOST, reason)

    # ---

    def _send_next(self) -> None:
        self._stop_thinking()
        message = next_message(self._conversation.view, self._assignment.plan)
        if isinstance(message, Rest):
            if message is Rest.GIVE_UP:
                self._end(Ending.GIVEN_UP, "nothing is left to try")
            return
        self._send(message)

    def _stop_thinking(self) -> None:
        if self._thought is not None:
            self._thought.cancel()
            self._thought = None

    def _end(self, ending: Ending, reason: str) -> None:
        if not self._ended:
            self._ending = ending
            self._close(reason)
