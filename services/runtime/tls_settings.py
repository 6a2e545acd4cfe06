"""Which ports and which connections are encrypted, and with whose files; the files themselves stay closed.

Pure: services.runtime.tls opens what is named here.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from services.runtime.environ import EnvironReader


class PlayerTls(StrEnum):
    """What the player port asks of those who come."""

    OFF = "off"
    OPTIONAL = "optional"
    """TLS for clients that begin with it, plain text for everybody else, told apart by the first byte."""
    REQUIRED = "required"


class AdminTls(StrEnum):
    """What the administrator port asks of those who come."""

    OFF = "off"
    """Anybody who reaches the port is the administrator: for exercises only."""
    REQUIRED = "required"
    """TLS and a certificate that carries the administrator's role."""


@dataclass(frozen=True, slots=True)
class CertificateFiles:
    """A certificate and its private key, both PEM."""

    cert: Path
    key: Path


@dataclass(frozen=True, slots=True)
class ServerTls:
    """The server's encryption. Whatever a port needs is there: `read_server_tls` sees to it."""

    player: PlayerTls = PlayerTls.OFF
    admin: AdminTls = AdminTls.OFF
    own: CertificateFiles | None = None
    """The server's certificate, for both ports."""
    client_ca: Path | None = None
    """Whose signature an administrator's certificate must bear."""


@dataclass(frozen=True, slots=True)
class ClientTls:
    """A client's encryption: it trusts nobody but `ca`."""

    ca: Path
    own: CertificateFiles | None = None
    """What the administrator proves himself with; a player needs none."""


def read_server_tls(reader: EnvironReader) -> ServerTls:
    """Read GAME_TLS_CERT, GAME_TLS_KEY, GAME_TLS_CLIENT_CA, GAME_PLAYER_TLS and GAME_ADMIN_TLS.

    With certificates, players may encrypt and administrators must; without, neither can.
    """
    cert, key = _path(reader, "GAME_TLS_CERT"), _path(reader, "GAME_TLS_KEY")
    client_ca = _path(reader, "GAME_TLS_CLIENT_CA")
    given = cert is not None or key is not None
    player = reader.choice(
        "GAME_PLAYER_TLS",
        default=PlayerTls.OPTIONAL if given else PlayerTls.OFF,
        choices={mode.value: mode for mode in PlayerTls},
    )
    admin = reader.choice(
        "GAME_ADMIN_TLS",
        default=AdminTls.REQUIRED if given else AdminTls.OFF,
        choices={mode.value: mode for mode in AdminTls},
    )
    if not given:
        remedy = "set GAME_TLS_CERT and GAME_TLS_KEY"
        if player is not PlayerTls.OFF:
            reader.fault("GAME_PLAYER_TLS", "needs a certificate", remedy)
        if admin is not AdminTls.OFF:
            reader.fault("GAME_ADMIN_TLS", "needs a certificate", remedy)
        elif client_ca is not None:
            reader.fault("GAME_TLS_CLIENT_CA", "is of no use alone", remedy)
    elif admin is AdminTls.REQUIRED and client_ca is None:
        reader.fault(
            "GAME_TLS_CLIENT_CA",
            "is missing",
            "name the PEM file of the CA that signs administrators, or set GAME_ADMIN_TLS=off",
        )
    return ServerTls(player, admin, _pair(reader, cert, key), client_ca)


def read_client_tls(reader: EnvironReader) -> ClientTls | None:
    """Read GAME_TLS_CA, GAME_TLS_CERT and GAME_TLS_KEY; without a CA the connection is plain (None)."""
    ca = _path(reader, "GAME_TLS_CA")
    own = _pair(reader, _path(reader, "GAME_TLS_CERT"), _path(reader, "GAME_TLS_KEY"))
    if ca is None and own is not None:
        # A certificate without a CA would mean: encrypted, but to whom?
        reader.fault("GAME_TLS_CA", "is missing beside GAME_TLS_CERT", "name the PEM file of the server's CA")
    return None if ca is None else ClientTls(ca, own)


def _pair(reader: EnvironReader, cert: Path | None, key: Path | None) -> CertificateFiles | None:
    if cert is not None and key is not None:
        return CertificateFiles(cert, key)
    if cert is not None:
        reader.fault(
            "GAME_TLS_KEY", "is missing beside GAME_TLS_CERT", "name the PEM file of its private key"
        )
    if key is not None:
        reader.fault(
            "GAME_TLS_CERT", "is missing beside GAME_TLS_KEY", "name the PEM file of its certificate"
        )
    return None


def _path(reader: EnvironReader, name: str) -> Path | None:
    text = reader.text(name, default="")
    return Path(text) if text else None
