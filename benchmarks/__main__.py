"""Measure the server beside the reference servers: `python -m benchmarks`, or `make bench`.

docs/performance.md explains what is measured, how, and what the figures mean.
"""

import argparse
import contextlib
import dataclasses
import json
import os
import sys
import tempfile
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any

from benchmarks import extras, host, plot, report
from benchmarks.plan import (
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
from benchmarks.subject import Certificate, Subject, make_certificate

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


def parse(arguments: list[str]) -> tuple[Plan, argparse.Namespace]:
    """Read the command line."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks", description=__doc__)
    parser.add_argument("--quick", action="store_true", help="seconds, one round: a rough idea")
    parser.add_argument("--rounds", type=int, metavar="N", help="how often each load is measured")
    parser.add_argument("--servers", nargs="+", metavar="NAME", choices=(SERVER, *REFERENCES))
    parser.add_argument("--loads", nargs="+", metavar="NAME", help="only these loads, and nothing else")
    parser.add_argument("--json", type=Path, metavar="FILE", help="write every single figure there too")
    parser.add_argument(
        "--plots", type=Path, metavar="FOLDER", help="draw throughput, latency and cost there"
    )
    given = parser.parse_args(arguments)
    plan = QUICK if given.quick else Plan()
    if given.servers:
        plan = dataclasses.replace(plan, servers=tuple(dict.fromkeys(given.servers)))
    if given.rounds:
        plan = dataclasses.replace(plan, rounds=given.rounds)
    if unknown := set(given.loads or ()) - {load.name for load in (*LOADS, *TLS_LOADS)}:
        parser.error(f"no such load: {', '.join(sorted(unknown))}")
    return plan, given


class Results:
    """What was measured, and how it is shown."""

    def __init__(self, plan: Plan) -> None:
        self.plan = plan
        self.samples: list[Sample] = []
        self.others: dict[str, Any] = {"machine": host.description()}

    def show(self, load: Load) -> None:
        """Print one load's table."""
        print("\n" + report.load_table(self.samples, load, self.plan.servers), flush=True)

    def write(self, file: Path) -> None:
        """Keep every single figure."""
        figures = {**self.others, "samples": [dataclasses.asdict(sample) for sample in self.samples]}
        file.write_text(json.dumps(figures, indent=1) + "\n", encoding="utf-8")

    def draw(self, folder: Path) -> None:
        """Draw the plots against the number of connections."""
        folder.mkdir(parents=True, exist_ok=True)
        for name, title, y_label, figure in PLOTS:
            lines = {
                server: report.curve(self.samples, self.plan.single_guesses, server, figure)
                for server in self.plan.servers
            }
            drawing = plot.line_chart(title, "connections", y_label, lines)
            (folder / f"{name}.svg").write_text(drawing, encoding="utf-8")


def measure_loads(results: Results, certificate: Certificate, chosen: set[str]) -> None:
    """Measure all servers under all loads, first over plain TCP, then over TLS."""
    plan = results.plan
    for loads, names, used in (
        (plan.loads, plan.servers, None),
        (TLS_LOADS, [name for name in plan.servers if name not in WITHOUT_TLS], certificate),
    ):
        loads_now = [load for load in loads if not chosen or load.name in chosen]
        if not loads_now:
            continue
        with contextlib.ExitStack() as stack:
            subjects = [stack.enter_context(Subject(name, certificate=used)) for name in names]
            results.samples += interleave(subjects, loads_now, plan, tell)
            if used is None and plan.growth and not chosen:
                results.samples += interleave(subjects, plan.growth, plan, tell, rounds=1)
        for load in loads_now:
            results.show(load)


def measure_others(results: Results, certificate: Certificate) -> None:
    """Measure growth, logging and memory."""
    plan = results.plan
    growth = [load for load in plan.single_guesses if load.connections >= GROWTH_FROM]
    print("\n" + report.growth_table(results.samples, growth, plan.servers), flush=True)

    logging = extras.logging_cost(plan, tell)
    results.others["logging"] = [dataclasses.asdict(sample) for sample in logging]
    costs = report.load_table(logging, LOGGING_LOAD, list(extras.LOG_SINKS), baseline=extras.UNLOGGED)
    print("\nThe server, with its log going to different places:\n\n" + costs, flush=True)

    memory = results.others["idle_kib"] = extras.memory(plan, certificate)
    print("\n" + report.memory_table(memory), flush=True)
    bots_mib = results.others["bots_mib"] = extras.bots_mib(plan.bots)
    print(f"\n{plan.bots} bots in one process: {bots_mib:.0f} MiB", flush=True)


def noise(busy_before_s: float) -> float:
    """Return the processor time that others have spent since: neither this process nor its children."""
    mine = os.times()
    return max(0.0, host.busy_s() - busy_before_s - sum(mine[:4]))


def main() -> int:
    """Measure, print and draw."""
    plan, given = parse(sys.argv[1:])
    if not host.isolate():
        tell("measuring on the machine's own loopback: a network namespace is not to be had")
    host.raise_file_limit()
    host.settle_on(host.GENERATOR_CORE)
    began_s, busy_s = time.monotonic(), host.busy_s()
    results = Results(plan)
    for name, value in results.others["machine"].items():
        print(f"{name}: {value}")
    with tempfile.TemporaryDirectory() as folder:
        certificate = make_certificate(Path(folder))
        measure_loads(results, certificate, set(given.loads or ()))
        if not given.loads:
            measure_others(results, certificate)
    if given.json:
        results.write(given.json)
    if given.plots:
        results.draw(given.plots)
    took_s = time.monotonic() - began_s
    print(f"\nnoise: others kept {noise(busy_s) / took_s:.2f} cores busy; took {took_s:.0f} s")
    return 0


if __name__ == "__main__":
    sys.exit(main())
