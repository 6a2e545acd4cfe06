"""A bot on the network: one connection after the other, by itself neither a task nor a stream.

What it says is services.player.bot's; when it plays at all is the crew's.
"""

from __future__ import annotations

import asyncio
from enum import StrEnum
from typing import TYPE_CHECKING, Final, cast

from services.player.bot import Plan, Rest, next_message
from services.player.client import QUIET_S, REPLY_TIMEOUT_S
from services.player.conversation import Conversation, printable
from services.protocol.errors import LineTooLongError
from services.protocol.messages import Refused, TooLate, Verdict
from services.protocol.state import State
from services.runtime.backoff import Backoff
from services.runtime.connecting import cause
from services.strategies.choice import strategy_of_game

if TYPE_CHECKING:
    from services.player.crew import Crew
    from services.protocol.messages import Reply


def address(transport: asyncio.BaseTransport, which: str) -> str:
    """Spell an end of a connection: IP, one blank, port."""
    host, port = transport.get_extra_info(which)[:2]
    return f"{host} {port}"


class Ending(StrEnum):
    """How a game ended."""

    WON = "won"
    REFUSED = "refused"
    LOST = "lost"
    """The server broke it off."""
    GIVEN_UP = "given up"
    """Nothing is left to try."""
    LEFT = "left"
    """The bot was told to stop."""


_BROKEN_OFF: Final = "the server closed the connection"


class PlayingBot(asyncio.Protocol):
    """One of the bots of a crew."""

    __slots__ = (
        "_crew",
        "_heard_s",
        "_sent_s",
        "_thought",
        "_transport",
        "backoff",
        "conversation",
        "ending",
        "games",
        "number",
        "peer",
        "plan",
        "reason",
        "session",
    )

    def __init__(self, crew: Crew, number: int) -> None:
        self.number = number
        self.games = 0
        """How many it has played to the end."""
        self.session = 0
        """How many connections it has had."""
        self.peer = ""
        """The server's address, as docs/logs.md spells it."""
        self.backoff = Backoff()
        self.conversation: Conversation
        self.plan: Plan
        self.ending = Ending.LOST
        self.reason = _BROKEN_OFF
        self._crew = crew
        self._transport: asyncio.Transport | None = None
        self._thought: asyncio.TimerHandle | None = None
        self._sent_s = self._heard_s = 0.0

    # --- what the network brings

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Begin a game."""
        crew = self._crew
        self._transport = cast("asyncio.Transport", transport)
        self.session += 1
        self.ending, self.reason = Ending.LOST, _BROKEN_OFF
        self.conversation = Conversation(crew.orders.dialect, crew.rules, range_told=crew.range_told)
        # Bots that play mixed begin with different strategies.
        strategy = strategy_of_game(crew.orders.strategy, self.number - 1 + self.games)
        self.plan = Plan(strategy, crew.orders.dialect, crew.draw_seed())
        self.peer = address(transport, "peername")
        crew.opened(self, address(transport, "sockname"))
        self._speak()

    def data_received(self, data: bytes) -> None:
        """Take in what the server says; go on if it is the bot's turn."""
        self._heard_s = self._crew.now_s()
        try:
            replies = self.conversation.receive(data)
        except LineTooLongError as error:
            self._end(Ending.LOST, f"the server sent a {error.reason}")
            return
        for reply in replies:
            self._hear(reply)
        self._go_on()

    def connection_lost(self, exc: Exception | None) -> None:
        """Leave it to the crew what the bot does next."""
        self._transport = None
        self._stop_thinking()
        if self.ending is Ending.LOST and isinstance(exc, OSError):
            self.reason = f"the connection broke: {cause(exc)}"
        self._crew.closed(self)

    # --- what the crew tells it

    def check(self, now_s: float) -> None:
        """Look at the clock: a server that has been silent for long has nothing more to say."""
        if self._transport is None or not self.conversation.owed:
            return
        if self.conversation.puzzled and now_s - self._heard_s >= QUIET_S:
            self.conversation.hush()
            self._go_on()
        elif now_s - self._sent_s >= REPLY_TIMEOUT_S:
            self.reason = f"no reply within {REPLY_TIMEOUT_S:g} s"
            self.abort()

    def leave(self) -> None:
        """End the game at once, but politely."""
        self._end(Ending.LEFT, "")

    def abort(self) -> None:
        """End the connection without waiting for anything."""
        if self._transport is not None:
            self._transport.abort()

    # --- what it does

    def _hear(self, reply: Reply) -> None:
        if self._ended:
            return
        guesses = self.conversation.guesses
        self.conversation.hear(reply)
        match reply:
            case TooLate():
                self._crew.round_lost(self, guesses)
            case Verdict.CORRECT:
                self._end(Ending.WON, "")
            case Refused(reason):
                self._end(Ending.REFUSED, printable(reason))
            case Verdict():
                # The server is back for good only once it plays: it may be up and refuse everybody.
                self.backoff.reset()
            case _:
                pass

    @property
    def _ended(self) -> bool:
        return self._transport is None or self._transport.is_closing()

    def _go_on(self) -> None:
        if self._ended or self.conversation.owed or self._thought is not None:
            return
        # Before the game there is nothing to think about, and the server's patience is short (clause P-10).
        think_s = self._crew.draw_think_s() if self.conversation.view.state is State.PLAYING else 0
        if think_s > 0:
            self._thought = asyncio.get_running_loop().call_later(think_s, self._speak)
        else:
            self._speak()

    def _speak(self) -> None:
        self._stop_thinking()
        message = next_message(self.conversation.view, self.plan)
        if isinstance(message, Rest):
            if message is Rest.GIVE_UP:
                self._end(Ending.GIVEN_UP, "nothing is left to try")
            return
        if self._transport is not None:
            self._sent_s = self._crew.now_s()
            self._transport.write(self.conversation.say(message))

    def _stop_thinking(self) -> None:
        if self._thought is not None:
            self._thought.cancel()
            self._thought = None

    def _end(self, ending: Ending, reason: str) -> None:
        if self._transport is not None and not self._ended:
            self.ending, self.reason = ending, reason
            self._transport.close()
