"""What all sessions share, and who is let in."""

from __future__ import annotations

import itertools
import secrets
from collections import Counter
from typing import TYPE_CHECKING, Final

from services.server.game.player import Table
from services.server.lobby import Lobby
from services.server.observe import Observer
from services.server.reactor import Reactor
from services.server.session import AdminSession, PlayerSession

if TYPE_CHECKING:
    import socket
    import ssl

    from services.protocol.messages import Address
    from services.runtime.logging import LogSink
    from services.server.settings import Settings

OVERFLOW_CONNECTIONS: Final = 128
"""Connections over the limit that are refused in the way they ask for, TLS or plain; more are just closed."""

ADMIN_CONNECTIONS: Final = 64
"""Connections on the administrator port. A newcomer displaces the oldest that does not watch, so that
no crowd of strangers keeps the administrator out."""


class Hub:
    """Makes sessions of connections, and holds what they work with."""

    def __init__(self, settings: Settings, sink: LogSink, observer: Observer) -> None:
        self.limits = settings.limits
        self.sink = sink
        self.observer = observer
        self.lobby = Lobby()
        self.reactor = Reactor(
            sink,
            self.lobby,
            idle_timeout_s=settings.limits.idle_timeout_s,
            write_timeout_s=settings.limits.write_timeout_s,
        )
        rules = settings.rules
        span = rules.high - rules.low + 1
        self.table = Table(
            rules,
            draw_secret=lambda: rules.low + secrets.randbelow(span),
            max_invalid_guesses=settings.limits.max_invalid_guesses,
        )
        # Unique over restarts too, so that logs that are read together can be told apart.
        self._sessions = (f"{secrets.token_hex(3)}-{number}" for number in itertools.count(1))
