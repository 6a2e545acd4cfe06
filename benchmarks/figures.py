"""From single runs to figures: medians, ratios, percentiles. Pure."""

import math
import statistics
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Sample:
    """What one run of one load against one server showed."""

    server: str
    load: str
    round_number: int
    per_s: float
    server_us: float
    """The server's processor time for each guess, game or connection, in microseconds."""
    others_us: float
    """The same for the rest of the machine: who reads the log, who hands on the bytes, and noise."""
    p50_us: float
    p99_us: float
    p999_us: float
    generator_busy: float
    """The share of its core that the generator used: near 1 it is what limits the rate."""


def percentile(ordered: Sequence[float], share: float) -> float:
    """Return the smallest value that `share` of all values do not exceed (nearest rank)."""
    if not ordered:
        return math.nan
    return ordered[max(0, math.ceil(share * len(ordered)) - 1)]


def of(samples: Iterable[Sample], server: str, load: str) -> list[Sample]:
    """Return the samples of one server under one load, in the order of the rounds."""
    chosen = [sample for sample in samples if (sample.server, sample.load) == (server, load)]
    return sorted(chosen, key=lambda sample: sample.round_number)


def median(samples: Sequence[Sample], figure: Callable[[Sample], float]) -> float:
    """Return the median of a figure over the rounds, not a number where there were none."""
    return statistics.median(map(figure, samples)) if samples else math.nan


def ratio(samples: Sequence[Sample], others: Sequence[Sample]) -> float:
    """Return the median of the rates' ratios, taken within each round.

    What disturbs a machine for longer than a round disturbs both sides of such a ratio alike.
    """
    rates = {other.round_number: other.per_s for other in others}
    ratios = [
        sample.per_s / rates[sample.round_number] for sample in samples if rates.get(sample.round_number)
    ]
    return statistics.median(ratios) if ratios else math.nan
