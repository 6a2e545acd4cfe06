"""What the player can be told, read and checked at the start."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from services.player.bot import Dialect, bot_name
from services.protocol import refusals
from services.protocol.messages import NAME_PATTERN
from services.runtime.common_settings import read_log_format, read_log_level, read_shared_rounds
from services.runtime.environ import EnvironReader, SecondsRange, SettingsError
from services.runtime.tls_settings import read_client_tls
from services.strategies.choice import Strategy

if TYPE_CHECKING:
    from collections.abc import Mapping

    from services.runtime.logging import LogFormat
    from services.runtime.tls_settings import ClientTls

MOST_PLAYERS: Final = 20_000
"""One process has one core and, to one server, some 28,000 ports."""

AUTO: Final = "auto"
"""Instead of a dialect: it is found out."""

FLAGS: Final = {
    "host": "GAME_HOST",
    "port": "GAME_PORT",
    "bot": "GAME_BOT",
    "players": "GAME_PLAYERS",
    "games": "GAME_GAMES",
    "think": "GAME_THINK",
    "dialect": "GAME_DIALECT",
    "name": "GAME_NAME",
    "ca": "GAME_TLS_CA",
    "cert": "GAME_TLS_CERT",
    "key": "GAME_TLS_KEY",
}
"""Each flag is another way to set a variable, and beats it."""


@dataclass(frozen=True, slots=True)
class Settings:
    """The player's settings; docs/operations.md describes each variable."""

    host: str
    port: int
    bot: Strategy | None
    """None: a person plays."""
    players: int
    games: int
    think: SecondsRange
    dialect: Dialect | None
    """None: found out."""
    shared_rounds: bool
    """Whether all players look for one number, as far as it is known before the first game."""
    name: str | None
    """Of a person, or of bots (`bot_name`); None: not set."""
    tls: ClientTls | None
    """None: in the clear."""
    log_format: LogFormat | None
    """None: not set; lines for programs where no terminal is."""
    log_level: str

    @classmethod
    def read(cls, environ: Mapping[str, str], flags: Mapping[str, str]) -> Settings:
        """Read them all, from the flags that were given (by their names in FLAGS) and the environment.

        Raises:
            SettingsError: At least one is unusable; all the faults are in it.
        """
        given = {FLAGS[flag]: value for flag, value in flags.items()}
        reader = EnvironReader({**environ, **given})
        strategies: dict[str, Strategy | None] = {one.value: one for one in Strategy}
        dialects: dict[str, Dialect | None] = {**{one.value: one for one in Dialect}, AUTO: None}
        bot = reader.choice("GAME_BOT", default=None, choices=strategies)
        players = reader.integer("GAME_PLAYERS", default=1, low=1, high=MOST_PLAYERS)
        if bot is None and players > 1:
            reader.fault("GAME_PLAYERS", "a person is one player", "give 1, or a strategy in GAME_BOT")
        settings = cls(
            host=reader.host("GAME_HOST", default="localhost"),
            port=reader.port("GAME_PORT", default=4000, low=1),
            bot=bot,
            players=players,
            games=reader.integer("GAME_GAMES", default=1, low=0),
            think=reader.seconds_range("GAME_THINK", default=SecondsRange(0, 0)),
            dialect=reader.choice("GAME_DIALECT", default=Dialect.CLASSIC, choices=dialects),
            shared_rounds=read_shared_rounds(reader),
            name=_read_name(reader, flags, players),
            tls=read_client_tls(reader),
            log_format=read_log_format(reader, None),
            log_level=read_log_level(reader),
        )
        try:
            reader.finish()
        except SettingsError as error:
            raise SettingsError([_by_flag(fault, flags) for fault in error.faults]) from None
        return settings


def _read_name(reader: EnvironReader, flags: Mapping[str, str], players: int) -> str | None:
    """Read GAME_NAME; an empty one counts as set where it was typed."""
    name = reader.text("GAME_NAME", default="")
    longest = bot_name(name, Strategy.RANDOM, players, players) or ""
    if name and not re.fullmatch(NAME_PATTERN, longest):
        reader.fault("GAME_NAME", refusals.BAD_NAME, "with a number behind it where there are several bots")
    return name if name or "name" in flags else None


def _by_flag(fault: str, flags: Mapping[str, str]) -> str:
    """Name the flag in a fault where the flag, and not the variable, was given."""
    variable, colon, rest = fault.partition(":")
    for flag in flags:
        if FLAGS[flag] == variable:
            return f"--{flag}{colon}{rest}"
    return fault
