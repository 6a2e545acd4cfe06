"""Measure the server beside the reference servers: `python -m benchmarks`, or `make bench`.

docs/performance.md explains what is measured, how, and what the figures mean.
"""

import argparse
import dataclasses
import json
import math
import os
import sys
import tempfile
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any

from benchmarks import containers, extras, host, plot, report
from benchmarks.hot_loop import compiled
from benchmarks.plan import (
    CONTAINER_LOAD,
    GROWTH_FROM,
    LOADS,
    LOGGING_LOAD,
    QUICK,
    REFERENCES,
    SERVER,
    TLS_LOADS,
    WITHOUT_TLS,
    Load,
    Plan,
)
from benchmarks.rounds import interleave
from benchmarks.subject import Certificate, Process, make_certificate, running

if TYPE_CHECKING:
    from benchmarks.figures import Sample

PLOTS = (
    ("throughput", "Guesses answered in a second", "guesses/s", "per_s"),
    ("p99", "99th percentile of a guess's latency", "p99, microseconds", "p99_us"),
    ("cost", "Processor time of a guess", "server microseconds a guess", "server_us"),
)


def tell(text: str) -> None:
    """Say how it goes, apart from the figures."""
    print(text, file=sys.stderr, flush=True)


def show(text: str) -> None:
    """Print figures."""
    print(f"\n{text}", flush=True)


def parse(arguments: list[str]) -> tuple[Plan, argparse.Namespace]:
    """Read the command line."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks", description=__doc__)
    parser.add_argument("--quick", action="store_true", help="seconds, one round: a rough idea")
    parser.add_argument("--containers", action="store_true", help="the server in its container instead")
    parser.add_argument("--rounds", type=int, metavar="N", help="so often, however long it takes")
    parser.add_argument("--servers", nargs="+", metavar="NAME", choices=(SERVER, *REFERENCES))
    parser.add_argument("--loads", nargs="+", metavar="NAME", help="only these loads, and nothing else")
    parser.add_argument("--json", type=Path, metavar="FILE", help="write every single figure there too")
    parser.add_argument(
        "--plots", type=Path, metavar="FOLDER", help="draw throughput, latency and cost there"
    )
    given = parser.parse_args(arguments)
    if unknown := set(given.loads or ()) - {load.name for load in (*LOADS, *TLS_LOADS)}:
        parser.error(f"no such load: {', '.join(sorted(unknown))}")
    plan = QUICK if given.quick else Plan()
    plan = dataclasses.replace(
        plan,
        servers=tuple(dict.fromkeys(given.servers or plan.servers)),
        rounds=given.rounds or plan.rounds,
        until_s=math.inf if given.rounds else time.monotonic() + plan.budget_s,
    )
    return plan, given


class Results:
    """What was measured, and where it is kept."""

    def __init__(self, plan: Plan) -> None:
        self.plan = plan
        self.samples: list[Sample] = []
        generator = "its inner loop compiled" if compiled() else "without a compiler: in Python throughout"
        self.others: dict[str, Any] = {"machine": {**host.description(), "generator": generator}}

    def write(self, file: Path) -> None:
        """Keep every single figure."""
        figures = {**self.others, "samples": [dataclasses.asdict(sample) for sample in self.samples]}
        file.write_text(json.dumps(figures, indent=1) + "\n", encoding="utf-8")

    def draw(self, folder: Path) -> None:
        """Draw the plots against the number of connections."""
        folder.mkdir(parents=True, exist_ok=True)
        loads = self.plan.single_guesses
        for name, title, y_label, figure in PLOTS:
            lines = {
                server: report.curve(self.samples, loads, server, figure) for server in self.plan.servers
            }
            drawing = plot.line_chart(title, "connections", y_label, lines)
            (folder / f"{name}.svg").write_text(drawing, encoding="utf-8")


def measure_loads(results: Results, loads: list[Load], certificate: Certificate | None = None) -> None:
    """Measure all servers under some loads, over TLS if there is a certificate."""
    plan = results.plan
    names = [name for name in plan.servers if not (certificate and name in WITHOUT_TLS)]
    with running(*(Process(name, certificate=certificate) for name in names)) as subjects:
        several = [load for load in loads if load not in plan.growth]
        results.samples += interleave(subjects, several, plan, tell)
        # Time is dear: how the cost grows is measured once, unless more was asked for.
        growth_plan = dataclasses.replace(plan, rounds=1) if plan.until_s < math.inf else plan
        growth = [load for load in loads if load in plan.growth]
        results.samples += interleave(subjects, growth, growth_plan, tell)
    for load in several:
        show(report.load_table(results.samples, load, names))
    for subject in subjects:
        if subject.name == SERVER:
            show(f"{subject.lines:,} lines were logged, for {subject.answered:,} guesses and the handshakes")


def measure_others(results: Results, certificate: Certificate) -> None:
    """Measure growth, logging and memory."""
    plan = results.plan
    growth = [load for load in plan.single_guesses if load.connections >= GROWTH_FROM]
    show(report.growth_table(results.samples, growth, plan.servers))

    logging = extras.logging_cost(plan, tell)
    results.others["logging"] = [dataclasses.asdict(sample) for sample in logging]
    show("The server, with its log going to different places:")
    show(report.load_table(logging, LOGGING_LOAD, list(extras.LOG_SINKS), baseline=extras.UNLOGGED))

    memory = results.others["idle_kib"] = extras.memory(plan, certificate)
    show(report.memory_table(memory))
    bots_mib = results.others["bots_mib"] = extras.bots_mib(plan.bots)
    show(f"{plan.bots:,} bots in one process: {bots_mib:.0f} MiB")


def measure_processes(results: Results, chosen: set[str]) -> None:
    """Measure everything, or only some loads."""
    plan = results.plan

    def wanted(loads: tuple[Load, ...]) -> list[Load]:
        return [load for load in loads if not chosen or load.name in chosen]

    with tempfile.TemporaryDirectory() as folder:
        certificate = make_certificate(Path(folder))
        if plain := wanted(plan.loads):
            measure_loads(results, [*plain, *(() if chosen else plan.growth)])
        if over_tls := wanted(TLS_LOADS):
            measure_loads(results, over_tls, certificate)
        if not chosen:
            measure_others(results, certificate)


def measure_containers(results: Results) -> None:
    """Measure the server in its container."""
    plan = dataclasses.replace(results.plan, run_s=1.0)
    results.samples = containers.measure(plan, tell)
    show(report.container_table(results.samples, CONTAINER_LOAD))


def noise(busy_before_s: float) -> float:
    """Return the processor time that others have spent since: neither this process nor its children."""
    mine = os.times()
    return max(0.0, host.busy_s() - busy_before_s - sum(mine[:4]))


def main() -> int:
    """Measure, print and draw."""
    plan, given = parse(sys.argv[1:])
    if not given.containers and not host.isolate():
        tell("measuring on the machine's own loopback: a network namespace is not to be had")
    host.raise_file_limit()
    host.settle_on(host.GENERATOR_CORE)
    began_s, busy_s = time.monotonic(), host.busy_s()
    results = Results(plan)
    print(f"# Benchmark of {time.strftime('%Y-%m-%d')}\n")
    for name, value in results.others["machine"].items():
        print(f"- {name}: {value}")
    if given.containers:
        measure_containers(results)
    else:
        measure_processes(results, set(given.loads or ()))
        if given.plots:
            results.draw(given.plots)
    took_s = time.monotonic() - began_s
    results.others["noise_cores"] = noise(busy_s) / took_s
    show(f"noise: others kept {results.others['noise_cores']:.2f} cores busy; it took {took_s:.0f} s")
    if given.json:
        results.write(given.json)
    return 0


if __name__ == "__main__":
    sys.exit(main())
