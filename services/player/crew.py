"""All the bots of a process: who connects when, who comes back, and what the log and the tally say of it."""

from __future__ import annotations

import asyncio
import random
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

import structlog

from services.player.playing import Ending, PlayingBot
from services.player.tally import Tally
from services.protocol.rules import Rules
from services.runtime.connecting import CLOSE_TIMEOUT_S, UnreachableError, UntrustedError, connect

if TYPE_CHECKING:
    from services.player.bot import Dialect
    from services.runtime.connecting import Target
    from services.runtime.environ import SecondsRange
    from services.strategies.choice import Strategy

CONNECTING_AT_ONCE: Final = 32
"""So many bots may be connecting at a time: thousands must not rush at a server that has just come back."""

CLOCK_S: Final = 0.5
"""How often all bots look at the clock; it saves each of them a timer."""

_SEEDS: Final = 2**53


@dataclass(frozen=True, slots=True)
class Orders:
    """What a crew is to do."""

    target: Target
    strategy: Strategy
    dialect: Dialect
    players: int
    games: int
    """For each player; 0: for ever."""
    think: SecondsRange
    """How long a bot thinks before a guess."""


class Crew:
    """The bots, from the first connection to the last."""

    def __init__(self, orders: Orders) -> None:
        self.orders = orders
        self.rules = Rules()
        """As far as the server has told them."""
        self.range_told = False
        loop = asyncio.get_running_loop()
        self.distrust: UntrustedError | None = None
        """Why the crew gave up, if it did."""
        self.now_s = loop.time
        self.tally = Tally(self.now_s())
        self._loop = loop
        self._chance = random.random  # a guess is no secret
        self._log = structlog.get_logger()
        self._bots = [PlayingBot(self, number) for number in range(1, orders.players + 1)]
        self._ready: asyncio.Queue[PlayingBot] = asyncio.Queue()
        self._unfinished = orders.players
        self._stop = asyncio.Event()
        self._gone = asyncio.Event()

    # --- the whole

    async def play(self) -> None:
        """Play until every bot has played its games, or until `stop`."""
        for bot in self._bots:
            self._ready.put_nowait(bot)
        async with asyncio.TaskGroup() as tasks:
            connecting = min(CONNECTING_AT_ONCE, self.orders.players)
            workers = [
                tasks.create_task(self._watch_clock()),
                *(tasks.create_task(self._connect_bots()) for _ in range(connecting)),
            ]
            await self._stop.wait()
            for worker in workers:
                worker.cancel()
        await self._dismiss()

    def stop(self) -> None:
        """Make `play` end soon: all games are left."""
        self._stop.set()

    async def _connect_bots(self) -> None:
        while True:
            await self._connect(await self._ready.get())

    async def _connect(self, bot: PlayingBot) -> None:
        try:
            await connect(self.orders.target, lambda: bot)
        except UntrustedError as error:
            if self.distrust is None:
                self._log.error("server_distrusted", reason=str(error))
            self.distrust = error
            self.stop()
        except UnreachableError as error:
            self.tally.unreachable += 1
            self.tally.trouble = str(error)
            retry_in_s = self._retry_later(bot)
            self._log.warning(
                "connection_failed", bot=bot.number, reason=self.tally.trouble, retry_in_s=retry_in_s
            )

    async def _watch_clock(self) -> None:
        while True:
            await asyncio.sleep(CLOCK_S)
            now_s = self.now_s()
            for bot in self._bots:
                bot.check(now_s)

    async def _dismiss(self) -> None:
        for bot in self._bots:
            bot.leave()
        if self.tally.playing:
            try:
                async with asyncio.timeout(CLOSE_TIMEOUT_S):
                    await self._gone.wait()
            except TimeoutError:
                for bot in self._bots:
                    bot.abort()

    # --- what a bot asks for

    def draw_seed(self) -> int:
        """Return the chance of one game."""
        return int(self._chance() * _SEEDS)

    def draw_think_s(self) -> float:
        """Return how long to think about one guess."""
        think = self.orders.think
        return think.low_s + (think.high_s - think.low_s) * self._chance()

    # --- what a bot reports

    def opened(self, bot: PlayingBot, local: str) -> None:
        """Take notice that a bot is connected."""
        self.tally.playing += 1
        self._note("info", "connection_opened", bot, local=local, strategy=bot.plan.strategy.value)

    def round_lost(self, bot: PlayingBot, guesses: int) -> None:
        """Take notice that somebody else has won the round that a bot was in (clause R-3)."""
        self._note("info", "round_lost", bot, guesses=guesses)

    def closed(self, bot: PlayingBot) -> None:
        """Decide what a bot does after a game."""
        self.tally.playing -= 1
        if self._stop.is_set():
            if not self.tally.playing:
                self._gone.set()
            return
        view = bot.conversation.view
        if view.range_told:
            self.rules, self.range_told = view.rules, True
        guesses = bot.conversation.guesses
        facts: dict[str, Any] = {"strategy": bot.plan.strategy.value, "guesses": guesses}
        if bot.ending in {Ending.WON, Ending.GIVEN_UP}:
            bot.games += 1
        if self.orders.games and bot.games >= self.orders.games:
            self._unfinished -= 1
            if not self._unfinished:
                self._stop.set()
        elif bot.ending is Ending.WON:
            self._ready.put_nowait(bot)
        else:
            facts["retry_in_s"] = self._retry_later(bot)
        if bot.ending is Ending.WON:
            self.tally.win(bot.plan.strategy, guesses)
            self._note("info", "game_won", bot, **facts)
        elif bot.ending is Ending.REFUSED:
            self.tally.refused += 1
            self.tally.trouble = f"the server refused: {bot.reason}"
            self._note("warning", "game_refused", bot, reason=bot.reason, **facts)
        else:
            self.tally.lost += 1
            self.tally.trouble = bot.reason
            self._note("warning", "game_lost", bot, reason=bot.reason, **facts)

    def _retry_later(self, bot: PlayingBot) -> float:
        wait_s = bot.backoff.next_s(self._chance())
        self.tally.waiting += 1
        self._loop.call_later(wait_s, self._retry, bot)
        return round(wait_s, 3)

    def _retry(self, bot: PlayingBot) -> None:
        self.tally.waiting -= 1
        self._ready.put_nowait(bot)

    def _note(self, level: str, event: str, bot: PlayingBot, **facts: Any) -> None:
        getattr(self._log, level)(event, session=f"{bot.number}.{bot.session}", peer=bot.peer, **facts)
