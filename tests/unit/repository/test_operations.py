"""docs/operations.md tells every setting, every limit and their defaults, as the code has them."""

from __future__ import annotations

import importlib
import re
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from services.admin.settings import Settings as AdminSettings
from services.player.settings import Settings as PlayerSettings
from services.runtime.logging import LogFormat
from services.server.settings import Settings as ServerSettings

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

DOCUMENT = Path(__file__).parents[3] / "docs" / "operations.md"

READERS: dict[str, Callable[[Mapping[str, str]], object]] = {
    "The server": lambda environ: ServerSettings.from_environ(environ, LogFormat.JSON),
    "The player": lambda environ: PlayerSettings.read(environ, {}),
    "The administrator": lambda environ: AdminSettings.from_environ(environ, LogFormat.JSON),
}
UNITS = {
    "games": 1,
    "players": 1,
    "days": 1,
    "octets": 1,
    "connections": 1,
    "entries": 1,
    "events": 1,
    "turns": 1,
    "descriptors": 1,
    "s": 1,
    "ms": 1,
    "MiB": 1 << 20,
}


class Noting(Mapping[str, str]):
    """An empty environment that notes what is looked up in it."""

    def __init__(self) -> None:
        self.names: set[str] = set()

    def __getitem__(self, name: str) -> str:
        self.names.add(name)
        raise KeyError(name)

    def __iter__(self) -> Iterator[str]:
        return iter(())

    def __len__(self) -> int:
        return 0


def rows(section: str, beginning: str) -> list[list[str]]:
    """Return the rows of a section's tables whose first cell is a name that begins so."""
    text = DOCUMENT.read_text(encoding="utf-8")
    found = re.search(rf"^## {section}\n(.*?)(?=^## |\Z)", text, re.MULTILINE | re.DOTALL)
    assert found, section
    cells = [[cell.strip() for cell in line.strip("|").split(" |")] for line in found[1].splitlines()]
    return [row for row in cells if row[0].startswith(f"`{beginning}")]


def settings(section: str) -> dict[str, str]:
    """Return the settings of a program, and what the document says is their default."""
    return {row[0].strip("`"): row[1] for row in rows(section, "GAME_")}


@pytest.mark.parametrize("program", READERS)
def test_every_setting_is_told(program: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """A program reads just the settings that the document lists for it."""
    environ = Noting()
    # The player lays flags over its environment, in a copy that would note nothing.
    monkeypatch.setattr("services.player.settings.EnvironReader", lambda _: reader(environ))
    READERS[program](environ)

    assert environ.names == settings(program).keys()


def reader(environ: Mapping[str, str]) -> Any:
    """Return what reads an environment."""
    return importlib.import_module("services.runtime.environ").EnvironReader(environ)


@pytest.mark.parametrize(
    ("program", "name", "default"),
    [
        (program, name, default.strip("`"))
        for program in READERS
        for name, default in settings(program).items()
        if default.startswith("`")
    ],
)
def test_every_default_is_told(program: str, name: str, default: str) -> None:
    """Setting what the document calls the default changes nothing."""
    assert READERS[program]({name: default}) == READERS[program]({})


@pytest.mark.parametrize(
    "row",
    [
        *rows("The server", "services."),
        *rows("The player", "services."),
        *rows("What every client does to connect", "services."),
        *rows("The administrator", "services."),
    ],
    ids=lambda row: row[0],
)
def test_every_constant_is_told(row: list[str]) -> None:
    """A limit that cannot be set is what the document says it is."""
    module, _, name = row[0].strip("`").rpartition(".")
    number, unit = row[1].split(" ")

    assert getattr(importlib.import_module(module), name) == float(number) * UNITS[unit]
