"""The contract of the log: the document and the code agree, and breaches are seen."""

from __future__ import annotations

import ast
import json
import re
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from services.server.game.log_events import LogEvent
from tests.support.log_contract import check_line, check_log, contract

if TYPE_CHECKING:
    from collections.abc import Iterator

SERVICES = Path(__file__).parents[3] / "services"
NOUN_VERB = re.compile(r"[a-z]+(_[a-z]+)+")
LEVELS = {"debug": "debug", "info": "info", "warning": "warning", "error": "error", "exception": "error"}

GUESS = {
    "timestamp": "2025-01-31T12:00:00.000001Z",
    "level": "info",
    "event": "guess_judged",
    "service": "server",
    "session": "a1-1",
    "peer": "2001:db8::7 50124",
    "number": 15,
    "verdict": "Far",
    "attempt": 1,
}


def line(**changes: Any) -> str:
    """Return the line of a guess with some fields changed, or dropped where None."""
    return json.dumps({name: value for name, value in (GUESS | changes).items() if value is not None})


def test_a_good_line_gives_its_event() -> None:
    """A line that keeps the contract comes back as its event."""
    assert check_line(line()) == GUESS
    assert check_log(line() + "\n" + line() + "\n") == [GUESS, GUESS]


@pytest.mark.parametrize(
    ("text", "complaint"),
    [
        ("Traceback (most recent call last):", "no JSON object"),
        ("[]", "no JSON object"),
        ("", "no JSON object"),
        ('{"event": "\x1b[2J"}', "control characters"),
        ('{"event": "\x7f"}', "control characters"),
        ('{"event": "Grüße"}', "not ASCII"),
        (line(service=None), "no service"),
        (line(service="cook"), "knows no service 'cook'"),
        (line(event=None), "no event"),
        (line(event="guess_judgd"), "has no event 'guess_judgd' of the server"),
        (line(level="debug"), "guess_judged is of level info"),
        (line(timestamp=None), "guess_judged has no timestamp"),
        (line(timestamp="2025-01-31 12:00:00"), "timestamp is not time"),
        (line(attempt=None), r"guess_judged lacks \['attempt'\]"),
        (line(secret=7), r"does not give guess_judged these fields: \['secret'\]"),
        (line(number="15"), "number is not integer, but '15'"),
        (line(number=True), "number is not integer"),
        (line(verdict="Near"), "verdict is not `Far`, `Close`, `Correct`, but 'Near'"),
        (line(peer="::ffff:192.0.2.7 50123"), "peer is not address"),
        (line(peer="192.0.2.7:50123"), "peer is not address"),
        (line(peer="somewhere 50123"), "peer is not address"),
        (line(session="\x1b[0m"), "session is not text"),
        (line(session="\u202eevil"), "session is not text"),
        (json.dumps(dict(reversed(GUESS.items()))), "does not begin with"),
    ],
)
def test_a_breach_is_seen_and_named(text: str, complaint: str) -> None:
    """A line that breaks the contract fails, and the message says what is wrong with it."""
    with pytest.raises(AssertionError, match=complaint):
        check_line(text)


def test_lists_numbers_and_tracebacks_are_checked() -> None:
    """Types that are not plain are held to their contents, too."""
    time = {"timestamp": "2025-01-31T12:00:00.000001Z"}
    listed = {**time, "level": "info", "event": "players_listed", "service": "admin", "playing": 1}
    failed = {
        **time,
        "level": "error",
        "event": "session_failed",
        "service": "server",
        "session": "1",
        "peer": "::1 4",
    }

    assert check_line(json.dumps({**listed, "players": ["::1 4"]}))["playing"] == 1
    assert check_line(json.dumps({**failed, "exception": "Traceback\n  File"}))
    with pytest.raises(AssertionError, match="players is not addresses"):
        check_line(json.dumps({**listed, "players": ["::1"]}))
    with pytest.raises(AssertionError, match="exception is not lines"):
        check_line(json.dumps({**failed, "exception": "Traceback\n\x1b[2J"}))


def test_the_events_of_sessions_are_in_the_document() -> None:
    """Each event of a session has its row, with its level and its fields."""
    for event in LogEvent:
        row = contract()["server"][event.event]
        assert row.level == event.level
        assert row.required == {"session", "peer", *event.fields, event.count_field} - {""}


def logged() -> Iterator[tuple[str, ast.Call]]:
    """Yield each call in the source that logs an event by its name, and the service it belongs to."""
    for path in SERVICES.rglob("*.py"):
        service = path.relative_to(SERVICES).parts[0]
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if (
                isinstance(node, ast.Call)
                and isinstance(node.func, ast.Attribute)
                and node.func.attr in LEVELS
                and node.args
            ):
                yield service, node


def test_every_event_in_the_source_is_in_the_document() -> None:
    """Wherever the source logs an event by its name, the document has it with that level and these fields."""
    seen = set()
    for service, call in logged():
        assert isinstance(call.func, ast.Attribute)
        of_service = contract().get(service) or contract()["server"]  # the server's lobby; the shared runtime
        fields = {"exception" if each.arg == "exc_info" else each.arg for each in call.keywords}
        words = {node.value for node in ast.walk(call.args[0]) if isinstance(node, ast.Constant)}
        names = {word for word in words if isinstance(word, str) and NOUN_VERB.fullmatch(word)}
        for name in names:
            seen.add(name)
            assert name in of_service, f"docs/logs.md: {service} has no {name}"
            row = of_service[name]
            assert row.level == LEVELS[call.func.attr], name
            if None not in fields:  # no ** among them
                bound = {"session", "peer", "exception"}  # bound before, or given by the level
                assert row.required - fields <= bound, name
                assert fields <= row.required | row.optional, name
    assert {"server_listening", "player_joined", "certificates_made", "log_lines_dropped"} <= seen


@pytest.mark.parametrize("service", contract())
def test_every_event_of_the_document_is_in_the_source(service: str) -> None:
    """No row of the document is left over from an event that is no more."""
    folders = (SERVICES / service, SERVICES / "lobby", SERVICES / "runtime")
    source = "".join(path.read_text(encoding="utf-8") for folder in folders for path in folder.rglob("*.py"))

    for name in contract()[service]:
        assert f'"{name}"' in source, name


@pytest.mark.parametrize("service", contract())
def test_every_field_of_the_document_has_a_type(service: str) -> None:
    """Each field that an event names has its own row, and each such row is some event's."""
    rows = contract()[service].values()
    named = {field for row in rows for field in row.required | row.optional}

    for row in rows:
        assert named <= row.types.keys()
        assert row.types.keys() - named == {"timestamp", "level", "event", "service"}
