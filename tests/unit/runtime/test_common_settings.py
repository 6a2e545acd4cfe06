"""Settings that several programs have."""

from __future__ import annotations

import pytest

from services.protocol.rules import CLASSIC, Rules
from services.runtime.common_settings import read_log_format, read_log_level, read_rules
from services.runtime.environ import EnvironReader, SettingsError
from services.runtime.logging import LogFormat


def test_what_is_unset_is_usual() -> None:
    """Without settings the rules are the classic ones, and the format is the program's choice."""
    reader = EnvironReader({})

    assert read_rules(reader) == CLASSIC
    assert read_log_format(reader, None) is None
    assert read_log_level(reader) == "info"
    reader.finish()


def test_what_is_set_is_read() -> None:
    """Each setting is read as the documents say."""
    environ = {
        "GAME_LOW": "0",
        "GAME_HIGH": "999999999",
        "GAME_CLOSE_DISTANCE": "7",
        "GAME_LOG_FORMAT": "Console",
        "GAME_LOG_LEVEL": "debug",
    }
    reader = EnvironReader(environ)

    assert read_rules(reader) == Rules(0, 999_999_999, 7)
    assert read_log_format(reader, LogFormat.JSON) is LogFormat.CONSOLE
    assert read_log_level(reader) == "debug"
    reader.finish()


@pytest.mark.parametrize(
    ("name", "value", "problem"),
    [
        ("GAME_LOW", "1000000000", "out of range"),
        ("GAME_HIGH", "1", "not above GAME_LOW"),
        ("GAME_CLOSE_DISTANCE", "-1", "out of range"),
        ("GAME_LOG_FORMAT", "xml", "not one of the choices"),
        ("GAME_LOG_LEVEL", "loud", "not one of the choices"),
    ],
)
def test_what_cannot_be_is_named(name: str, value: str, problem: str) -> None:
    """A setting that cannot be used is one fault, which names it."""
    reader = EnvironReader({name: value})
    read_rules(reader)
    read_log_format(reader, LogFormat.JSON)
    read_log_level(reader)

    with pytest.raises(SettingsError, match=f"{name}: {problem}"):
        reader.finish()
