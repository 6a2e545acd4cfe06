"""Judge a folder of servers, each in a container of its own: submissions are untrusted code.

A submission is a folder with a file `command`, which the shell runs in it. Its container has no network but
a loopback of its own, and limits on memory, processes and time. The judge runs in a second container, which
shares that loopback and nothing else: no submission can reach the judge's files, processes or report.
"""

import argparse
import csv
import importlib
import re
import sys
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final, TextIO

import services
from services.conformance.export import as_json, from_json
from services.conformance.report import plain_lines
from services.conformance.results import Level, Outcome, Report

COMMAND_FILE: Final = "command"
IMAGE: Final = "python:3.13-slim"
TIME_S: Final = 90
"""A run of the kit stays under a minute; what takes longer than this is ended."""
NOTE_LENGTH: Final = 400
AGAIN: Final = f"while :; do sh ./{COMMAND_FILE}; sleep 0.2; done"
"""A server that dies is restarted: the rest of the clauses is judged all the same."""
CONFINED: Final[dict[str, Any]] = {
    "init": True,
    "user": "65534:65534",
    "read_only": True,
    "tmpfs": {"/tmp": "rw,noexec,nosuid,nodev,size=16m,mode=1777"},  # noqa: S108 - inside the container
    "cap_drop": ["ALL"],
    "security_opt": ["no-new-privileges:true"],
    "memswap_limit": "256m",
    "mem_limit": "256m",
    "pids_limit": 512,
    "nano_cpus": 1_000_000_000,
    "labels": {"guessing-game.conformance": "batch"},
}
SUBMISSION_LOG: Final = {"type": "json-file", "config": {"max-size": "4m", "max-file": "1"}}
JUDGE_LOG: Final = {"type": "json-file", "config": {"max-size": "64m", "max-file": "1"}}
"""The report leaves through this log; where it were cut, all of it would be lost."""


class EngineError(Exception):
    """Containers cannot be had."""


@dataclass(frozen=True, slots=True)
class Judgement:
    """What became of one submission."""

    name: str
    level: Level
    """What was to hold."""
    report: Report | None
    note: str = ""

    def row(self) -> dict[str, str]:
        """Spell the judgement for a table. Who did not start has a row too, and no points."""
        report = self.report
        if report is None:
            nothing = dict.fromkeys(["points", *(level.value for level in self.level.included)], "0")
            return {"submission": self.name, "holds": "no", **nothing, "note": self.note}
        broken = [clause for clause, outcome in report.clauses().items() if outcome is Outcome.FAILED]
        return {
            "submission": self.name,
            "holds": "yes" if report.holds else "no",
            "points": str(report.score().points),
            **{level.value: str(report.score(level).points) for level in report.level.included},
            "broken": " ".join(broken),
            "dialects": "; ".join(report.dialects),
            "note": self.note,
        }


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Describe what may be typed after `batch`."""
    parser.add_argument(
        "folder", type=Path, metavar="FOLDER", help="a folder for each submission, with a file `command`"
    )
    parser.add_argument(
        "--level", type=Level, choices=list(Level), default=Level.ROBUST, help="what has to hold"
    )
    parser.add_argument("--image", default=IMAGE, help=f"what the submissions run in (default {IMAGE})")
    parser.add_argument("--judge-image", default=IMAGE, help="any image with Python 3.11 or later")
    parser.add_argument("--jobs", type=int, default=2, metavar="N", help="how many at once")
    parser.add_argument("--seed", type=int, default=1, help="the same for all submissions")
    parser.add_argument("--csv", type=Path, metavar="FILE", help="write the summary as CSV too")
    parser.add_argument(
        "--reports", type=Path, metavar="FOLDER", help="write each report, as text and as JSON"
    )


def run(options: argparse.Namespace) -> int:
    """Judge every submission; return 0 if the level holds for all of them, else 1, or 2 if there are none.

    Raises:
        EngineError: no engine answers, or it lacks an image.
    """
    folders = (
        sorted(path for path in options.folder.iterdir() if path.is_dir()) if options.folder.is_dir() else []
    )
    if not folders:
        raise EngineError(f"{options.folder} holds no folders: put each submission into one of its own")
    engine = _engine([options.image, options.judge_image])

    def judge(folder: Path) -> Judgement:
        judgement = _judge(engine, folder, options)
        sys.stderr.write(f"{folder.name}: {judgement.note or 'judged'}\n")
        return judgement

    with ThreadPoolExecutor(options.jobs) as pool:
        try:
            judgements = list(pool.map(judge, folders))
        except KeyboardInterrupt:
            # Those that have begun see to their containers; the others are not begun.
            pool.shutdown(wait=True, cancel_futures=True)
            raise
    if options.csv:
        with options.csv.open("w", newline="", encoding="utf-8") as file:
            write_csv(judgements, file)
    if options.reports:
        _write_reports(judgements, options.reports)
    write_table(judgements, sys.stdout)
    return 0 if all(judgement.report and judgement.report.holds for judgement in judgements) else 1


def _engine(images: Sequence[str]) -> Any:
    try:
        docker = importlib.import_module("docker")
    except ImportError:
        raise EngineError("install the extra: pip install 'guessing-game[conformance]'") from None
    try:
        engine = docker.from_env(timeout=TIME_S + 30)
        for image in images:
            try:
                engine.images.get(image)
            except docker.errors.ImageNotFound:
                engine.images.pull(image)
    except docker.errors.DockerException as error:
        raise EngineError(f"no container engine answers, or it lacks an image: {error}") from error
    return engine


def _judge(engine: Any, folder: Path, options: argparse.Namespace) -> Judgement:
    if not (folder / COMMAND_FILE).is_file():
        return Judgement(
            folder.name, options.level, None, f"no file {COMMAND_FILE!r} that says how to start the server"
        )
    containers = []
    try:
        submission = engine.containers.create(
            options.image,
            ["sh", "-c", AGAIN],
            network_mode="none",
            volumes={str(folder.resolve()): {"bind": "/submission", "mode": "ro"}},
            working_dir="/submission",
            environment={"PYTHONUNBUFFERED": "1", "PYTHONDONTWRITEBYTECODE": "1"},
            log_config=SUBMISSION_LOG,
            **CONFINED,
        )
        containers.append(submission)
        submission.start()
        judge = engine.containers.create(
            options.judge_image,
            ["python3", "-m", "services.conformance", "server", "127.0.0.1", "--json",
             "--wait", "10", "--level", options.level.value, "--seed", str(options.seed)],
            network_mode=f"container:{submission.id}",
            volumes={str(Path(services.__file__).parent): {"bind": "/kit/services", "mode": "ro"}},
            working_dir="/kit",
            environment={"PYTHONDONTWRITEBYTECODE": "1"},
            log_config=JUDGE_LOG,
            **CONFINED,
        )  # fmt: skip
        containers.append(judge)
        judge.start()
        judge.wait(timeout=TIME_S)
        answer = judge.logs(stdout=True, stderr=False)
        complaint = judge.logs(stdout=False, stderr=True).decode("utf-8", "replace").strip()
        printed = submission.logs(tail=5).decode("utf-8", "backslashreplace").strip()
    except Exception as error:  # noqa: BLE001 - one submission must not keep the others from being judged
        return Judgement(
            folder.name, options.level, None, f"could not be judged: {type(error).__name__}: {error}"
        )
    finally:
        for container in reversed(containers):
            container.remove(force=True)
    try:
        report = from_json(answer.decode())
    except (ValueError, KeyError):
        return Judgement(
            folder.name, options.level, None, _one_line(f"{complaint}; it printed: {printed or 'nothing'}")
        )
    report.subject = folder.name
    return Judgement(folder.name, options.level, report)


def _one_line(text: str) -> str:
    return " ".join(_printable(text).split())[:NOTE_LENGTH]


def _printable(text: str) -> str:
    return "".join(letter if letter.isprintable() else " " for letter in text)


FORMULA: Final = re.compile(r"((?:^|;)\s*)(?=[=+\-@|\uff1d\uff0b\uff0d\uff20])")
"""Where a cell begins that a spreadsheet would execute; it knows the signs in full width too."""
COLUMNS: Final = (
    "submission",
    "holds",
    "points",
    *(level.value for level in Level),
    "broken",
    "dialects",
    "note",
)


def write_csv(judgements: Sequence[Judgement], file: TextIO) -> None:
    """Write the summary as CSV."""
    table = csv.DictWriter(file, COLUMNS, restval="")
    table.writeheader()
    for judgement in judgements:
        table.writerow({column: _cell(text) for column, text in judgement.row().items()})


def _cell(text: str) -> str:
    # Words of a submission must not become a formula in the teacher's spreadsheet. Where it takes `;` for the
    # separator, quotation marks protect nothing, and what comes after each `;` begins a cell too.
    plain = _printable(text).replace('"', "'")
    return FORMULA.sub(r"\1'", plain)


def write_table(judgements: Sequence[Judgement], file: TextIO) -> None:
    """Write the summary as a table of plain text."""
    rows = [dict.fromkeys(COLUMNS, "") | judgement.row() for judgement in judgements]
    shown = [column for column in COLUMNS if any(row[column] for row in rows)]
    widths = {column: max(len(column), *(len(row[column]) for row in rows)) for column in shown}
    titled = [dict(zip(COLUMNS, COLUMNS, strict=True)), *rows]
    lines = ("  ".join(row[column].ljust(widths[column]) for column in shown) for row in titled)
    file.writelines(f"{line.rstrip()}\n" for line in lines)


def _write_reports(judgements: Sequence[Judgement], folder: Path) -> None:
    folder.mkdir(parents=True, exist_ok=True)
    for judgement in judgements:
        if judgement.report is None:
            (folder / f"{judgement.name}.txt").write_text(f"{judgement.note}\n", encoding="utf-8")
            continue
        text = "\n".join(plain_lines(judgement.report))
        (folder / f"{judgement.name}.txt").write_text(f"{text}\n", encoding="utf-8")
        (folder / f"{judgement.name}.json").write_text(as_json(judgement.report), encoding="utf-8")
