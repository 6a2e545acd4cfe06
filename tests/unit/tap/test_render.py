"""How entries look: as text, as JSON and as a page."""

from __future__ import annotations

import json

from services.tap.follow import Finding, Port, Shown, Side
from services.tap.render import KEPT_ENTRIES, Entry, Timeline, json_line, text_lines

ENTRY = Entry(1.25, 2, Port.PLAYER, Shown(Side.CLIENT, "Hi <b>", (Finding("P-1", "out of turn"),)))
PLAIN = Entry(2.0, 2, Port.ADMIN, Shown(Side.SERVER, ""))


def test_text() -> None:
    """A line shows when, where and who; what it breaks stands below it."""
    assert text_lines(ENTRY, colours=False) == [
        "    1.250  player 2  -> Hi <b>",
        "           P-1: out of turn",
    ]
    assert text_lines(PLAIN, colours=False) == ["    2.000  admin 2  <- (an empty line)"]


def test_a_note_stands_beside_its_line() -> None:
    """What the tap adds to a line is told apart from it: two blanks in text, a field of its own in JSON."""
    entry = Entry(2.0, 2, Port.ADMIN, Shown(Side.SERVER, "10.0.0.1 4000", note="(player 1)"))
    assert text_lines(entry, colours=False) == ["    2.000  admin 2  <- 10.0.0.1 4000  (player 1)"]
    assert json.loads(json_line(entry))["text"] == "10.0.0.1 4000"
    assert json.loads(json_line(entry))["note"] == "(player 1)"
    timeline = Timeline()
    timeline.add(entry)
    assert "<code>10.0.0.1 4000</code> (player 1)" in timeline.page()


def test_colours_only_where_they_are_wanted() -> None:
    """With colours there are escape codes, without there are none."""
    assert all("\x1b" in line for line in text_lines(ENTRY, colours=True))
    assert not any("\x1b" in line for line in text_lines(ENTRY, colours=False))


def test_json() -> None:
    """A JSON line has the same facts, for programs."""
    assert json.loads(json_line(ENTRY)) == {
        "at_s": 1.25,
        "connection": 2,
        "port": "player",
        "from": "client",
        "kind": "line",
        "text": "Hi <b>",
        "note": "",
        "findings": [{"clause": "P-1", "text": "out of turn"}],
    }


def test_the_page_shows_texts_and_never_runs_them() -> None:
    """What a peer has sent is text in the page, and the broken clauses are named at its top."""
    timeline = Timeline()
    timeline.add(ENTRY)
    timeline.add(Entry(2.0, 2, Port.PLAYER, Shown(Side.SERVER, "(closed its side)", is_line=False)))
    page = timeline.page()
    assert "Hi &lt;b&gt;" in page
    assert "<b>" not in page.replace("<b>P-1</b>", "")
    assert "Clauses that were broken: P-1." in page
    assert "http" not in page.replace("http-equiv", "")


def test_the_page_is_bounded() -> None:
    """A tap that runs for long shows its last entries, and says how many are left out."""
    timeline = Timeline()
    for _ in range(KEPT_ENTRIES + 3):
        timeline.add(PLAIN)
    assert "No clause was broken. The first 3 entries are left out." in timeline.page()
