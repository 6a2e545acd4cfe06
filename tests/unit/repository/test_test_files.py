"""Every module has its test file."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[3]

SHELLS = {
    "tests/integration/admin/test_watch.py": ("admin/__main__", "admin/cli", "admin/client"),
    "tests/unit/admin/test_history.py": ("admin/scores",),
    "tests/integration/admin/test_dashboard.py": (
        *("admin/dashboard/app", "admin/dashboard/serve", "admin/library_log"),
    ),
    "tests/integration/player/test_bots.py": (
        *("player/__main__", "player/automatic", "player/cli", "player/bot_pool"),
        *("player/bot_connection", "player/bot_interface", "player/game_connection"),
    ),
    "tests/integration/server/test_life.py": ("server/__main__", "server/app", "server/program"),
    "tests/integration/server/test_play.py": (
        *("server/admission", "server/connection", "server/context", "server/player_session"),
        *("server/reactor", "server/session", "server/turn"),
    ),
    "tests/integration/player/test_interactive.py": (
        *("player/editor", "player/keyboard", "player/person_connection"),
    ),
    "tests/integration/player/test_dialects.py": ("player/dialect_search",),
    "tests/integration/server/test_bounds.py": ("server/poller",),
    "tests/integration/server/test_watch.py": ("server/admin_session",),
    "tests/integration/test_command_lines.py": (
        *("certs/__main__", "conformance/arguments", "runtime/output_file"),
    ),
    "tests/integration/test_terminals.py": (
        *("admin/screen", "player/show", "runtime/hand_over", "runtime/output_stream"),
    ),
    "tests/integration/tap/test_relay.py": ("tap/__main__", "tap/cli", "tap/settings"),
    "tests/integration/server/test_tls.py": ("server/certificates",),
    "tests/integration/conformance/test_command_line.py": ("conformance/__main__", "conformance/cli"),
    "tests/mutants/servers.py": (
        *("conformance/checks", "conformance/connection", "conformance/discovery", "conformance/judged"),
        *("conformance/server_classic", "conformance/server_extended", "conformance/server_robust"),
        *("conformance/server_run", "conformance/server_watch"),
    ),
    "tests/integration/conformance/test_with_our_programs.py": (
        *("conformance/server_rounds", "conformance/server_tls"),
    ),
    "tests/mutants/clients.py": (
        *("conformance/admin_checks", "conformance/client_checks", "conformance/client_run"),
        "conformance/scripted_server",
    ),
    "tests/unit/conformance/test_marks.py": ("conformance/batch",),
    "tests/unit/conformance/test_reports.py": ("conformance/report", "conformance/results"),
    "tests/e2e/test_conformance.py": ("conformance/confined", "conformance/containers"),
    "tests/integration/lobby/test_valkey.py": ("lobby/channel", "lobby/scripts", "lobby/seat"),
}
"""Modules that do little but input and output: seen at work, through the program that they are part of."""

VOCABULARIES = {
    "tests/unit/runtime/test_command.py": ("runtime/fault",),
    "tests/unit/lobby/test_memory.py": ("lobby/interface",),
    "tests/unit/server/game/test_player.py": ("protocol/refusals",),
}
"""Modules that say what others talk of, and do nothing themselves: tested with those that do."""

TESTED_BY = {
    f"services/{module}.py": file for file, modules in (SHELLS | VOCABULARIES).items() for module in modules
}
"""By which file a module is tested that has no test file of its own."""


def modules() -> list[str]:
    """Return all modules that hold code; packages hold none."""
    paths = sorted((ROOT / "services").rglob("*.py"))
    return [str(path.relative_to(ROOT)) for path in paths if path.name != "__init__.py"]


def own_test_files(module: str) -> list[Path]:
    """Return the test files of a module: at its own place below tests/unit or tests/integration."""
    path = Path(module).relative_to("services")
    name = f"test_{path.stem.strip('_')}.py"
    return [
        file
        for kind in ("unit", "integration")
        if (file := ROOT / "tests" / kind / path.parent / name).exists()
    ]


@pytest.mark.parametrize("module", modules())
def test_every_module_has_its_test_file(module: str) -> None:
    """A module has a test file at its own place, or stands among the exceptions."""
    assert own_test_files(module) or module in TESTED_BY


def test_exceptions_are_of_today() -> None:
    """Each exception is of a module that there is, and names a file that there is."""
    assert TESTED_BY.keys() <= set(modules())
    assert all((ROOT / file).exists() for file in TESTED_BY.values())


def test_nobody_reads_what_may_lack_its_beginning() -> None:
    """`Container.exec_run` loses what comes together with the engine's answer: no test uses its output."""
    used = re.compile(r"\bexec_run\(.*\)\.output\b")
    assert not [path.name for path in (ROOT / "tests").rglob("*.py") if used.search(path.read_text())]
