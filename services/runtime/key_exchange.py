"""The groups of key exchange that the server takes part in: X25519, which clients try first, and P-256.

OpenSSL would also take part in finite fields of up to 8192 bits. A client can ask for the dearest: a tenth of
a second for each handshake, so that ten strangers a second would stop the game.

Python's `ssl` names one group, or several from 3.15 on. OpenSSL's own configuration always could; but it is
read once, when the library is loaded. Hence `configure`, which comes before the import of `ssl`.
"""

from __future__ import annotations

import os
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    import ssl
    from collections.abc import MutableMapping

CONFIGURATION: Final = str(Path(__file__).with_name("openssl.cnf"))

_LOADERS: Final = {"_ssl", "_hashlib"}
"""Modules of Python that load OpenSSL."""


def configure(environ: MutableMapping[str, str]) -> None:
    """Have OpenSSL read our configuration, unless it is loaded already or was given another."""
    if not _LOADERS & sys.modules.keys():
        environ.setdefault("OPENSSL_CONF", CONFIGURATION)


def restrict(context: ssl.SSLContext) -> None:
    """Let a server's context take part in no other group."""
    if os.environ.get("OPENSSL_CONF") != CONFIGURATION:  # noqa: TID251  where OpenSSL looks
        # Every TLS 1.3 client knows this one; most try X25519 first, which costs them one more round trip.
        context.set_ecdh_curve("prime256v1")
