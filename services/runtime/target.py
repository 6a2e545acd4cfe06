"""Where a client finds its server, and in one line why it did not. Connecting is the client's."""

from __future__ import annotations

import os
import ssl
from dataclasses import dataclass
from typing import TYPE_CHECKING

from services.runtime.tls import explain_tls

if TYPE_CHECKING:
    from services.runtime.tls import ReloadingContext


class UnreachableError(Exception):
    """A server cannot be reached, or does not answer as one; the text is one clear line."""


class UntrustedError(UnreachableError):
    """The server cannot prove that it is the one: trying again does not help."""


@dataclass(frozen=True, slots=True)
class Target:
    """A port of a server."""

    host: str
    port: int
    tls: ReloadingContext | None = None
    """None: in the clear."""
    proxy_header: bool = False
    """Whether the server is to be told whose connection it is, as by a balancer (clause X-1)."""

    def __str__(self) -> str:
        host = f"[{self.host}]" if ":" in self.host else self.host
        return f"{host}:{self.port}"


def cause(error: OSError) -> str:
    """Say in a few words what went wrong with a connection."""
    if isinstance(error, ssl.SSLError):
        return explain_tls(error)
    if error.errno is None:
        # Several addresses were tried in vain, and the text repeats every one of them.
        return "none of its addresses answers"
    # asyncio repeats the address in its text; a failed name look-up (errno below zero) has no other text.
    return error.strerror or str(error) if error.errno < 0 else os.strerror(error.errno)
