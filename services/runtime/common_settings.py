"""Settings that several programs have: the rules of the game, and the form of the log."""

from __future__ import annotations

from typing import TYPE_CHECKING, TypeVar

from services.protocol.rules import Rules
from services.runtime.logging import LEVELS, LogFormat

if TYPE_CHECKING:
    from services.runtime.environ import EnvironReader

T = TypeVar("T")

HIGHEST_NUMBER = 999_999_999
"""Nine digits are what every program of the family can read."""


def read_rules(reader: EnvironReader) -> Rules:
    """Read GAME_LOW, GAME_HIGH and GAME_CLOSE_DISTANCE."""
    low = reader.integer("GAME_LOW", default=1, low=0, high=HIGHEST_NUMBER - 1)
    high = reader.integer("GAME_HIGH", default=30, low=1, high=HIGHEST_NUMBER)
    if low >= high:
        reader.fault("GAME_HIGH", f"not above GAME_LOW ({low})", "give a higher number")
    return Rules(low, high, reader.integer("GAME_CLOSE_DISTANCE", default=2, low=0, high=HIGHEST_NUMBER))


def read_shared_rounds(reader: EnvironReader) -> bool:
    """Read GAME_ROUND: whether there is one number for all players."""
    return reader.choice("GAME_ROUND", default=False, choices={"own": False, "shared": True})


def read_log_format(reader: EnvironReader, default: T) -> LogFormat | T:
    """Read GAME_LOG_FORMAT."""
    formats: dict[str, LogFormat | T] = {one.value: one for one in LogFormat}
    return reader.choice("GAME_LOG_FORMAT", default=default, choices=formats)


def read_log_level(reader: EnvironReader) -> str:
    """Read GAME_LOG_LEVEL."""
    return reader.choice("GAME_LOG_LEVEL", default="info", choices={word: word for word in LEVELS})
