"""The kit against servers that encrypt: a correct one passes, and each mutant is caught by what it breaks."""

from __future__ import annotations

import os
import random
from typing import TYPE_CHECKING

import pytest

from services.conformance import server_tls
from services.conformance.clock import Clock
from services.conformance.connection import Endpoint, Timing
from services.conformance.judged import JudgedServer, Limits
from services.conformance.program import Program
from services.conformance.results import Level, Outcome, Report
from services.conformance.server_run import judge_server
from services.runtime.tls import client_context
from services.runtime.tls_settings import ClientTls
from tests.support.certificates import make_cast
from tests.support.conformance.judging import SEED, Forked, free_ports
from tests.support.conformance.mutants.encryption import EncryptedServer

if TYPE_CHECKING:
    from pathlib import Path


def judged(server: type[EncryptedServer], folder: Path) -> Report:
    """Judge how a server encrypts."""
    cast = make_cast(folder)
    player_port, admin_port = free_ports(2)
    environ = {
        **os.environ,
        "CERT": str(cast.server.cert),
        "KEY": str(cast.server.key),
        "CA": str(cast.ca),
        "GAME_PLAYER_PORT": str(player_port),
        "GAME_ADMIN_PORT": str(admin_port),
    }
    program = Program(
        [server.__name__], environ, spawn=lambda _, environ: Forked(lambda: server().run(), environ)
    )
    tls = client_context(ClientTls(cast.ca, cast.administrator))
    subject = JudgedServer(
        Endpoint("localhost", player_port, tls),
        Endpoint("localhost", admin_port, tls, "admin"),
        Timing(),
        Limits(),
        random.Random(SEED),
        program=program,
        clock=Clock(program.usage),
    )
    report = Report(server.__name__, Level.EXTENDED, SEED)
    judge_server(subject, report, checks=server_tls.CHECKS)
    return report


@pytest.mark.parametrize("server", [EncryptedServer, *EncryptedServer.__subclasses__()])
def test_encryption_is_judged(server: type[EncryptedServer], tmp_path: Path) -> None:
    """A server that encrypts fails the checks of what it does wrongly, and no others."""
    results = judged(server, tmp_path).results
    failed = {result.name: result.finding for result in results if result.outcome is Outcome.FAILED}
    assert failed.keys() == set(server.breaks.split()), failed
    assert not [result for result in results if result.outcome is Outcome.NOT_JUDGED]
