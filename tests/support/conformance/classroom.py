"""A class as handed in: small servers of several makers, each with the checks that it has to fail.

They are judged as a teacher would judge them, each check against a fresh process. The list of faults is
exact: a check that fails beside it is a false alarm, one that does not fail is a fault that was missed.
"""

from __future__ import annotations

import random
import shlex
from pathlib import Path
from typing import Final

from services.conformance.clock import Clock, measured_stretch
from services.conformance.connection import Endpoint, Timing
from services.conformance.judged import JudgedServer, Limits
from services.conformance.program import Program
from services.conformance.results import Level, Report
from services.conformance.server_run import CHECKS, judge_server
from services.runtime.tls import client_context
from services.runtime.tls_settings import ClientTls
from tests.support.certificates import make_cast
from tests.support.conformance.judging import SEED, free_ports

FOLDER: Final = Path(__file__).parent / "class"
FAULTS: Final[dict[str, str]] = {
    "ada": "",
    "bela": "nonsense other-words no-numbers word-guess garbage",
    # A reset is how a ghost is made, and how a scanner goes.
    "carl": "vanished-player ghosts port-scan",
    # Whoever leaves during a game ends the server, in whatever check it is.
    "dora": "leaves-mid-game who-left cut-line survives",
    "emil": "two-players idle-player idle-admin-beside",
    "fritz": "idle-admin idle-admin-beside",
    "gerda": "idle-admin plain-text-harmless",
    "hugo": "idle-costs-nothing",
    "ida": "two-lines split-line lines-in-order slow-typist admin-lines",
    "jan": "rebound",
    "kurt": "who-left ghosts",
    "mona": "no-reset",
    "nora": "other-words no-numbers",
    "olga": "crlf",
    "paul": "who who-form crowd",
    "quin": "prompt prompt-words refusal refusal-words who-empty who-left any-case two-lines split-line"
    " nonsense other-words no-numbers ghosts admin-lines lines-in-order slow-typist rebound",
    "rosa": "verdict-distances",
    # A game that is won ends the server, in whatever check it is.
    "sara": "who-left no-reset crowd survives",
    "tilo": "split-line no-reset cut-line garbage endless-line slow-typist admin-lines",
    "udo": "who-closes who-empty",
    "vera": "no-banner greets nonsense other-words no-numbers",
    "willi": "crlf admin-lines",
}
"""The checks that each submission has to fail, at the level robust."""
ENCRYPTED: Final = "gerda"


def judge_submission(name: str, folder: Path, seed: int = SEED) -> Report:
    """Judge one of the class; certificates for the one that encrypts are made in `folder`."""
    player_port, admin_port = free_ports(2)
    environ = {
        "PATH": "/usr/local/bin:/usr/bin:/bin",
        "PYTHONUNBUFFERED": "1",
        "PYTHONDONTWRITEBYTECODE": "1",
        "GAME_PLAYER_PORT": str(player_port),
        "GAME_ADMIN_PORT": str(admin_port),
    }
    tls = None
    if name == ENCRYPTED:
        cast = make_cast(folder / "certificates")
        environ |= {"CERT": str(cast.server.cert), "KEY": str(cast.server.key)}
        tls = client_context(ClientTls(cast.ca))
    command = shlex.split((FOLDER / name / "command").read_text(encoding="utf-8"))
    command[-1] = str(FOLDER / name / command[-1])
    program = Program(command, environ)
    server = JudgedServer(
        Endpoint("localhost", player_port),
        Endpoint("localhost", admin_port, tls, "admin"),
        Timing(),
        Limits(),
        random.Random(seed),
        program=program,
        clock=Clock(program.usage, measured_stretch()),
    )
    report = Report(name, Level.ROBUST, seed)
    checks = [check for check in CHECKS if check.level in report.level.included]
    judge_server(server, report, checks=checks)
    return report
