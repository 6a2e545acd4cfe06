"""The certificates in use on both ports, and their replacement while the server runs."""

from __future__ import annotations

from typing import TYPE_CHECKING

from services.runtime.tls import certificate_end, server_admin_context, server_player_context

if TYPE_CHECKING:
    from datetime import datetime

    from services.runtime.tls_settings import ServerTls


class Certificates:
    """The TLS context of each port; None where the port does not speak TLS."""

    def __init__(self, tls: ServerTls) -> None:
        self.tls = tls
        self.load()

    def load(self) -> None:
        """Use the certificates that are on disk now for new connections.

        Raises:
            TlsError: they cannot be used; those in use stay.
        """
        players, admins = server_player_context(self.tls), server_admin_context(self.tls)
        self.end: datetime | None = certificate_end(self.tls.own) if self.tls.own else None
        """When the server's certificate ends; None where there is none."""
        self.players, self.admins = players, admins
