"""All the bots of a process: who connects when, who comes back, and what log and statistics say of it."""

from __future__ import annotations

import asyncio
import random
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any, Final

import structlog

from services.player.bot import Plan, advice, bot_name
from services.player.bot_connection import BotConnection
from services.player.bot_interface import Assignment, Ending
from services.player.dialect_search import DialectSearch, NoDialectError
from services.player.stats import Stats
from services.protocol.rules import Rules
from services.runtime.backoff import Backoff
from services.runtime.connecting import CLOSE_TIMEOUT_S, UnreachableError, UntrustedError, connect
from services.strategies.choice import strategy_of_game

if TYPE_CHECKING:
    from collections.abc import Mapping

    from services.player.bot import Dialect
    from services.player.bot_interface import GameReport, LogContext
    from services.runtime.connecting import Target
    from services.runtime.environ import SecondsRange
    from services.strategies.choice import Strategy

CONNECTING_AT_ONCE: Final = 32
"""How many bots may be connecting at a time: thousands must not rush at a server that has just come back."""

CLOCK_S: Final = 0.5
"""How often the deadlines of all bots are checked; it saves a timer for each."""

UNJUDGED_GAMES: Final = 3
"""So many games in a row that the server broke off without a verdict, and it will judge none."""

_SEEDS: Final = 2**53


@dataclass(frozen=True, slots=True)
class BotConfig:
    """What the bots of a pool are to do."""

    target: Target
    strategy: Strategy
    dialect: Dialect | None
    """None: found out."""
    players: int
    games: int
    """For each player; 0: without end."""
    think: SecondsRange
    """How long a bot thinks before a guess."""
    name: str = ""
    """What the bots are called, see `bot_name`; empty: nothing."""


@dataclass(slots=True)
class _Bot:
    """What the pool knows of one bot."""

    connection: BotConnection
    games: int = 0
    """How many it has played to the end."""
    unjudged: int = 0
    """How many it has lost in a row without a verdict."""
    backoff: Backoff = field(default_factory=Backoff)


class BotPool:
    """The bots, from the first connection to the last."""

    def __init__(self, config: BotConfig) -> None:
        self.config = config
        self.rules = Rules()
        """As far as the server has told them."""
        self.failure: UnreachableError | None = None
        """Why the pool gave up, if it did."""
        self._loop = asyncio.get_running_loop()
        self.stats = Stats(self.now_s())
        self._search = DialectSearch(config.dialect)
        self._range_told = False
        self._names_known = True
        self._random = random.random  # a guess is no secret
        self._log = structlog.get_logger()
        self._bots = [_Bot(BotConnection(self, number)) for number in range(1, config.players + 1)]
        self._ready: asyncio.Queue[_Bot] = asyncio.Queue()
        self._unfinished = config.players
        self._stop = asyncio.Event()
        self._closed = asyncio.Event()

    async def play(self) -> None:
        """Play until every bot has played its games, or until `stop`."""
        # As long as the dialect is not known, one bot is enough to spoil its games.
        for bot in self._bots if self._search.settled else self._bots[:1]:
            self._ready.put_nowait(bot)
        async with asyncio.TaskGroup() as tasks:
            connecting = min(CONNECTING_AT_ONCE, self.config.players)
            workers = [
                tasks.create_task(self._check_deadlines()),
                *(tasks.create_task(self._connect_bots()) for _ in range(connecting)),
            ]
            await self._stop.wait()
            for worker in workers:
                worker.cancel()
        await self._close()

    def stop(self) -> None:
        """Make `play` end soon: all games are left."""
        self._stop.set()

    async def _connect_bots(self) -> None:
        while True:
            await self._connect(await self._ready.get())

    async def _connect(self, bot: _Bot) -> None:
        try:
            await connect(self.config.target, bot.connection.between)
        except UntrustedError as error:
            self._fail(error)
        except UnreachableError as error:
            self._note_unreachable(error, bot.connection.number, self._retry_later(bot))

    def _fail(self, error: UnreachableError) -> None:
        if self.failure is None:
            event = "server_distrusted" if isinstance(error, UntrustedError) else "dialect_unknown"
            self._log.error(event, reason=str(error))
        self.failure = error
        self.stop()

    def _note_unreachable(self, error: UnreachableError, bot: int, retry_in_s: float) -> None:
        self.stats.unreachable += 1
        self.stats.last_error = str(error)
        self._log.warning("connection_failed", bot=bot, reason=self.stats.last_error, retry_in_s=retry_in_s)

    async def _check_deadlines(self) -> None:
        while True:
            await asyncio.sleep(CLOCK_S)
            now_s = self.now_s()
            for bot in self._bots:
                bot.connection.check(now_s)

    async def _close(self) -> None:
        for bot in self._bots:
            bot.connection.leave()
        if self.stats.playing:
            try:
                async with asyncio.timeout(CLOSE_TIMEOUT_S):
                    await self._closed.wait()
            except TimeoutError:
                for bot in self._bots:
                    bot.connection.abort()

    # --- called by a bot: services.player.bot_interface.PoolInterface

    def now_s(self) -> float:
        """Return the event loop's time."""
        return self._loop.time()

    def draw_think_s(self) -> float:
        """Return how long to think about one guess."""
        think = self.config.think
        return think.low_s + (think.high_s - think.low_s) * self._random()

    def begin_game(self, bot: int, context: LogContext) -> Assignment:
        """Count a connection, and say what is to be played on it."""
        self.stats.playing += 1
        # Bots that play mixed begin with different strategies.
        strategy = strategy_of_game(self.config.strategy, bot - 1 + self._bots[bot - 1].games)
        self._note("info", "connection_opened", context, strategy=strategy.value)
        name = bot_name(self.config.name, strategy, bot, self.config.players) if self._names_known else None
        plan = Plan(strategy, self._search.dialect, int(self._random() * _SEEDS), name)
        return Assignment(plan, self._search.settled, self.rules, self._range_told)

    def settle_dialect(self) -> None:
        """Log the dialect, and let the other bots play as well."""
        self._search.settled = True
        self._log.info("dialect_found", dialect=self._search.dialect.value)
        for bot in self._bots[1:]:
            self._ready.put_nowait(bot)

    def lose_round(self, context: LogContext, guesses: int) -> None:
        """Log that another player has won the round."""
        self._note("info", "round_lost", context, guesses=guesses)

    def end_game(self, report: GameReport) -> None:
        """Count a game, log it and decide when the bot connects again."""
        self.stats.playing -= 1
        if self._stop.is_set():
            if not self.stats.playing:
                self._closed.set()
            return
        bot = self._bots[report.bot - 1]
        if report.name_unanswered:
            if self._names_known:
                self._note("info", "names_unknown", report.context)
            self._names_known = False
            self._ready.put_nowait(bot)
            return
        if not self._search.settled and _leads_nowhere(report):
            self._try_next_dialect(bot, report)
            return
        if report.range_told:
            self.rules, self._range_told = report.rules, True
        if report.judged:
            # The server is back only once it plays: it may be up and refuse everybody.
            bot.backoff.reset()
        if self._is_hopeless(bot, report):
            report = replace(report, reason=f"{report.reason}; {advice(report.assignment.plan.dialect)}")
            bot.games += 1
        elif report.ending in {Ending.WON, Ending.GIVEN_UP}:
            bot.games += 1
        retry: dict[str, float] = {}
        if self.config.games and bot.games >= self.config.games:
            self._unfinished -= 1
            if not self._unfinished:
                self._stop.set()
        elif report.ending is Ending.WON:
            self._ready.put_nowait(bot)
        else:
            retry["retry_in_s"] = self._retry_later(bot)
        self._count(report, retry)

    def _try_next_dialect(self, bot: _Bot, report: GameReport) -> None:
        dialect = self._search.dialect.value
        self._note("info", "dialect_refuted", report.context, dialect=dialect, reason=report.reason)
        try:
            self._search.go_on(self.config.target)
        except NoDialectError as error:
            self._fail(error)
        else:
            self._ready.put_nowait(bot)

    def _is_hopeless(self, bot: _Bot, report: GameReport) -> bool:
        """Tell whether a game was lost because bot and server do not understand each other."""
        if report.judged or report.ending is Ending.WON:
            bot.unjudged = 0
        elif report.begun:
            bot.unjudged += 1
            return report.misunderstood or bot.unjudged >= UNJUDGED_GAMES
        return False

    def _count(self, report: GameReport, retry: Mapping[str, float]) -> None:
        strategy = report.assignment.plan.strategy
        played = {"strategy": strategy.value, "guesses": report.guesses}
        match report.ending:
            case Ending.WON:
                self.stats.win(strategy, report.guesses)
                self._note("info", "game_won", report.context, **played)
            case Ending.REFUSED:
                self.stats.refused += 1
                self.stats.last_error = f"the server refused: {report.reason}"
                self._note("warning", "game_refused", report.context, reason=report.reason, **played, **retry)
            case _:
                self.stats.lost += 1
                self.stats.last_error = report.reason
                self._note("warning", "game_lost", report.context, reason=report.reason, **played, **retry)

    # ---

    def _retry_later(self, bot: _Bot) -> float:
        wait_s = bot.backoff.next_s(self._random())
        self.stats.waiting += 1
        self._loop.call_later(wait_s, self._retry, bot)
        return round(wait_s, 3)

    def _retry(self, bot: _Bot) -> None:
        self.stats.waiting -= 1
        self._ready.put_nowait(bot)

    def _note(self, level: str, event: str, context: Mapping[str, str], **fields: Any) -> None:
        getattr(self._log, level)(event, **context, **fields)


def _leads_nowhere(report: GameReport) -> bool:
    """Tell whether a game was played to no end in a dialect that may be none of the server's."""
    return report.ending is Ending.GIVEN_UP or (report.begun and not report.judged)
