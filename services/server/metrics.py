"""Figures for Prometheus, on a port of their own: read when asked for, so that they cost the game nothing."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from prometheus_client import CollectorRegistry, PlatformCollector, ProcessCollector, start_http_server
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily
from prometheus_client.registry import Collector

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from prometheus_client.metrics_core import Metric

    from services.server.admission import Admission
    from services.server.context import ServerContext

PREFIX: Final = "guessing_game_"


class ServerCollector(Collector):
    """Turns what the server counts into metrics."""

    def __init__(self, context: ServerContext, admission: Admission) -> None:
        self._context, self._admission = context, admission

    def collect(self) -> Iterator[Metric]:
        """Read everything, at the moment."""
        context = self._context
        yield GaugeMetricFamily(
            PREFIX + "connections", "Connections on both ports.", len(context.reactor.connections)
        )
        yield GaugeMetricFamily(PREFIX + "games", "Games under way on this server.", self._admission.games)
        yield CounterMetricFamily(PREFIX + "guesses", "Guesses judged.", context.guesses)
        events = CounterMetricFamily(PREFIX + "events", "What sessions did, as in the log.", labels=["event"])
        for event, count in context.observer.counted.items():
            events.add_metric([event.event], count)
        yield events
        yield CounterMetricFamily(
            PREFIX + "log_dropped_lines",
            "Lines that the log's reader did not take.",
            context.sink.dropped_lines,
        )
        yield GaugeMetricFamily(
            PREFIX + "lobby_reachable",
            "Whether what the servers share can be asked, 1 or 0.",
            int(context.lobby.reachable),
        )
        yield CounterMetricFamily(
            PREFIX + "lobby_operations", "Commands that Valkey was sent.", context.lobby.operations
        )
        yield CounterMetricFamily(
            PREFIX + "lobby_missed_guesses",
            "Guesses that no watcher was told of, because there were too many.",
            context.lobby.missed,
        )


def serve_metrics(context: ServerContext, admission: Admission, port: int) -> Callable[[], None]:
    """Serve metrics on `port` of all addresses, in a thread; return how to stop.

    Raises:
        OSError: the port is taken.
    """
    registry = CollectorRegistry()
    registry.register(ServerCollector(context, admission))
    ProcessCollector(registry=registry)
    PlatformCollector(registry=registry)
    server, thread = start_http_server(port, registry=registry)

    def stop() -> None:
        server.shutdown()
        server.server_close()
        thread.join()

    return stop
