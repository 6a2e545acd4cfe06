"""What all sessions share, and who is let in."""

from __future__ import annotations

import contextlib
import ipaddress
import itertools
import secrets
import ssl
from collections import Counter
from typing import TYPE_CHECKING, Final, NamedTuple, Self

from services.lobby.memory import MemoryLobby
from services.protocol.codec import encode
from services.protocol.messages import Refused
from services.runtime.tls import is_administrator, server_admin_context, server_player_context
from services.runtime.tls_settings import AdminTls, PlayerTls
from services.server.admin_session import AdminSession
from services.server.arrival import Arrival
from services.server.game.facts import Fact
from services.server.game.player import Table
from services.server.link import CHUNK_OCTETS
from services.server.player_session import SERVER_FULL, PlayerSession
from services.server.reactor import Reactor

if TYPE_CHECKING:
    import socket
    from collections.abc import Callable

    from services.lobby.interface import Lobby
    from services.protocol.messages import Address
    from services.runtime.logging import LogSink
    from services.runtime.tls_settings import ServerTls
    from services.server.observe import Observer
    from services.server.session import Session
    from services.server.settings import Settings

    Admit = Callable[[socket.socket, Address], None]

OVERFLOW_CONNECTIONS: Final = 128
"""Connections over the limit that are refused in the way they ask for, at most; more get a plain line."""

ADMIN_CONNECTIONS: Final = 64
"""Connections on the administrator port, at most. A newcomer displaces the oldest that does not watch, so
that no crowd of strangers keeps the administrator out."""

SHARE: Final = 8
"""Neither of these two takes more than one connection in so many."""

TLS_ONLY: Final = "this port speaks TLS only: give --ca FILE, or openssl s_client"
NO_ROLE: Final = "the certificate does not carry the administrator's role"


class Rooms(NamedTuple):
    """How many connections there is room for, by what they are for."""

    players: int
    overflow: int
    admins: int

    @classmethod
    def of(cls, connections: int, max_players: int) -> Self:
        """Share `connections` out; nobody is left with nothing, however few there are."""
        overflow = min(OVERFLOW_CONNECTIONS, max(1, connections // SHARE))
        admins = min(ADMIN_CONNECTIONS, max(2, connections // SHARE))
        return cls(max(1, min(max_players, connections - overflow - admins)), overflow, admins)


class Hub:
    """Makes sessions of connections, and holds what they work with."""

    def __init__(self, settings: Settings, sink: LogSink, observer: Observer, rooms: Rooms) -> None:
        self.limits = settings.limits
        self.sink = sink
        self.observer = observer
        rules = settings.rules
        span = rules.high - rules.low + 1

        def draw_secret() -> int:
            return rules.low + secrets.randbelow(span)

        # Unique over restarts and replicas too: logs of several runs are read together.
        self._run = secrets.token_hex(3)
        self.lobby = self._make_lobby(settings, draw_secret)
        self.reactor = Reactor(
            sink,
            self.lobby,
            guess_head=observer.guess_head,
            idle_timeout_s=settings.limits.idle_timeout_s,
            write_timeout_s=settings.limits.write_timeout_s,
        )
        self.table = Table(
            rules,
            draw_secret=draw_secret,
            shared_rounds=settings.shared_rounds,
            max_invalid_guesses=settings.limits.max_invalid_guesses,
        )
        self.takes_short_way = observer.answers_ordinary and not settings.shared_rounds
        """Whether players' usual lines are answered from what is ready."""
        self.started_s = self.reactor.now_s
        """Since when the server is up, on the monotonic clock."""
        self._rooms = rooms
        self._proxies = settings.proxies
        self._players = 0
        self._overflow = 0
        self._by_address: Counter[str] = Counter()
        self._numbers = itertools.count(1)
        self._tls = settings.tls
        self.load_certificates(settings.tls)

    def _make_lobby(self, settings: Settings, draw_secret: Callable[[], int]) -> Lobby:
        if not settings.state_url:
            return MemoryLobby(settings.rules, draw_secret)
        # Only here: a server by itself needs no client of Valkey.
        from services.lobby.valkey import ValkeyLobby  # noqa: PLC0415

        return ValkeyLobby(
            settings.state_url,
            replica=self._run,
            rules=settings.rules,
            draw_secret=draw_secret,
            in_turn=lambda action: self.reactor.perform(action),  # noqa: PLW0108  it is made later
        )

    def load_certificates(self, tls: ServerTls) -> None:
        """Use the certificates as they are on disk now; whoever is connected stays so.

        Raises:
            TlsError: they cannot be used; those in use stay.
        """
        self._player_context, self._admin_context = server_player_context(tls), server_admin_context(tls)

    def next_session(self) -> str:
        """Return an id for a session."""
        return f"{self._run}-{next(self._numbers)}"

    # --- letting in

    def listen(self, players: socket.socket, admins: socket.socket) -> None:
        """Let them in on both ports, through a balancer or without one."""
        self.reactor.listen(players, self._by_way_of(self.admit_player))
        self.reactor.listen(admins, self._by_way_of(self.admit_admin))

    def _by_way_of(self, admit: Admit) -> Admit:
        """Ask those who come from a balancer's network, and nobody else, whose they are (clause X-1)."""
        if not self._proxies:
            return admit

        def admit_or_ask(sock: socket.socket, address: Address) -> None:
            host = ipaddress.ip_address(address.host)
            if any(host in network for network in self._proxies):
                arrival = Arrival(self.reactor, sock, address, admit, self.limits.handshake_timeout_s)
                self.reactor.add(arrival)
            else:
                admit(sock, address)

        return admit_or_ask

    def admit_player(self, sock: socket.socket, address: Address) -> None:
        """Make a session of a connection on the player port, if only to refuse it (clause P-12)."""
        per_address = self.limits.max_per_address
        over_limit = self._players >= self._rooms.players or (
            per_address > 0 and self._by_address[address.host] >= per_address
        )
        if over_limit:
            if self._overflow >= self._rooms.overflow:
                with contextlib.suppress(OSError):
                    sock.send(encode(Refused(SERVER_FULL)))
                    sock.recv(CHUNK_OCTETS)  # a close with input unread would be a reset
                sock.close()
                return
            self._overflow += 1
        else:
            self._players += 1
            if per_address:
                self._by_address[address.host] += 1
        self._start(
            PlayerSession(self, sock, address, over_limit=over_limit),
            peek=self._tls.player is not PlayerTls.OFF,
        )

    def player_released(self, session: PlayerSession) -> None:
        """Note that a player's connection is closed."""
        if session.over_limit:
            self._overflow -= 1
            return
        self._players -= 1
        if self.limits.max_per_address:
            self._by_address[session.address.host] -= 1
            if not self._by_address[session.address.host]:
                del self._by_address[session.address.host]

    def admit_admin(self, sock: socket.socket, address: Address) -> None:
        """Make a session of a connection on the administrator port."""
        admins = [one for one in self.reactor.links.values() if isinstance(one, AdminSession)]
        if len(admins) >= self._rooms.admins:
            oldest = next(one for one in admins if not one.conversation.watching)
            oldest.give_up("displaced by a newcomer")
        self._start(AdminSession(self, sock, address), peek=self._tls.admin is not AdminTls.OFF)

    def _start(self, session: Session, *, peek: bool) -> None:
        self.reactor.add(session)
        if peek:
            session.peek()
        else:
            session.opened()

    def context_for_player(self, session: Session, *, tls: bool) -> ssl.SSLContext | None:
        """Return what to speak TLS with; None for plain text, or for a refusal where that is not allowed."""
        if tls:
            return self._player_context
        if self._tls.player is PlayerTls.REQUIRED:
            session.refuse(TLS_ONLY)
        return None

    def context_for_admin(self, session: Session, *, tls: bool) -> ssl.SSLContext | None:
        """Return what to speak TLS with; None for a refusal: an administrator must prove who he is."""
        if not tls:
            session.refuse(TLS_ONLY)
            return None
        return self._admin_context

    def check_admin(self, session: AdminSession) -> None:
        """Refuse whoever has proved to be somebody, but not an administrator."""
        if isinstance(session.sock, ssl.SSLSocket) and not is_administrator(session.sock.getpeercert()):
            session.perform(session.conversation.refuse_admin(NO_ROLE))

    # --- the end

    @property
    def guesses(self) -> int:
        """How many guesses were judged since the start."""
        counted = self.observer.counted
        by_record = counted[Fact.GUESS_JUDGED] + counted[Fact.ROUND_GUESS_JUDGED]
        return by_record + self.reactor.ordinary_guesses

    @property
    def games(self) -> int:
        """How many games are under way on this server."""
        links = list(self.reactor.links.values())  # a copy: the metrics' thread asks too
        return sum(isinstance(one, PlayerSession) and one.is_engaged for one in links)

    def refuse_all(self, reason: str, *, but_players: bool) -> None:
        """Close every session with a word; with `but_players`, let games go on and the watcher see them."""
        self.reactor.begin()
        for session in list(self.reactor.links.values()):
            if not (but_players and session.is_engaged):
                session.refuse(reason)
        self.reactor.finish()
