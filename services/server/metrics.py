"""Figures for Prometheus, on a port of their own: read when asked for, so that they cost the game nothing."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from prometheus_client import CollectorRegistry, PlatformCollector, ProcessCollector, start_http_server
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily
from prometheus_client.registry import Collector

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from prometheus_client.metrics_core import Metric

    from services.server.hub import Hub

PREFIX: Final = "guessing_game_"


class HubCollector(Collector):
    """Turns what the hub counts into metrics."""

    def __init__(self, hub: Hub) -> None:
        self._hub = hub

    def collect(self) -> Iterator[Metric]:
        """Read everything, at the moment."""
        hub = self._hub
        yield GaugeMetricFamily(PREFIX + "connections", "Connections on both ports.", len(hub.reactor.links))
        yield GaugeMetricFamily(PREFIX + "games", "Games under way on this server.", hub.games)
        yield CounterMetricFamily(PREFIX + "guesses", "Guesses judged.", hub.guesses)
        facts = CounterMetricFamily(
            PREFIX + "facts", "What sessions did, as in the log; but for ordinary guesses.", labels=["event"]
        )
        for fact, count in hub.observer.counted.items():
            facts.add_metric([fact.event], count)
        yield facts
        yield CounterMetricFamily(
            PREFIX + "log_dropped_lines", "Lines that the log's reader did not take.", hub.sink.dropped_lines
        )
        yield GaugeMetricFamily(
            PREFIX + "lobby_reachable",
            "Whether what the servers share can be asked, 1 or 0.",
            int(hub.lobby.reachable),
        )
        yield CounterMetricFamily(
            PREFIX + "lobby_operations", "Commands that Valkey was sent.", hub.lobby.operations
        )


def serve_metrics(hub: Hub, port: int) -> Callable[[], None]:
    """Serve metrics on `port` of all addresses, in a thread; return how to stop.

    Raises:
        OSError: the port is taken.
    """
    registry = CollectorRegistry()
    registry.register(HubCollector(hub))
    ProcessCollector(registry=registry)
    PlatformCollector(registry=registry)
    server, thread = start_http_server(port, registry=registry)

    def stop() -> None:
        server.shutdown()
        server.server_close()
        thread.join()

    return stop
