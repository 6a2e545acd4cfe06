"""The administrator's settings."""

from __future__ import annotations

import pytest

from services.admin.settings import DashboardSettings, PlaySettings, Settings
from services.protocol.rules import Rules
from services.runtime.environ import SettingsError
from services.runtime.logging import LogFormat


def test_defaults() -> None:
    """An empty environment is enough: a server on this machine, no page."""
    settings = Settings.from_environ({}, LogFormat.JSON)

    assert (settings.host, settings.port) == ("localhost", 4001)
    assert settings.rules == Rules(1, 30, 2)
    assert settings.dashboard is None
    assert settings.log_format is LogFormat.JSON


def test_every_setting_is_read() -> None:
    """Each variable reaches its setting."""
    settings = Settings.from_environ(
        {
            "GAME_HOST": "server",
            "GAME_PORT": "5001",
            "GAME_LOW": "0",
            "GAME_HIGH": "99",
            "GAME_CLOSE_DISTANCE": "5",
            "GAME_DASHBOARD_HOST": "0.0.0.0",
            "GAME_DASHBOARD_PORT": "8080",
            "GAME_DASHBOARD_NAMES": "Game.example, game",
            "GAME_PLAY_PORT": "5000",
            "GAME_PLAY_GAMES": "5",
            "GAME_PLAY_TIMEOUT": "60",
            "GAME_LOG_FORMAT": "console",
            "GAME_LOG_LEVEL": "debug",
        },
        LogFormat.JSON,
    )

    assert (settings.host, settings.port) == ("server", 5001)
    assert settings.rules == Rules(0, 99, 5)
    assert settings.dashboard == DashboardSettings(
        "0.0.0.0", 8080, frozenset({"0.0.0.0", "game.example", "game"})
    )
    assert settings.play == PlaySettings(port=5000, most_games=5, timeout_s=60)
    assert (settings.log_format, settings.log_level) == (LogFormat.CONSOLE, "debug")


def test_all_faults_are_told_at_once() -> None:
    """Several mistakes are reported together, each with the variable and the remedy."""
    with pytest.raises(SettingsError) as caught:
        Settings.from_environ(
            {"GAME_PORT": "0", "GAME_LOW": "9", "GAME_HIGH": "3", "GAME_DASHBOARD_PORT": "http"},
            LogFormat.JSON,
        )

    assert [fault.split(":")[0] for fault in caught.value.faults] == [
        "GAME_HIGH",
        "GAME_DASHBOARD_PORT",
        "GAME_PORT",
    ]
