"""The figures as tables to read and as plots. Pure."""

import math
from collections.abc import Mapping, Sequence
from typing import Final

from benchmarks.figures import Sample, median, of, ratio
from benchmarks.plan import BASELINE, SERVER, Kind, Load
from benchmarks.table import number, table

UNITS: Final = {Kind.GUESSES: "guess", Kind.GAMES: "game", Kind.CONNECTIONS: "connection"}
"""One of what a load does."""
GENERATOR_LIMIT: Final = 0.97
"""A generator that is busier than this may be what limits the rate."""


def load_table(
    samples: Sequence[Sample], load: Load, servers: Sequence[str], baseline: str = BASELINE
) -> str:
    """Return what one load showed, a line for each server; a star marks a rate that the generator limits."""
    unit = UNITS[load.kind]
    rows = []
    for name in servers:
        mine = of(samples, name, load.name)
        if not mine:
            continue
        limited = median(mine, lambda sample: sample.generator_busy) > GENERATOR_LIMIT
        rows.append(
            [
                f"**{name}**" if name == SERVER else name,
                number(median(mine, lambda sample: sample.per_s)) + ("*" if limited else ""),
                number(ratio(mine, of(samples, baseline, load.name)), 2),
                number(median(mine, lambda sample: sample.server_us), 2),
                number(median(mine, lambda sample: sample.p50_us)),
                number(median(mine, lambda sample: sample.p99_us)),
                number(median(mine, lambda sample: sample.p999_us)),
            ]
        )
    head = [
        load.name,
        f"{load.kind}/s",
        f"of {baseline}",
        f"server us a {unit}",
        "p50 us",
        "p99 us",
        "p99.9 us",
    ]
    return table(head, rows)


def container_table(samples: Sequence[Sample], load: Load) -> str:
    """Return what each way to run the server showed, the first being the one compared with."""
    names = list(dict.fromkeys(sample.server for sample in samples))
    rows = []
    for name in names:
        mine = of(samples, name, load.name)
        rows.append(
            [
                name,
                number(median(mine, lambda sample: sample.per_s)),
                number(ratio(mine, of(samples, names[0], load.name)), 2),
                number(median(mine, lambda sample: sample.server_us), 2),
                number(median(mine, lambda sample: sample.others_us), 2),
                number(median(mine, lambda sample: sample.p50_us)),
                number(median(mine, lambda sample: sample.p99_us)),
            ]
        )
    head = [load.name, "guesses/s", f"of {names[0]}", "server us", "others us", "p50 us", "p99 us"]
    return table(head, rows)


def growth_table(samples: Sequence[Sample], loads: Sequence[Load], servers: Sequence[str]) -> str:
    """Return the processor time of a guess against the number of connections, and by how much it grows."""
    ordered = sorted(loads, key=lambda load: load.connections)
    rows = []
    for name in servers:
        costs_us = [median(of(samples, name, load.name), lambda sample: sample.server_us) for load in ordered]
        if math.isnan(costs_us[0]):
            continue
        cells = [number(cost_us, 2) for cost_us in costs_us]
        rows.append([name, *cells, number(costs_us[-1] / costs_us[0], 2)])
    return table(["server us a guess at", *(number(load.connections) for load in ordered), "growth"], rows)


def curve(
    samples: Sequence[Sample], loads: Sequence[Load], server: str, figure: str
) -> list[tuple[float, float]]:
    """Return the points of one server's line in a plot: a figure against the connections."""
    points = []
    for load in sorted(loads, key=lambda load: load.connections):
        mine = of(samples, server, load.name)
        if mine:
            points.append((float(load.connections), median(mine, lambda one: float(getattr(one, figure)))))
    return points


def memory_table(figures: Mapping[str, Mapping[str, float]]) -> str:
    """Return the memory of an idle player, by kind of connection and by server."""
    kinds = list(dict.fromkeys(kind for row in figures.values() for kind in row))
    rows = [[name, *(number(row.get(kind, math.nan), 2) for kind in kinds)] for name, row in figures.items()]
    return table(["KiB an idle player", *kinds], rows)
