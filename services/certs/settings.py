"""What the certificates are for and where they go; whether they must be made is not decided here."""

from __future__ import annotations

import re
from dataclasses import dataclass
from ipaddress import IPv4Address, IPv6Address, ip_address
from pathlib import Path
from typing import TYPE_CHECKING, Final

from services.runtime.common_settings import read_log_format

if TYPE_CHECKING:
    from services.runtime.environ import EnvironReader
    from services.runtime.logging import LogFormat

IpAddress = IPv4Address | IPv6Address

DEFAULT_OUT: Final = "certs"

_OWN_DNS: Final = frozenset({"server", "localhost"})
_OWN_IP: Final = frozenset({ip_address("127.0.0.1"), ip_address("::1")})

_LABEL: Final = r"[a-z0-9_](?:[a-z0-9_-]{0,61}[a-z0-9_])?"
_DNS_NAME: Final = re.compile(rf"(?:\*\.)?{_LABEL}(?:\.{_LABEL})*")
_DNS_NAME_LENGTH: Final = 253


@dataclass(frozen=True, slots=True)
class ServerNames:
    """Under which names and addresses clients may reach the server."""

    dns: frozenset[str] = _OWN_DNS
    ip: frozenset[IpAddress] = _OWN_IP

    def __str__(self) -> str:
        """List them all, in an order that stays."""
        return ", ".join([*sorted(self.dns), *sorted(map(str, self.ip))])


@dataclass(frozen=True, slots=True)
class CertsSettings:
    """What `python -m services.certs` is to do."""

    out: Path
    """The folder of the set; its three parts may be mount points of their own."""
    names: ServerNames
    log_format: LogFormat


def read_settings(reader: EnvironReader, default_format: LogFormat) -> CertsSettings:
    """Read GAME_CERTS_OUT, GAME_LOG_FORMAT and GAME_TLS_NAMES (with commas or blanks between them)."""
    dns, addresses = set(_OWN_DNS), set(_OWN_IP)
    for word in reader.text("GAME_TLS_NAMES", default="").replace(",", " ").lower().split():
        try:
            address = ip_address(word.removeprefix("[").removesuffix("]"))
        except ValueError:
            pass
        else:
            if isinstance(address, IPv6Address) and address.scope_id:
                plain = str(address).partition("%")[0]
                reader.fault("GAME_TLS_NAMES", "no certificate names an interface", f"write {plain}")
            addresses.add(address)
            continue
        # A last label of digits would be a mistyped address.
        well_formed = _DNS_NAME.fullmatch(word) and not word.rpartition(".")[2].isdecimal()
        if well_formed and len(word) <= _DNS_NAME_LENGTH:
            dns.add(word)
        else:
            reader.fault(
                "GAME_TLS_NAMES", "holds what is neither a host name nor an address", f"mend {word[:60]!r}"
            )
    names = ServerNames(frozenset(dns), frozenset(addresses))
    return CertsSettings(
        Path(reader.text("GAME_CERTS_OUT", default=DEFAULT_OUT)),
        names,
        read_log_format(reader, default_format),
    )
