"""What the administrator can be told, read and checked at the start."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from services.admin.history import IN_MEMORY
from services.runtime.common_settings import read_log_format, read_log_level, read_rules
from services.runtime.environ import EnvironReader
from services.runtime.tls_settings import read_client_tls

if TYPE_CHECKING:
    from collections.abc import Mapping

    from services.protocol.rules import Rules
    from services.runtime.logging import LogFormat
    from services.runtime.tls_settings import ClientTls


@dataclass(frozen=True, slots=True)
class DashboardSettings:
    """Where the page is served."""

    host: str
    port: int
    """0: any free one."""
    names: frozenset[str]
    """The host names that it answers to, besides `localhost` and any address."""


@dataclass(frozen=True, slots=True)
class PlaySettings:
    """What is played on the page."""

    port: int
    """The server's player port."""
    most_games: int
    """At once."""
    timeout_s: float
    """For one game."""


@dataclass(frozen=True, slots=True)
class Settings:
    """The administrator's settings; docs/operations.md describes each variable."""

    host: str
    port: int
    tls: ClientTls | None
    """None: in the clear."""
    rules: Rules
    """What the server plays by: the protocol does not tell the watcher."""
    dashboard: DashboardSettings | None
    """None: no page."""
    play: PlaySettings
    history: str
    """The file that finished games are recorded in."""
    log_format: LogFormat
    log_level: str

    @classmethod
    def from_environ(cls, environ: Mapping[str, str], default_format: LogFormat) -> Settings:
        """Read them all.

        Raises:
            SettingsError: At least one is unusable; all the faults are in it.
        """
        reader = EnvironReader(environ)
        rules = read_rules(reader)
        dashboard_port = reader.port("GAME_DASHBOARD_PORT", default=-1)
        dashboard_host = reader.host("GAME_DASHBOARD_HOST", default="127.0.0.1")
        dashboard_names = reader.text("GAME_DASHBOARD_NAMES", default="").lower().replace(",", " ").split()
        names = frozenset({*dashboard_names, dashboard_host.lower()})
        settings = cls(
            host=reader.host("GAME_HOST", default="localhost"),
            port=reader.port("GAME_PORT", default=4001, low=1),
            tls=read_client_tls(reader),
            rules=rules,
            dashboard=None
            if dashboard_port < 0
            else DashboardSettings(dashboard_host, dashboard_port, names),
            play=PlaySettings(
                port=reader.port("GAME_PLAY_PORT", default=4000, low=1),
                most_games=reader.integer("GAME_PLAY_GAMES", default=64, low=1, high=10_000),
                timeout_s=reader.seconds("GAME_PLAY_TIMEOUT", default=1800),
            ),
            history=reader.text("GAME_HISTORY", default=IN_MEMORY),
            log_format=read_log_format(reader, default_format),
            log_level=read_log_level(reader),
        )
        reader.finish()
        return settings
