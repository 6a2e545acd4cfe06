"""The contract of the log, read from docs/logs.md, and lines held against it."""

from __future__ import annotations

import ipaddress
import json
import re
from collections import defaultdict
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeAlias

if TYPE_CHECKING:
    from collections.abc import Callable

DOCUMENT = Path(__file__).parents[2] / "docs" / "logs.md"

Event: TypeAlias = dict[str, Any]

COMMON = "Every line"
SHARED = "Every service"
FIRST_FIELDS = ("timestamp", "level", "event", "service", "session", "peer")
"""These come first in a line, and in this order."""

_NAMES = re.compile(r"`([^`]+)`")
_TIME = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d{6})?Z", re.ASCII)


@dataclass(frozen=True, slots=True)
class Row:
    """What the contract says of one event."""

    level: str
    required: frozenset[str]
    optional: frozenset[str]
    types: dict[str, str]
    """The type of each field, the common ones included, as the document spells it."""


def _tables(section: str) -> list[list[dict[str, str]]]:
    """Return the tables of a section, each a list of rows by column."""
    tables = []
    for block in re.findall(r"(?:^\|.*\|\n)+", section, re.MULTILINE):
        header, _, *rows = [
            [cell.strip() for cell in line.strip("|").split(" |")] for line in block.splitlines()
        ]
        tables.append([dict(zip(header, row, strict=True)) for row in rows])
    return tables


def _fields(tables: list[list[dict[str, str]]]) -> dict[str, str]:
    return {row["field"].strip("`"): row["type"] for table in tables for row in table if "field" in row}


@cache
def contract() -> dict[str, dict[str, Row]]:
    """Return the events of each service, as the document lists them."""
    sections = {
        title: _tables(text)
        for title, text in re.findall(
            r"^## (.*)\n((?:(?!## ).*\n)*)", DOCUMENT.read_text(encoding="utf-8"), re.MULTILINE
        )
    }
    common, shared = _fields(sections.pop(COMMON)), sections.pop(SHARED)
    return {
        service: _rows(tables + shared, common | _fields(shared) | _fields(tables))
        for service, tables in sections.items()
    }


def _rows(tables: list[list[dict[str, str]]], types: dict[str, str]) -> dict[str, Row]:
    rows = {}
    for row in (row for table in tables for row in table if "event" in row):
        fields = _NAMES.findall(row["fields"])
        rows[row["event"].strip("`")] = Row(
            row["level"],
            required=frozenset(name for name in fields if not name.endswith("?")),
            optional=frozenset(name.removesuffix("?") for name in fields if name.endswith("?")),
            types=types,
        )
    return rows


def _is_address(value: object) -> bool:
    if not isinstance(value, str) or value.count(" ") != 1:
        return False
    host, port = value.split(" ")
    try:
        address = ipaddress.ip_address(host)
    except ValueError:
        return False
    mapped = isinstance(address, ipaddress.IPv6Address) and address.ipv4_mapped is not None
    return not mapped and port.isascii() and port.isdecimal()


def _is_text(value: object) -> bool:
    # Control and bidirectional characters are not printable.
    return isinstance(value, str) and value.isprintable()


def _is_integer(value: object) -> bool:
    return isinstance(value, int) and not isinstance(value, bool)


def _is_list(value: object, is_one: Callable[[object], bool]) -> bool:
    return isinstance(value, list) and all(map(is_one, value))


_CHECKS: dict[str, Callable[[object], bool]] = {
    "text": _is_text,
    "integer": _is_integer,
    "number": lambda value: _is_integer(value) or isinstance(value, float),
    "address": _is_address,
    "time": lambda value: isinstance(value, str) and _TIME.fullmatch(value) is not None,
    "texts": lambda value: _is_list(value, _is_text),
    "addresses": lambda value: _is_list(value, _is_address),
    "lines": lambda value: isinstance(value, str) and all(map(_is_text, value.split("\n"))),
}


def _has_type(value: object, kind: str) -> bool:
    if kind in _CHECKS:
        return _CHECKS[kind](value)
    words = _NAMES.findall(kind)
    assert words, f"docs/logs.md: no such type: {kind}"
    return value in words


def check_line(text: str) -> Event:
    """Hold one line of a log, without its terminator, against the contract, and return its event.

    Raises:
        AssertionError: the line breaks the contract; the message says how.
    """
    assert text.isascii(), f"not ASCII: {text!r}"
    assert text.isprintable(), f"control characters: {text!r}"
    try:
        event = json.loads(text)
    except ValueError:
        event = None
    assert isinstance(event, dict), f"no JSON object: {text!r}"
    service, name = event.get("service"), event.get("event")
    assert isinstance(service, str), f"no service: {text}"
    assert service in contract(), f"docs/logs.md knows no service {service!r}: {text}"
    assert isinstance(name, str), f"no event: {text}"
    assert name in contract()[service], f"docs/logs.md has no event {name!r} of the {service}: {text}"
    _check_fields(event, contract()[service][name], text)
    return event


def _check_fields(event: Event, row: Row, text: str) -> None:
    name = event["event"]
    own = event.keys() - {"timestamp", "level", "event", "service"}
    assert "timestamp" in event, f"{name} has no timestamp: {text}"
    assert event.get("level") == row.level, f"{name} is of level {row.level}: {text}"
    assert not row.required - own, f"{name} lacks {sorted(row.required - own)}: {text}"
    extra = own - row.required - row.optional
    assert not extra, f"docs/logs.md does not give {name} these fields: {sorted(extra)}: {text}"
    for field, value in event.items():
        kind = row.types[field]
        assert _has_type(value, kind), f"{name}: {field} is not {kind}, but {value!r}: {text}"
    first = [field for field in FIRST_FIELDS if field in event]
    assert list(event)[: len(first)] == first, f"{name} does not begin with {first}: {text}"


class Events:
    """The events of a log that grows; most questions are about one kind of them, again at each new line."""

    def __init__(self) -> None:
        self._all: list[Event] = []
        self._by_name: defaultdict[str, list[Event]] = defaultdict(list)

    def add(self, event: Event) -> None:
        """Take the next one."""
        self._all.append(event)
        self._by_name[event["event"]].append(event)

    def found(self, name: str | None = None, /, **fields: object) -> list[Event]:
        """Return all so far, or those of one name, with just these fields."""
        events = self._all if name is None else self._by_name[name]
        return [event for event in events if fields.items() <= event.items()] if fields else events.copy()


def check_log(text: str) -> list[Event]:
    """Hold a whole log against the contract, and return its events."""
    return [check_line(line) for line in text.splitlines()]
