"""What the tap is told, read and checked at the start."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from services.protocol.messages import HIGHEST_PORT
from services.runtime.environ import EnvironReader
from services.runtime.tls_settings import read_client_tls

if TYPE_CHECKING:
    from collections.abc import Mapping

    from services.runtime.tls_settings import ClientTls


@dataclass(frozen=True, slots=True)
class Settings:
    """The tap's settings; docs/tap.md describes each variable."""

    listen_host: str
    """Where clients connect to."""
    listen_port: int
    """For players. 0: any free one."""
    listen_admin_port: int
    host: str
    """Where the server is."""
    port: int
    admin_port: int
    tls: ClientTls | None
    """How the server is spoken to; None: in the clear."""

    @classmethod
    def from_environ(cls, environ: Mapping[str, str]) -> Settings:
        """Read them all; an administrator port that is not set is the one after the player port.

        Raises:
            SettingsError: At least one is unusable; all the faults are in it.
        """
        reader = EnvironReader(environ)
        listen_port = reader.port("TAP_PORT", default=4000)
        port = reader.port("GAME_PORT", default=4000, low=1)
        settings = cls(
            listen_host=reader.host("TAP_HOST", default="127.0.0.1"),
            listen_port=listen_port,
            listen_admin_port=_read_admin_port(reader, "TAP_ADMIN_PORT", listen_port),
            host=reader.host("GAME_HOST", default="localhost"),
            port=port,
            admin_port=_read_admin_port(reader, "GAME_ADMIN_PORT", port, low=1),
            tls=read_client_tls(reader),
        )
        reader.finish()
        return settings


def _read_admin_port(reader: EnvironReader, name: str, player_port: int, *, low: int = 0) -> int:
    """Read a port that is the next one if it is not set; 0 stands for any free one, and so does its next."""
    port = reader.port(name, default=player_port + 1 if player_port else 0, low=low)
    if port > HIGHEST_PORT:
        reader.fault(name, f"is missing, and there is no port after {player_port}", "give one")
    return port
