"""The logged of a session as the log knows them."""

from __future__ import annotations

from services.server.game.log_events import LogEvent


def test_each_fact_has_a_name_of_its_own() -> None:
    """Event names are distinct, noun_verb in small letters, and no field is named twice."""
    assert len({fact.event for fact in LogEvent}) == len(LogEvent)
    for fact in LogEvent:
        assert fact.event == fact.name.lower()
        assert len(set(fact.fields)) == len(fact.fields)
        assert fact.level in {"debug", "info"}
