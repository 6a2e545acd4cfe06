"""Find the players in whatever a server of the family says to `Who`, pure.

Our own server says `IP port` (clause A-2). Others print tuples, JSON, sentences, one player
a line or all of them on one. What they have in common is an address, and a port not far from it.
"""

from __future__ import annotations

import re
from ipaddress import IPv6Address, ip_address
from typing import Final

from services.protocol.messages import HIGHEST_PORT, Address

_IPV4: Final = r"(?<![\w.])(?:::ffff:)?[0-9]{1,3}(?:\.[0-9]{1,3}){3}(?![0-9.]*[0-9])"
_IPV6: Final = r"(?<![\w:.])(?=[0-9a-f]*:[0-9a-f:]*:)[0-9a-f:]*[0-9a-f:](?:\.[0-9]{1,3}){0,3}(?!\w)"
_CANDIDATE: Final = re.compile(f"{_IPV4}|{_IPV6}", re.IGNORECASE)

# What may stand between an address and its port: the word "port" among other words, or punctuation alone.
_NAMED_PORT: Final = re.compile(r"[^0-9]{0,24}?\bport\b[^0-9]{0,12}([0-9]{1,5})(?!\.?[0-9])", re.IGNORECASE)
_BARE_PORT: Final = re.compile(r"[^0-9A-Za-z\r\n]{1,12}([0-9]{1,5})(?!\.?[0-9])")
_NEXT_LINE: Final = re.compile(r"[ \t]*\r?\n[ \t]*([0-9]{1,5})[ \t]*(?=[\r\n]|$)")
# A printed Python socket names the server's own end too.
_OWN_END: Final = re.compile(r"laddr=\([^)]*\)")
# `{"port": 5, "ip": "1.2.3.4"}`: the port named before the address, with no other number between them.
_PORT_BEFORE: Final = re.compile(r"\bport\b[^0-9]{1,12}([0-9]{1,5})[^0-9]{0,24}$", re.IGNORECASE)


def find_players(text: str) -> list[Address]:
    """Return each player once, in the order in which they are named."""
    text = _OWN_END.sub("", text)
    matches = list(_CANDIDATE.finditer(text))
    ports_first = bool(matches) and _PORT_BEFORE.search(text, 0, matches[0].start()) is not None
    found: dict[Address, None] = {}
    for index, match in enumerate(matches):
        before = matches[index - 1].end() if index else 0
        after = matches[index + 1].start() if index + 1 < len(matches) else len(text)
        host, rest = _host(match[0])
        if rest:
            port = rest
        elif ports_first:
            port = _port(_PORT_BEFORE.search(text, before, match.start()))
        else:
            port = _port(
                _NAMED_PORT.match(text, match.end(), after)
                or _BARE_PORT.match(text, match.end(), after)
                or _NEXT_LINE.match(text, match.end(), after),
            )
        if host and port and 0 < int(port) <= HIGHEST_PORT:
            found[Address(host, int(port))] = None
    return list(found)


def _port(match: re.Match[str] | None) -> str:
    return match[1] if match else ""


def _host(text: str) -> tuple[str, str]:
    """Split what looks like an address into the address and a port that clings to it."""
    host = _plain(text)
    if host:
        return host, ""
    # `::1:52100` is no address: a port has too many digits for one of its groups.
    front, _, last = text.rpartition(":")
    return (_plain(front), last) if last.isdecimal() else ("", "")


def _plain(text: str) -> str:
    """Spell an address as clause A-6 does; empty if it is none."""
    try:
        address = ip_address(text)
    except ValueError:
        return ""
    mapped = address.ipv4_mapped if isinstance(address, IPv6Address) else None
    return str(mapped or address)
