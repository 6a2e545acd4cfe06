"""How a command line ends."""

from __future__ import annotations

import argparse
from typing import TYPE_CHECKING

import pytest

from services.runtime.command import run_command
from services.runtime.connecting import UntrustedError
from services.runtime.environ import SettingsError
from services.runtime.tls import TlsError

if TYPE_CHECKING:
    from collections.abc import Callable


def failing(error: BaseException) -> Callable[[], int]:
    """Return a command that fails so."""

    def command() -> int:
        raise error

    return command


@pytest.mark.parametrize(
    ("command", "status", "told"),
    [
        (lambda: 0, 0, ""),
        (
            failing(SettingsError(["GAME_A: is wrong", "GAME_B: too"])),
            2,
            "me: GAME_A: is wrong\nme: GAME_B: too\n",
        ),
        (failing(TlsError("GAME_TLS_CA: cannot be read")), 2, "me: GAME_TLS_CA: cannot be read\n"),
        (failing(UntrustedError("the server is not trusted")), 1, "me: the server is not trusted\n"),
        (failing(KeyboardInterrupt()), 130, ""),
        (failing(SystemExit(0)), 0, ""),
    ],
)
def test_each_end_has_its_status(
    command: Callable[[], int], status: int, told: str, capsys: pytest.CaptureFixture[str]
) -> None:
    """What the user can mend is told, a line for each fault; 2 is bad usage, 1 any other failure."""
    assert run_command("me", command) == status
    assert capsys.readouterr().err == told


def test_bad_usage_is_told_by_the_parser() -> None:
    """A flag that does not exist is bad usage."""

    def command() -> int:
        argparse.ArgumentParser(exit_on_error=True).parse_args(["--no-such-flag"])
        return 0

    assert run_command("me", command) == 2
