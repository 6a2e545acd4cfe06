"""What all sessions of a server share. It knows no session."""

from __future__ import annotations

import itertools
import secrets
from typing import TYPE_CHECKING

from services.lobby.memory import MemoryLobby
from services.server.certificates import Certificates
from services.server.game.admin import AdminState
from services.server.game.player import GameConfig, PlayerState
from services.server.reactor import Reactor
from services.server.responses import ResponseCompiler

if TYPE_CHECKING:
    from services.lobby.interface import Lobby
    from services.runtime.logging import LogSink
    from services.server.observe import Observer
    from services.server.responses import ResponseTable
    from services.server.settings import Settings


class ServerContext:
    """Limits, log, certificates, lobby, reactor and responses."""

    def __init__(self, settings: Settings, sink: LogSink, observer: Observer) -> None:
        self.limits = settings.limits
        self.sink = sink
        self.observer = observer
        self.reactor = Reactor(sink, write_timeout_s=settings.limits.write_timeout_s)
        self.certificates = Certificates(settings.tls)
        self.responses = ResponseCompiler(observer, settings.limits.idle_timeout_s)
        self.shared_rounds = settings.shared_rounds
        config = GameConfig(settings.rules, settings.shared_rounds, settings.limits.max_invalid_guesses)
        self.new_player = self.responses.table(PlayerState(config))
        self.new_admin = self.responses.table(AdminState())
        self.started_s = self.reactor.now_s
        """When the server started, on the monotonic clock."""
        self.guesses = 0
        """How many were judged since the start."""
        # Unique across restarts and replicas: logs of several runs are read together.
        self._run = secrets.token_hex(3)
        self._numbers = itertools.count(1)
        self._rules = settings.rules
        self._games: dict[int, ResponseTable] = {}
        self.lobby = self._make_lobby(settings)

    def _make_lobby(self, settings: Settings) -> Lobby:
        if not settings.state_url:
            return MemoryLobby(settings.rules, self._draw_secret)
        # Only here: a server by itself needs no client of Valkey.
        from services.lobby.valkey import ValkeyLobby  # noqa: PLC0415

        return ValkeyLobby(
            settings.state_url,
            replica=self._run,
            rules=settings.rules,
            draw_secret=self._draw_secret,
            in_turn=self.reactor.perform,
        )

    def next_session(self) -> str:
        """Return an id for a session."""
        return f"{self._run}-{next(self._numbers)}"

    def _draw_secret(self) -> int:
        return self._rules.low + secrets.randbelow(self._rules.high - self._rules.low + 1)

    def new_game(self, state: PlayerState) -> ResponseTable:
        """Draw a secret for a game that begins, and return its table (clause P-9)."""
        secret = self._draw_secret()
        table = self._games.get(secret)
        if table is None:
            game = state.with_secret(secret)
            table = self.responses.table(game)
            if game.is_usual:
                self._games[secret] = table
        return table
