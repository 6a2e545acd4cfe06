"""The player's settings."""

from __future__ import annotations

from pathlib import Path

import pytest

from services.player.bot import Dialect
from services.player.settings import FLAGS, Settings
from services.runtime.environ import SecondsRange, SettingsError
from services.runtime.logging import LogFormat
from services.runtime.tls_settings import CertificateFiles, ClientTls
from services.strategies.choice import Strategy


def test_defaults() -> None:
    """An empty environment is enough: a person plays a server on this machine."""
    settings = Settings.read({}, {})

    assert (settings.host, settings.port, settings.dialect) == ("localhost", 4000, Dialect.CLASSIC)
    assert (settings.bot, settings.name) == (None, None)
    assert (settings.players, settings.games, settings.think) == (1, 1, SecondsRange(0, 0))
    assert settings.tls is None
    assert (settings.log_format, settings.log_level) == (None, "info")


def test_every_setting_is_read() -> None:
    """Each variable reaches its setting."""
    settings = Settings.read(
        {
            "GAME_HOST": "server",
            "GAME_PORT": "5000",
            "GAME_BOT": "mixed",
            "GAME_PLAYERS": "50",
            "GAME_GAMES": "0",
            "GAME_THINK": "0.5-2",
            "GAME_DIALECT": "short",
            "GAME_ROUND": "shared",
            "GAME_NAME": "anna",
            "GAME_TLS_CA": "ca.pem",
            "GAME_TLS_CERT": "me.pem",
            "GAME_TLS_KEY": "me.key",
            "GAME_LOG_FORMAT": "console",
            "GAME_LOG_LEVEL": "debug",
        },
        {},
    )

    assert settings == Settings(
        host="server",
        port=5000,
        bot=Strategy.MIXED,
        players=50,
        games=0,
        think=SecondsRange(0.5, 2),
        dialect=Dialect.SHORT,
        shared_rounds=True,
        name="anna",
        tls=ClientTls(Path("ca.pem"), CertificateFiles(Path("me.pem"), Path("me.key"))),
        log_format=LogFormat.CONSOLE,
        log_level="debug",
    )


def test_a_flag_beats_the_environment() -> None:
    """What is typed counts more than what is set."""
    settings = Settings.read({"GAME_PORT": "5000", "GAME_BOT": "sweep"}, {"port": "6000"})

    assert (settings.port, settings.bot) == (6000, Strategy.SWEEP)


def test_all_faults_are_told_at_once() -> None:
    """Several mistakes are reported together, each by the flag or the variable that was given."""
    with pytest.raises(SettingsError) as caught:
        Settings.read(
            {"GAME_PORT": "x", "GAME_GAMES": "-1", "GAME_DIALECT": "latin", "GAME_LOG_LEVEL": "loud"},
            {"bot": "clever", "think": "3-1", "port": "70000", "players": "0"},
        )

    assert [fault.split(":")[0] for fault in caught.value.faults] == [
        "--bot",
        "--players",
        "--port",
        "GAME_GAMES",
        "--think",
        "GAME_DIALECT",
        "GAME_LOG_LEVEL",
    ]


def test_auto_is_no_dialect() -> None:
    """What is to be found out is not set."""
    assert Settings.read({"GAME_DIALECT": "auto"}, {}).dialect is None


def test_no_name_can_be_typed() -> None:
    """An empty flag is a choice; an empty variable is none."""
    assert Settings.read({}, {"name": ""}).name == ""
    assert Settings.read({"GAME_NAME": ""}, {}).name is None


@pytest.mark.parametrize(
    ("name", "players"), [("a b", 1), ("x" * 21, 1), ("x" * 18, 20), ("\x1b[2J", 1), ("Zoë", 1)]
)
def test_names_that_are_none(name: str, players: int) -> None:
    """A name has to be one on the wire, with the number of any bot (clause N-2)."""
    with pytest.raises(SettingsError, match=r"^--name: "):
        Settings.read({"GAME_BOT": "smart", "GAME_PLAYERS": str(players)}, {"name": name})


def test_a_person_is_one_player() -> None:
    """Several players are bots."""
    with pytest.raises(SettingsError, match="--players: a person is one player"):
        Settings.read({}, {"players": "2"})


def test_flags_have_variables_of_their_own() -> None:
    """No two flags set the same variable."""
    assert len(set(FLAGS.values())) == len(FLAGS)
