"""Every module has its test file."""

from __future__ import annotations

from pathlib import Path

import pytest

ROOT = Path(__file__).parents[3]

SERVER = "tests/integration/server"
PROVED_ELSEWHERE = {
    "services/admin/__main__.py": "tests/integration/admin/test_who.py",
    "services/admin/cli.py": "tests/integration/admin/test_who.py",
    "services/admin/client.py": "tests/integration/admin/test_watch.py",
    "services/player/__main__.py": "tests/integration/player/test_interactive.py",
    "services/player/automatic.py": "tests/integration/player/test_bots.py",
    "services/player/cli.py": "tests/integration/player/test_interactive.py",
    "services/player/client.py": "tests/integration/player/test_bots.py",
    "services/player/crew.py": "tests/integration/player/test_bots.py",
    "services/player/link.py": "tests/integration/player/test_interactive.py",
    "services/player/playing.py": "tests/integration/player/test_bots.py",
    "services/server/__main__.py": f"{SERVER}/test_life.py",
    "services/server/app.py": f"{SERVER}/test_life.py",
    "services/server/game/effects.py": "tests/support/talk.py",
    "services/server/healthcheck.py": f"{SERVER}/test_life.py",
    "services/server/hub.py": f"{SERVER}/test_play.py",
    "services/server/link.py": f"{SERVER}/test_play.py",
    "services/server/lobby.py": f"{SERVER}/test_watch.py",
    "services/server/reactor.py": f"{SERVER}/test_play.py",
    "services/server/session.py": f"{SERVER}/test_play.py",
}
"""Where a module is tested that has no test file of its own: shells that do little but input and output are
seen at work over loopback, through the program they are part of, and not by themselves."""


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
    assert own_test_files(module) or module in PROVED_ELSEWHERE


def test_exceptions_are_of_today() -> None:
    """Each exception is of a module that there is, and names a file that there is."""
    assert PROVED_ELSEWHERE.keys() <= set(modules())
    assert all((ROOT / file).exists() for file in PROVED_ELSEWHERE.values())
