"""The file .env, as Compose and the scripts read it."""

from __future__ import annotations

import shutil
import subprocess
from typing import TYPE_CHECKING

from tests.support.topology import ROOT

if TYPE_CHECKING:
    from pathlib import Path

WRITTEN = {
    'PYTHON_IMAGE="python:3.14"   # newer\r\n': "python:3.14",
    "export SERVERS=7 \r\n": "7",
    "BOTS = 4\r\n": "4",
    "IMAGE_PREFIX=${REGISTRY}/game\r\n": "registry.example/game",
    "VALKEY_IMAGE=\r\n": "default:1",
}
"""Lines as editors and people write them, and what they say."""


def test_the_scripts_read_settings_as_compose_does(tmp_path: Path) -> None:
    """Neither a byte order mark nor line ends, quotes, blanks or references make a difference."""
    (tmp_path / "scripts").mkdir()
    shutil.copy(ROOT / "scripts" / "settings", tmp_path / "scripts")
    (tmp_path / ".env").write_bytes(("\ufeffREGISTRY=registry.example\r\n" + "".join(WRITTEN)).encode())
    names = [line.removeprefix("export ").partition("=")[0].strip() for line in WRITTEN]
    done = subprocess.run(
        ["bash", "-euc", '. scripts/settings; for name; do setting "$name" default:1; done', "bash", *names],
        cwd=tmp_path,
        capture_output=True,
        text=True,
        check=False,
        timeout=60,
    )
    assert (done.stdout.splitlines(), done.stderr) == ([*WRITTEN.values()], "")
