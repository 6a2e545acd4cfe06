"""A correct server that encrypts, and servers that do so wrongly, on purpose."""

from __future__ import annotations

import contextlib
import os
import socket
import ssl
import threading
import time
from typing import TYPE_CHECKING

from services.protocol.state import State
from tests.support.conformance.mutants.mutant import Mutant

if TYPE_CHECKING:
    from tests.support.conformance.reference_server import Connection

HANDSHAKE = b"\x16"


class EncryptedServer(Mutant):
    """Speaks TLS on both ports, asks administrators for a certificate, and is correct."""

    demands_certificate = True

    def __init__(self) -> None:
        super().__init__()
        self.contexts = {state: self.context(state) for state in (State.CONNECTED, State.ADMIN_CONNECTED)}

    def context(self, state: State) -> ssl.SSLContext:
        """Return how a port encrypts."""
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(os.environ["CERT"], os.environ["KEY"])
        if state is State.ADMIN_CONNECTED and self.demands_certificate:
            context.verify_mode = ssl.CERT_REQUIRED
            context.load_verify_locations(os.environ["CA"])
        return context

    def begin(self, connection: Connection) -> None:
        """Encrypt beside all others."""
        threading.Thread(target=self.encrypt, args=(connection,), daemon=True).start()

    def encrypt(self, connection: Connection) -> None:
        """Shake hands with who begins to; the others are told."""
        with contextlib.suppress(OSError):
            connection.sock.settimeout(self.handshake_s)
            if connection.sock.recv(1, socket.MSG_PEEK) != HANDSHAKE:
                self.take_plain(connection)
                return
            connection.sock = self.contexts[connection.state].wrap_socket(connection.sock, server_side=True)
            self.serve(connection)

    def take_plain(self, connection: Connection) -> None:
        """Refuse plain text, in plain text."""
        connection.sock.sendall(b"Refused: this port speaks TLS only\r\n")
        self.close(connection)


class AnyAdministrator(EncryptedServer):
    """Lets everybody administer, with a certificate or without."""

    breaks = "admin-certificate"
    demands_certificate = False


class ForgetsPlainText(EncryptedServer):
    """Neither answers plain text nor closes."""

    breaks = "plain-text admin-plain-text"

    def take_plain(self, connection: Connection) -> None:
        time.sleep(10)


class RefusesInSilence(EncryptedServer):
    """Closes without a word to who speaks plain text."""

    breaks = "admin-plain-text"

    def take_plain(self, connection: Connection) -> None:
        self.close(connection)


class OneHandshakeAtATime(EncryptedServer):
    """Shakes hands where it accepts: one that stalls stops the others."""

    breaks = "plain-text admin-plain-text stalled-handshake"

    def begin(self, connection: Connection) -> None:
        connection.sock.settimeout(5)
        with contextlib.suppress(OSError):
            connection.sock = self.contexts[connection.state].wrap_socket(connection.sock, server_side=True)
            super(EncryptedServer, self).begin(connection)
