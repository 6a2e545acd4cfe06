"""Measures servers in turns, so that whatever disturbs the machine disturbs them alike."""

import time
from collections.abc import Callable, Sequence
from typing import Final

from benchmarks import host
from benchmarks.figures import Sample, percentile
from benchmarks.generator import Driver, Guesses, LoadError, Target, Visits, open_player
from benchmarks.hot_loop import CompiledGuesses
from benchmarks.plan import Kind, Load, Plan
from benchmarks.subject import Subject

SETTLE_S: Final = 3.0


def settle(subject: Subject) -> None:
    """Wait until the server has done with the last load's connections."""
    until, last_s = time.monotonic() + SETTLE_S, -1.0
    while time.monotonic() < until:
        used_s = host.processor_s(subject.pid)
        if used_s - last_s < 0.001:
            return
        last_s = used_s
        time.sleep(0.01)


def driver(target: Target, load: Load) -> Driver:
    """Return what drives a load; `with` opens its connections."""
    if load.kind is not Kind.GUESSES:
        return Visits(target, load)
    return Guesses(target, load) if load.tls else CompiledGuesses(target, load)


def run(subject: Subject, load: Load, round_number: int, plan: Plan) -> Sample:
    """Measure one load against one server, once."""
    with driver(subject.target, load) as driven:
        warm = driven.drive(plan.warm_s)
        busy_s, server_s, generator_s = host.busy_s(), host.processor_s(subject.pid), time.process_time()
        tally = driven.drive(plan.run_s)
        busy_s, server_s = host.busy_s() - busy_s, host.processor_s(subject.pid) - server_s
        generator_s = time.process_time() - generator_s
    if not tally.done:
        raise LoadError("nothing was done in time")
    if load.kind is Kind.GUESSES:
        subject.answered += warm.done + tally.done
    settle(subject)
    latencies_us = sorted(latency_ns / 1000 for latency_ns in tally.latencies_ns)
    return Sample(
        server=subject.name,
        load=load.name,
        round_number=round_number,
        per_s=tally.done / tally.took_s,
        server_us=server_s * 1e6 / tally.done,
        others_us=max(0.0, busy_s - server_s - generator_s) * 1e6 / tally.done,
        p50_us=percentile(latencies_us, 0.5),
        p99_us=percentile(latencies_us, 0.99),
        p999_us=percentile(latencies_us, 0.999),
        generator_busy=generator_s / tally.took_s,
    )


def interleave(
    subjects: Sequence[Subject], loads: Sequence[Load], plan: Plan, tell: Callable[[str], None]
) -> list[Sample]:
    """Measure all loads against all servers, round after round.

    What fails is told and left out; when the plan's time is over, no further round begins.
    """
    samples, failed = [], set()
    for round_number in range(plan.rounds):
        if round_number and time.monotonic() > plan.until_s:
            tell(f"the time is over after {round_number} of {plan.rounds} rounds")
            break
        for load in loads:
            for subject in subjects:
                if (subject, load) in failed:
                    continue
                try:
                    samples.append(run(subject, load, round_number, plan))
                except LoadError as error:
                    failed.add((subject, load))
                    tell(f"{subject.name} under {load.name}: {error}")
    return samples


def idle_kib(subject: Subject, connections: int) -> float:
    """Return what each idle player costs a server that has just been started."""
    warm = [open_player(subject.target) for _ in range(10)]
    before_kib = host.resident_kib(subject.pid)
    players = [open_player(subject.target) for _ in range(connections)]
    settle(subject)
    each_kib = (host.resident_kib(subject.pid) - before_kib) / connections
    for sock in (*warm, *players):
        sock.close()
    settle(subject)
    return each_kib
