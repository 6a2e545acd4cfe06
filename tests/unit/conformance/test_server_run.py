"""What is said of a server that has fallen silent."""

from __future__ import annotations

from services.conformance.server_run import last_words
from services.conformance.timeline import EventKind, Recorder


def test_last_words_name_line_and_connection() -> None:
    """Of a server that has fallen silent its last line is told, and who got it; by port if that is asked."""
    taken = Recorder()
    player, admin = taken.opened("player", "a 1", "b 2"), taken.opened("admin", "a 3", "b 4")
    taken.note(EventKind.RECEIVED, admin, data=b"Admin-Greetings\r\n")
    taken.note(EventKind.RECEIVED, player, data=b"Far\r\nCorrect\r\n")
    assert last_words(taken.timeline()) == ", since connection 1 got 'Correct'"
    assert last_words(taken.timeline(), "admin") == ", since connection 2 got 'Admin-Greetings'"
    assert last_words(Recorder().timeline()) == ""
