"""The player's command line: what may be typed, and whether a person or bots play."""

from __future__ import annotations

import argparse
import asyncio
import sys
from typing import TYPE_CHECKING, Final

from services.player import interactive
from services.player.settings import FLAGS, Settings
from services.runtime.command import run_command
from services.runtime.connecting import Target
from services.runtime.environ import given_flags
from services.runtime.start import loading
from services.runtime.terminal import Terminal
from services.runtime.tls import ReloadingContext

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from services.strategies.choice import Strategy

OK: Final = 0

_NAME: Final = "guessing-player"


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog=_NAME,
        description="Play the guessing game by hand, or let bots play it.",
        epilog="exit status: 0 won, left or stopped, 1 failed, 2 bad usage or settings, 130 interrupted",
    )
    parser.add_argument("--host", help="where the server is (GAME_HOST, default localhost)")
    parser.add_argument("--port", help="its player port (GAME_PORT, default 4000)")
    parser.add_argument("--ca", metavar="FILE", help="encrypt, and trust this CA alone (GAME_TLS_CA)")
    parser.add_argument("--cert", metavar="FILE", help="an own certificate (GAME_TLS_CERT)")
    parser.add_argument("--key", metavar="FILE", help="its private key (GAME_TLS_KEY)")
    parser.add_argument(
        "--dialect",
        help="how the server wants to be spoken to: classic (Game, then My Guess is: N), short (Guess: N), "
        "bare (Game, then N), bare-short (N), or auto, which finds it out (GAME_DIALECT, default classic)",
    )
    parser.add_argument(
        "--name",
        help="what to be called; several bots are NAME-1, NAME-2, and `strategy` calls each by its own, as "
        "smart-2 (GAME_NAME; a person at a terminal is asked, others have none)",
    )
    person = parser.add_argument_group("by hand")
    person.add_argument("--hint", action="store_true", help="propose the best next guess")
    person.add_argument(
        "--plain",
        action="store_true",
        help="line by line, without colours and pictures, as for a screen reader",
    )
    bots = parser.add_argument_group("bots")
    bots.add_argument("--bot", metavar="STRATEGY", help="random, sweep, smart or mixed (GAME_BOT)")
    bots.add_argument("--players", metavar="N", help="how many of them (GAME_PLAYERS, default 1)")
    bots.add_argument(
        "--games", metavar="N", help="how many games each plays, 0: without end (GAME_GAMES, default 1)"
    )
    bots.add_argument("--think", metavar="MIN-MAX", help="seconds before each guess (GAME_THINK, default 0)")
    return parser


def run(arguments: Sequence[str], environ: Mapping[str, str]) -> int:
    """Do what the command line says and return the exit status."""
    return run_command(_NAME, lambda: _run(arguments, environ))


def _run(arguments: Sequence[str], environ: Mapping[str, str]) -> int:
    options = _parser().parse_args(arguments)
    flags = given_flags({flag: getattr(options, flag) for flag in FLAGS if flag != "name"})
    if options.name is not None:
        flags["name"] = options.name  # an empty one is a choice: not to be asked
    settings = Settings.read(environ, flags)
    tls = None if settings.tls is None else ReloadingContext(settings.tls)
    target = Target(settings.host, settings.port, tls)
    if settings.bot is not None:
        return _play_bots(target, settings.bot, settings, Terminal.find(environ))
    _play_by_hand(target, settings, environ, hints=options.hint, plain=options.plain)
    return OK


def _play_by_hand(
    target: Target, settings: Settings, environ: Mapping[str, str], *, hints: bool, plain: bool
) -> None:
    terminal = Terminal.find(environ)
    drawn = terminal.is_terminal and not plain
    wishes = interactive.Wishes(
        settings.dialect,
        settings.name,
        settings.shared_rounds,
        hints=hints,
        drawn=drawn,
        coloured=terminal.is_coloured,
    )
    if not (drawn and terminal.is_drawable and sys.stdin.isatty()):
        interactive.play(target, wishes)
        return
    # Piped input starts faster without it.
    with loading():
        from services.player.editor import Editor  # noqa: PLC0415

    interactive.play(target, wishes, Editor(environ["TERM"]))


def _play_bots(target: Target, strategy: Strategy, settings: Settings, terminal: Terminal) -> int:
    # A person's game starts faster without these.
    with loading():
        from services.player import automatic, bot_pool  # noqa: PLC0415

    config = bot_pool.BotConfig(
        target=target,
        strategy=strategy,
        dialect=settings.dialect,
        players=settings.players,
        games=settings.games,
        think=settings.think,
        name=settings.name or "",
    )
    return asyncio.run(automatic.play(config, settings, terminal))
