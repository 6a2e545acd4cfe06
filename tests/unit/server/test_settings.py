"""The server's settings: defaults, values, and every fault at once."""

from __future__ import annotations

import pytest

from services.protocol.rules import CLASSIC, Rules
from services.runtime.environ import SettingsError
from services.runtime.logging import LogFormat
from services.server.settings import Limits, Settings


def read(**environ: str) -> Settings:
    """Read settings by their names without GAME_."""
    return Settings.from_environ({f"GAME_{name}": text for name, text in environ.items()}, LogFormat.JSON)


def faults(**environ: str) -> list[str]:
    """Return which settings are at fault."""
    with pytest.raises(SettingsError) as caught:
        read(**environ)
    return [fault.partition(":")[0].removeprefix("GAME_") for fault in caught.value.faults]


def test_nothing_needs_to_be_set() -> None:
    """Without any setting the server listens everywhere, on the usual ports, by the usual rules."""
    settings = read()

    assert (settings.host, settings.player_port, settings.admin_port) == ("", 4000, 4001)
    assert settings.rules == CLASSIC
    assert settings.limits == Limits()
    assert (settings.limits.max_players, settings.limits.handshake_timeout_s) == (10_000, 10)
    assert (settings.limits.idle_timeout_s, settings.limits.max_invalid_guesses) == (300, 20)
    assert (settings.log_format, settings.log_level) == (LogFormat.JSON, "info")


def test_everything_can_be_set() -> None:
    """Each setting finds its place."""
    settings = read(
        HOST="::1",
        PLAYER_PORT="0",
        ADMIN_PORT="0",
        LOW="0",
        HIGH="99",
        CLOSE_DISTANCE="0",
        MAX_PLAYERS="7",
        HANDSHAKE_TIMEOUT="1.5",
        IDLE_TIMEOUT="2.5",
        LOG_FORMAT="console",
        LOG_LEVEL="debug",
        MAX_INVALID_GUESSES="3",
        DRAIN_TIMEOUT="0.5",
    )

    assert (settings.host, settings.player_port, settings.admin_port) == ("::1", 0, 0)
    assert settings.rules == Rules(0, 99, 0)
    assert (settings.limits.max_players, settings.limits.max_invalid_guesses) == (7, 3)
    assert (settings.limits.handshake_timeout_s, settings.limits.idle_timeout_s) == (1.5, 2.5)
    assert settings.limits.drain_timeout_s == 0.5
    assert (settings.log_format, settings.log_level) == (LogFormat.CONSOLE, "debug")


def test_all_faults_are_named_at_once() -> None:
    """Whoever gets several settings wrong learns of all of them (and each is named once)."""
    assert sorted(
        faults(PLAYER_PORT="x", HIGH="0", MAX_PLAYERS="0", IDLE_TIMEOUT="-1", LOG_LEVEL="loud")
    ) == [
        *("HIGH", "IDLE_TIMEOUT", "LOG_LEVEL", "MAX_PLAYERS", "PLAYER_PORT"),
    ]


@pytest.mark.parametrize(
    ("environ", "fault"),
    [
        ({"LOW": "30"}, "HIGH"),
        ({"LOW": "5", "HIGH": "5"}, "HIGH"),
        ({"PLAYER_PORT": "5000", "ADMIN_PORT": "5000"}, "ADMIN_PORT"),
        ({"LOW": "-5"}, "LOW"),
    ],
)
def test_settings_are_checked_together(environ: dict[str, str], fault: str) -> None:
    """A range without room, two ports that are one, and numbers that no player could spell are faults."""
    assert faults(**environ) == [fault]
