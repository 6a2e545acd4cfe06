"""A TLS handshake in memory, both ends in one thread."""

from __future__ import annotations

import ssl
from dataclasses import dataclass


class End:
    """One end of an encrypted connection, and what became of its handshake."""

    def __init__(self, context: ssl.SSLContext, *, server_side: bool, name: str | None = None) -> None:
        self.incoming, self.outgoing = ssl.MemoryBIO(), ssl.MemoryBIO()
        self.tls = context.wrap_bio(
            self.incoming, self.outgoing, server_side=server_side, server_hostname=name
        )
        self.greeted = False
        self.error: ssl.SSLError | None = None

    def step(self) -> None:
        """Go on with the handshake as far as it goes."""
        if self.error or self.greeted:
            return
        try:
            self.tls.do_handshake()
            self.greeted = True
        except ssl.SSLWantReadError:
            pass
        except ssl.SSLError as error:
            self.error = error


@dataclass(frozen=True, slots=True)
class Handshake:
    """Both ends after they have said all they had to say."""

    server: End
    client: End

    @property
    def succeeded(self) -> bool:
        """Whether both ends are content."""
        return self.server.greeted and self.client.greeted


def shake_hands(server: ssl.SSLContext, client: ssl.SSLContext, name: str = "localhost") -> Handshake:
    """Let a client that looks for `name` meet a server."""
    ends = End(server, server_side=True), End(client, server_side=False, name=name)
    # Even a refused TLS 1.2 handshake is over after fewer flights.
    for _ in range(5):
        for end, other in (ends[::-1], ends):
            end.step()
            other.incoming.write(end.outgoing.read())
    return Handshake(*ends)
