"""The life of the server: it listens, serves until a signal comes, drains, and ends."""

from __future__ import annotations

import asyncio
import contextlib
import errno
import gc
import signal
import socket
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any, Final

import structlog

from services.protocol import refusals
from services.runtime.connecting import cause
from services.runtime.descriptors import allow_descriptors
from services.runtime.hang_up import hang_up_ends
from services.runtime.listening import open_listeners
from services.runtime.tls import EXPIRY_WARNING_DAYS, TlsError
from services.runtime.tls_settings import AdminTls
from services.server.admission import Admission
from services.server.connection import LINGER_S
from services.server.context import ServerContext
from services.server.observe import Observer
from services.server.quota import Quota
from services.server.reactor import BACKLOG

if TYPE_CHECKING:
    from collections.abc import Callable

    from services.runtime.logging import LogSink
    from services.server.settings import Settings

RESERVED_DESCRIPTORS: Final = 64
"""Descriptors that are not for peers: logs, listeners, certificates, and some to spare."""

POLL_S: Final = 0.05
"""How often the drain looks whether everybody has gone."""

CERTIFICATE_CHECK_S: Final = 6 * 3600.0
"""How often the certificate's end is looked at."""


class ListenError(Exception):
    """A port cannot be listened on; one line that names the setting."""


def listen(host: str, port: int, setting: str) -> list[socket.socket]:
    """Listen on a port of each address that `host` stands for.

    Raises:
        ListenError: the port is taken, or the address is not of this machine.
    """
    try:
        listeners = open_listeners(host, port, backlog=BACKLOG)
    except OSError as error:
        where = f"{host or 'all addresses'}, port {port}"
        if error.errno not in {errno.EADDRINUSE, errno.EACCES}:  # then it is not the port that is wrong
            setting = "GAME_HOST"
        raise ListenError(f"{setting}: cannot listen on {where}: {cause(error)}") from error
    for listener in listeners:
        _adapt(listener)
    return listeners


def _adapt(listener: socket.socket) -> None:
    listener.setblocking(False)
    # Connections inherit these from their listener, so they cost nothing per connection.
    listener.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    listener.setsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE, 1)
    if hasattr(socket, "TCP_USER_TIMEOUT"):
        # A peer that vanished is forgotten after 10 + 3 x 5 s, or 20 s after a reply.
        listener.setsockopt(socket.IPPROTO_TCP, socket.TCP_KEEPIDLE, 10)
        listener.setsockopt(socket.IPPROTO_TCP, socket.TCP_KEEPINTVL, 5)
        listener.setsockopt(socket.IPPROTO_TCP, socket.TCP_KEEPCNT, 3)
        listener.setsockopt(socket.IPPROTO_TCP, socket.TCP_USER_TIMEOUT, 20_000)


class App:
    """One server."""

    def __init__(self, settings: Settings, sink: LogSink) -> None:
        self._settings = settings
        self._log = structlog.get_logger()
        self._stop = asyncio.Event()
        self._hurry = asyncio.Event()
        limits, has_balancer = settings.limits, bool(settings.proxies)
        wanted = limits.max_connections or Quota.connections_for(limits.max_players)
        self._wanted_descriptors = wanted + RESERVED_DESCRIPTORS
        self._descriptors = allow_descriptors(self._wanted_descriptors)
        connections = min(wanted, self._descriptors - RESERVED_DESCRIPTORS)
        self._quota = Quota.of(connections, limits.max_players, has_balancer=has_balancer)
        self._wanted_players = Quota.of(wanted, limits.max_players, has_balancer=has_balancer).players
        self._context = ServerContext(settings, sink, Observer(sink, level=settings.log_level))
        self._admission = Admission(self._context, settings, self._quota)
        self._next_warning: asyncio.TimerHandle | None = None

    async def run(self) -> None:
        """Serve until a signal comes.

        Raises:
            ListenError: a port cannot be listened on.
        """
        settings = self._settings
        players = listen(settings.host, settings.player_port, "GAME_PLAYER_PORT")
        admins = listen(settings.host, settings.admin_port, "GAME_ADMIN_PORT")
        loop = asyncio.get_running_loop()
        loop.set_exception_handler(self._on_mistake)
        for number in (signal.SIGTERM, signal.SIGINT):
            loop.add_signal_handler(number, self._on_stop)
        if hang_up_ends(may_reload=settings.tls.own is not None):
            loop.add_signal_handler(signal.SIGHUP, self._on_stop)
        elif settings.tls.own is not None:
            loop.add_signal_handler(signal.SIGHUP, self._reload)
        self._admission.listen(players, admins)
        stop_metrics = self._serve_metrics()
        self._log.info(
            "server_listening",
            host=settings.host or "*",
            player_port=players[0].getsockname()[1],
            admin_port=admins[0].getsockname()[1],
            player_tls=settings.tls.player.value,
            admin_tls=settings.tls.admin.value,
            max_players=self._quota.players,
        )
        if settings.tls.admin is AdminTls.OFF:
            remedy = "set GAME_TLS_CERT, GAME_TLS_KEY and GAME_TLS_CLIENT_CA"
            self._log.warning("admin_unprotected", remedy=remedy)
        if self._quota.players < self._wanted_players:
            remedy = f"raise the hard limit of open files (ulimit -Hn) to {self._wanted_descriptors}"
            self._log.warning(
                "descriptors_missing",
                descriptors=self._descriptors,
                max_players=self._quota.players,
                remedy=remedy,
            )
        self._warn_of_expiry()
        gc.collect()
        gc.freeze()  # what is there now stays: no need to look at it again
        await self._stop.wait()
        await self._drain()
        stop_metrics()

    def _serve_metrics(self) -> Callable[[], None]:
        if not self._settings.metrics_port:
            return lambda: None
        # Only here: a server without metrics needs no client of Prometheus.
        from services.server.metrics import MetricsServer  # noqa: PLC0415

        metrics = MetricsServer(self._context, self._admission)
        for listener in listen(self._settings.host, self._settings.metrics_port, "GAME_METRICS_PORT"):
            metrics.listen(listener)
        return metrics.close

    def _on_stop(self) -> None:
        if self._stop.is_set():
            self._hurry.set()
        self._stop.set()

    def _on_mistake(self, _loop: asyncio.AbstractEventLoop, context: dict[str, Any]) -> None:
        # The loop's own way is a text on standard error, which may block.
        self._log.error("callback_failed", reason=str(context["message"]), exc_info=context.get("exception"))

    # --- certificates

    def _warn_of_expiry(self) -> None:
        """Warn of a certificate's end while it is in use, now and every few hours."""
        end = self._context.certificates.end
        if end is None:
            return
        if self._next_warning:
            self._next_warning.cancel()
        days = (end - datetime.now(UTC)).days
        if days < EXPIRY_WARNING_DAYS:
            self._log.warning("certificate_expiring", days=days)
        loop = asyncio.get_running_loop()
        self._next_warning = loop.call_later(CERTIFICATE_CHECK_S, self._warn_of_expiry)

    def _reload(self) -> None:
        try:
            self._context.certificates.load()
        except TlsError as error:
            self._log.error("certificates_rejected", reason=str(error))
            return
        self._log.info("certificates_loaded")
        self._warn_of_expiry()

    # --- the end

    async def _drain(self) -> None:
        """Take no new players, let games end, then tell those that are left."""
        admission, context = self._admission, self._context
        context.reactor.stop_listening()
        self._log.info("server_stopping", players=admission.games)
        admission.refuse_all(refusals.STOPPING, but_engaged=True)
        await self._wait(lambda: not admission.games, self._settings.limits.drain_timeout_s)
        admission.refuse_all(refusals.STOPPING, but_engaged=False)
        await self._wait(lambda: not context.reactor.connections, LINGER_S)
        await context.lobby.close()
        context.reactor.close()
        self._log.info("server_stopped")

    async def _wait(self, done: Callable[[], bool], timeout_s: float) -> None:
        loop = asyncio.get_running_loop()
        deadline_s = loop.time() + timeout_s
        while not done() and not self._hurry.is_set() and loop.time() < deadline_s:
            with contextlib.suppress(TimeoutError):
                await asyncio.wait_for(self._hurry.wait(), POLL_S)
