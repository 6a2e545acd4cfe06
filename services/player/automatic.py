"""Run bots until all games are played or a signal comes, with its progress on a terminal or in the log."""

from __future__ import annotations

import signal
import sys
from typing import TYPE_CHECKING, Final

import structlog

from services.player.bot_pool import BotPool
from services.player.settings import AUTO
from services.runtime.connecting import UntrustedError
from services.runtime.descriptors import allow_descriptors
from services.runtime.hang_up import on_end
from services.runtime.logging import configure, default_format
from services.runtime.output import STDOUT
from services.runtime.output_stream import OutputStream

if TYPE_CHECKING:
    from services.player.bot_pool import BotConfig
    from services.player.settings import Settings
    from services.runtime.terminal import Terminal

OTHER_FILES: Final = 64
"""Open files beside the bots' sockets."""

_STATUS: Final = {signal.SIGTERM: 0, signal.SIGHUP: 0, signal.SIGINT: 130}


async def play(config: BotConfig, settings: Settings, terminal: Terminal) -> int:
    """Play until all games are played (0) or a signal comes, and return the exit status that goes with it.

    Raises:
        UnreachableError: the server's certificate is not accepted, or it speaks no dialect of the family.
    """
    allow_descriptors(config.players + OTHER_FILES)
    pool = BotPool(config)
    ended_by: list[signal.Signals] = []

    def stop(number: signal.Signals) -> None:
        ended_by.append(number)
        pool.stop()

    on_end(stop)
    if settings.log_format is None and terminal.is_drawable:
        from services.player.show import show  # noqa: PLC0415  rich takes its time, and most bots need none

        # A terminal that takes nothing any more is gone.
        output = OutputStream(STDOUT, sys.stdout.encoding, lambda _: stop(signal.SIGHUP))
        try:
            await show(pool, output)
        finally:
            output.close()
    else:
        sink = configure(
            *("player", settings.log_format or default_format(), settings.log_level),
            coloured=terminal.is_coloured,
        )
        try:
            await _log(pool, ended_by)
        finally:
            sink.close()
    if pool.failure:
        raise pool.failure
    return _STATUS[ended_by[0]] if ended_by else 0


async def _log(pool: BotPool, ended_by: list[signal.Signals]) -> None:
    log = structlog.get_logger()
    config = pool.config
    log.info(
        "bots_started",
        target=str(config.target),
        strategy=config.strategy.value,
        dialect=config.dialect.value if config.dialect else AUTO,
        players=config.players,
        games=config.games,
    )
    await pool.play()
    stats = pool.stats
    log.info(
        "bots_stopped",
        reason=_reason(pool, ended_by),
        games=stats.total.games,
        guesses_mean=round(stats.total.mean, 2),
        lost=stats.lost,
        refused=stats.refused,
        seconds=round(pool.now_s() - stats.began_s, 3),
    )


def _reason(pool: BotPool, ended_by: list[signal.Signals]) -> str:
    if pool.failure:
        return "server not trusted" if isinstance(pool.failure, UntrustedError) else "no dialect fits"
    return ended_by[0].name if ended_by else "all games played"
