"""Makes sessions of accepted connections, within their quotas, and refuses them when the server stops."""

from __future__ import annotations

import contextlib
import ipaddress
import random
from functools import partial
from typing import TYPE_CHECKING

from services.protocol import refusals
from services.protocol.codec import encode
from services.protocol.messages import Refused
from services.runtime.lost_peer import notice_lost_peer
from services.runtime.tls_settings import AdminTls, PlayerTls
from services.server.admin_session import AdminSession
from services.server.arrival import Arrival
from services.server.connection import CHUNK_OCTETS
from services.server.gateways import read_gateways
from services.server.player_session import PlayerSession
from services.server.quota import AdminSlots, PlayerSlots
from services.server.session import Session
from services.server.turn import take_turn

if TYPE_CHECKING:
    import socket
    from collections.abc import Callable, Iterable

    from services.protocol.messages import Address
    from services.server.context import ServerContext
    from services.server.quota import Quota
    from services.server.settings import Settings

    Admit = Callable[[socket.socket, Address], None]


class Admission:
    """Both ports: what becomes of a connection there."""

    def __init__(self, context: ServerContext, settings: Settings, quota: Quota) -> None:
        self._context = context
        self._quota = quota
        self._player_slots = PlayerSlots(quota, settings.limits.max_per_address, read_gateways())
        self._admin_slots = AdminSlots(quota)
        self._arrivals: dict[Arrival, None] = {}
        self._tls = settings.tls
        self._proxies = settings.proxies
        context.reactor.take_turn = partial(take_turn, context)

    def listen(self, players: Iterable[socket.socket], admins: Iterable[socket.socket]) -> None:
        """Accept connections on both ports."""
        for listeners, admit in ((players, self.admit_player), (admins, self.admit_admin)):
            for listener in listeners:
                self._context.reactor.listen(listener, self._through_proxies(admit))

    def _through_proxies(self, admit: Admit) -> Admit:
        """Let balancers, and nobody else, tell whose connection it is (clause X-1)."""
        if not self._proxies:
            return admit
        reactor, timeout_s = self._context.reactor, self._context.limits.handshake_timeout_s

        def admit_or_read(sock: socket.socket, address: Address) -> None:
            host = ipaddress.ip_address(address.host)
            if any(host in network for network in self._proxies):
                # It is near: if its machine is gone, those who came through it are elsewhere by now.
                notice_lost_peer(sock)
                if len(self._arrivals) >= self._quota.arrivals:
                    # A balancer sends its header at once: one that has not sent it yet will not send it.
                    next(iter(self._arrivals)).drop()
                reactor.add(
                    Arrival(reactor, sock, address, admit, timeout_s=timeout_s, arrivals=self._arrivals)
                )
            else:
                admit(sock, address)

        return admit_or_read

    def admit_player(self, sock: socket.socket, address: Address) -> None:
        """Make a session of a connection on the player port, if only to refuse it (clause P-12)."""
        slot = self._player_slots.acquire(address.host)
        if slot is None:
            with contextlib.suppress(OSError):
                sock.send(encode(Refused(refusals.SERVER_FULL)))
                sock.recv(CHUNK_OCTETS)  # a close with input unread would be a reset
            sock.close()
            return
        session = PlayerSession(self._context, sock, address, slot)
        self._start(session, peek=self._tls.player is not PlayerTls.OFF)

    def admit_admin(self, sock: socket.socket, address: Address) -> None:
        """Make a session of a connection on the administrator port."""
        if not self._admin_slots.acquire(random.random()):  # noqa: S311  which of a crowd is dropped needs no secrecy
            sock.close()
            return
        session = AdminSession(self._context, sock, address, self._admin_slots)
        self._start(session, peek=self._tls.admin is not AdminTls.OFF)

    def _start(self, session: Session, *, peek: bool) -> None:
        self._context.reactor.add(session)
        if peek:
            session.peek()
        else:
            session.on_open()

    @property
    def games(self) -> int:
        """How many games are under way on this server."""
        connections = self._context.reactor.connections.values()
        return sum(isinstance(one, PlayerSession) and one.is_engaged for one in connections)

    def refuse_all(self, reason: str, *, but_engaged: bool) -> None:
        """Close every session with a reply; with `but_engaged`, leave games and the watch open."""
        reactor = self._context.reactor
        reactor.begin()
        for connection in list(reactor.connections.values()):
            if not (but_engaged and isinstance(connection, Session) and connection.is_engaged):
                connection.refuse(reason)
        reactor.finish()
