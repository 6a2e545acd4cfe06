"""No check passes whatever a program does: for each there is a program that is made to fail it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from services.conformance import admin_checks, client_checks, server_run
from tests.support.conformance import admin_mutants, classroom, client_mutants, server_mutants
from tests.support.conformance.mutants.encryption import EncryptedServer

if TYPE_CHECKING:
    from collections.abc import Iterable

    from services.conformance.checks import Check

ENCRYPTED = EncryptedServer.__subclasses__()


@pytest.mark.parametrize(
    ("checks", "broken"),
    [
        (
            server_run.CHECKS,
            [
                *classroom.FAULTS.values(),
                *(mutant.breaks for mutant in (*server_mutants.MUTANTS.values(), *ENCRYPTED)),
            ],
        ),
        (
            client_checks.CHECKS,
            [
                *(client.breaks for client in client_mutants.MUTANTS.values()),
                *(client.breaks for client in client_mutants.ENCRYPTED.values()),
            ],
        ),
        (admin_checks.CHECKS, [mutant.breaks for mutant in admin_mutants.MUTANTS.values()]),
    ],
    ids=["server", "client", "admin-client"],
)
def test_every_check_is_failed_by_somebody(checks: Iterable[Check[Any]], broken: list[str]) -> None:
    """Each check of each level has a submission or a mutant that fails it, and each fault has a check."""
    assert {check.name for check in checks} == set(" ".join(broken).split())
