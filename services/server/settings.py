"""The server's settings, read from the environment and checked together."""

import ipaddress
import sys
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Self
from urllib.parse import quote, urlsplit

from services.protocol.rules import Rules
from services.runtime.common_settings import read_log_format, read_log_level, read_rules, read_shared_rounds
from services.runtime.environ import EnvironReader, parse_host
from services.runtime.logging import LogFormat
from services.runtime.tls_settings import ServerTls, read_server_tls

Network = ipaddress.IPv4Network | ipaddress.IPv6Network


@dataclass(frozen=True, slots=True, kw_only=True)
class Limits:
    """What a peer may cost. docs/operations.md gives the reason for each figure."""

    max_players: int = 10_000
    """GAME_MAX_PLAYERS: connections on the player port, playing or not."""
    max_connections: int = 0
    """GAME_MAX_CONNECTIONS: on both ports together; 0 for as many as there are descriptors for."""
    max_per_address: int | None = None
    """GAME_MAX_PER_ADDRESS: of them, how many from one IPv4 address or one /64 of IPv6; 0 for no limit.
    Unset, it is `quota.PER_ADDRESS`, and addresses that stand for many peers are excepted."""
    max_invalid_guesses: int = 20
    """GAME_MAX_INVALID_GUESSES: lines in a row that are no valid guess."""
    max_line_rate: int = 5_000
    """GAME_MAX_LINE_RATE: lines a second of one connection, after so many at once; 0 for no limit."""
    handshake_timeout_s: float = 10.0
    """GAME_HANDSHAKE_TIMEOUT: from the connection to the game, or to the watch."""
    tls_timeout_s: float = 5.0
    """GAME_TLS_TIMEOUT: of that, for the TLS handshake."""
    idle_timeout_s: float = 300.0
    """GAME_IDLE_TIMEOUT: from one line of a player to the next."""
    write_timeout_s: float = 10.0
    """GAME_WRITE_TIMEOUT: how long a peer may leave its replies unread."""
    lenient_framing_s: float = 0.0
    """GAME_LENIENT_FRAMING: after so much silence an unterminated line counts as ended (F-8).

    0, which cannot be set: never."""
    drain_timeout_s: float = 10.0
    """GAME_DRAIN_TIMEOUT: how long games may go on when the server stops."""

    @property
    def burst_lines(self) -> int:
        """How many lines may come at once on a connection that has been quiet for a second."""
        return self.max_line_rate or sys.maxsize


@dataclass(frozen=True, slots=True, kw_only=True)
class Settings:
    """What the environment says."""

    host: str
    """Address to listen on; empty for all, IPv4 and IPv6."""
    player_port: int
    """0 for any free port."""
    admin_port: int
    """0 for any free port."""
    rules: Rules
    state_url: str
    """GAME_STATE_URL: where the lobby is shared with other servers; empty for one in memory. The password is
    that of the file GAME_STATE_PASSWORD_FILE, where there is one: it shows up in no environment then."""
    proxies: tuple[Network, ...]
    """GAME_PROXY_FROM: networks of balancers, which may tell whose connections they pass on."""
    metrics_port: int
    """GAME_METRICS_PORT: figures for Prometheus; 0 for none."""
    shared_rounds: bool
    """GAME_ROUND: one number for all players (shared), or one for each (own)."""
    limits: Limits
    tls: ServerTls
    log_format: LogFormat
    log_level: str

    @classmethod
    def from_environ(cls, environ: Mapping[str, str], default_format: LogFormat) -> Self:
        """Read and check all settings.

        Raises:
            SettingsError: one or more are unusable; it names them all.
        """
        reader = EnvironReader(environ)
        rules = read_rules(reader)
        settings = cls(
            host=reader.host("GAME_HOST", default=""),
            player_port=reader.port("GAME_PLAYER_PORT", default=4000),
            admin_port=reader.port("GAME_ADMIN_PORT", default=4001),
            rules=rules,
            state_url=_read_state_url(reader),
            proxies=_read_networks(reader),
            metrics_port=reader.port("GAME_METRICS_PORT", default=0),
            shared_rounds=read_shared_rounds(reader),
            limits=_read_limits(reader),
            tls=read_server_tls(reader),
            log_format=read_log_format(reader, default_format),
            log_level=read_log_level(reader),
        )
        if settings.player_port == settings.admin_port != 0:
            reader.fault("GAME_ADMIN_PORT", "the same as GAME_PLAYER_PORT", "give another port")
        reader.finish()
        return settings


def _read_state_url(reader: EnvironReader) -> str:
    url = reader.text("GAME_STATE_URL", default="")
    if url and not _is_state_url(url):
        reader.fault("GAME_STATE_URL", "no address of a Valkey", "give valkey://[USER:PASSWORD@]HOST[:PORT]")
    file = reader.text("GAME_STATE_PASSWORD_FILE", default="")
    if not url or not file:
        return url
    try:
        password = quote(Path(file).read_text().strip(), safe="")
    except (OSError, UnicodeDecodeError) as error:
        reader.fault("GAME_STATE_PASSWORD_FILE", f"cannot be read ({error})", "name the file of the password")
        return url
    parts = urlsplit(url)
    user, _, host = parts.netloc.rpartition("@")
    return parts._replace(netloc=f"{user.partition(':')[0]}:{password}@{host}").geturl()


def _is_state_url(url: str) -> bool:
    try:
        parts = urlsplit(url)
        if parts.scheme in {"valkey", "valkeys"}:
            parse_host(parts.hostname or "localhost")
            return parts.port != 0
    except ValueError:
        return False
    return parts.scheme == "unix"


def _read_networks(reader: EnvironReader) -> tuple[Network, ...]:
    try:
        words = reader.text("GAME_PROXY_FROM", default="").split(",")
        return tuple(ipaddress.ip_network(word.strip()) for word in words if word.strip())
    except ValueError:
        reader.fault("GAME_PROXY_FROM", "not a list of networks", "give them as 10.1.0.0/16,fd00::/8")
        return ()


def _read_limits(reader: EnvironReader) -> Limits:
    usual = Limits()
    max_per_address = reader.integer("GAME_MAX_PER_ADDRESS", default=-1, low=0)
    return Limits(
        max_players=reader.integer("GAME_MAX_PLAYERS", default=usual.max_players, low=1),
        max_connections=reader.integer("GAME_MAX_CONNECTIONS", default=usual.max_connections, low=0),
        max_per_address=None if max_per_address < 0 else max_per_address,
        max_invalid_guesses=reader.integer(
            "GAME_MAX_INVALID_GUESSES", default=usual.max_invalid_guesses, low=1
        ),
        max_line_rate=reader.integer("GAME_MAX_LINE_RATE", default=usual.max_line_rate, low=0),
        handshake_timeout_s=reader.seconds("GAME_HANDSHAKE_TIMEOUT", default=usual.handshake_timeout_s),
        tls_timeout_s=reader.seconds("GAME_TLS_TIMEOUT", default=usual.tls_timeout_s),
        idle_timeout_s=reader.seconds("GAME_IDLE_TIMEOUT", default=usual.idle_timeout_s),
        write_timeout_s=reader.seconds("GAME_WRITE_TIMEOUT", default=usual.write_timeout_s),
        lenient_framing_s=reader.seconds("GAME_LENIENT_FRAMING", default=usual.lenient_framing_s),
        drain_timeout_s=reader.seconds("GAME_DRAIN_TIMEOUT", default=usual.drain_timeout_s),
    )
