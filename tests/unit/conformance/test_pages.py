"""The pages: what stands in them, and that nothing that a program has said is markup."""

from __future__ import annotations

from html.parser import HTMLParser
from typing import TYPE_CHECKING

import pytest

from services.conformance.pages import (
    ROWS,
    Judged,
    class_page,
    program_page,
    row_of,
    rows_in,
    write_class,
    write_page,
)
from services.conformance.results import Level, Outcome, Report
from tests.support.conformance.sample import HOSTILE, hostile_report, result, sample_report

if TYPE_CHECKING:
    from pathlib import Path

VOID = {"meta", "input"}


class Reader(HTMLParser):
    """Reads a page as a browser would: its elements, their nesting and its text."""

    def __init__(self, page: str) -> None:
        super().__init__()
        self.open: list[str] = []
        self.tags: list[tuple[str, dict[str, str | None]]] = []
        self.words: list[str] = []
        self.feed(page)
        self.close()
        assert self.open == []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        """Note an element."""
        self.tags.append((tag, dict(attrs)))
        if tag not in VOID:
            self.open.append(tag)

    def handle_endtag(self, tag: str) -> None:
        """Take the innermost element to end."""
        assert self.open.pop() == tag

    def handle_data(self, data: str) -> None:
        """Note text."""
        self.words.append(data)

    @property
    def text(self) -> str:
        """All text."""
        return "\n".join(self.words)

    def count(self, tag: str) -> int:
        """Return how many elements there are of a name."""
        return sum(name == tag for name, _ in self.tags)


def test_failure_is_explained() -> None:
    """A failed check shows its clause, what was expected and came, the hint, and all that happened."""
    read = Reader(program_page(sample_report()))
    for part in (
        "50 of 100 points",
        "short: begins the game without Game",
        "Hello is answered Greetings",
        "the line 'Greetings'",
        "'Hi'",
        'greet <properly> & "well"',
        "gone: exit status 1",
        "Oops",
        "\u2192 Hello\\r\\n",
        "\u2190 \\x1b[2JHi\\xff\\r\\n",
        "1: player port",
        "Begin with",
        "--only greets",
        "no TLS",
    ):
        assert part in read.text


@pytest.mark.parametrize("lanes", [1, 2, 9])
def test_words_of_programs_are_never_markup(lanes: int) -> None:
    """Whatever a program says, prints or is called stands in the page as it is, and makes no element."""
    report = hostile_report(lanes)
    for page in (
        program_page(report),
        class_page([row_of(Judged(HOSTILE, report)), row_of(Judged(HOSTILE, None, HOSTILE))]),
    ):
        read = Reader(page)
        assert read.count("img") == 0
        assert HOSTILE in read.text
        assert "\x1b" not in page
        assert "\u202e" not in page
        assert not [value for _, attributes in read.tags for value in attributes if value.startswith("on")]


def test_page_asks_nobody() -> None:
    """A page has no address of anything outside, and its policy allows none."""
    for page in (
        program_page(sample_report(), back=True),
        class_page([row_of(Judged("ada", sample_report()))]),
    ):
        read = Reader(page)
        addresses = [
            value
            for _, attributes in read.tags
            for name, value in attributes.items()
            if name in {"href", "src", "action"}
        ]
        assert not [address for address in addresses if address and ":" in address]
        (policy,) = [attributes["content"] for _, attributes in read.tags if "http-equiv" in attributes]
        assert policy is not None
        assert policy.startswith("default-src 'none';")


def test_many_connections_are_told_by_their_numbers() -> None:
    """Few connections have a column each; many are told below one another, and what was left out is said."""
    few, many = (Reader(program_page(hostile_report(lanes))) for lanes in (2, 9))
    assert "2: player port" in few.text
    assert "9: player port" not in many.text
    assert f"9: \u2190 {HOSTILE}" in many.text
    assert "3 events are left out" in few.text


def test_matrix_has_a_cell_for_each_clause() -> None:
    """A row of the matrix says of each clause how it stands; who was not judged has the reason there."""
    read = Reader(
        class_page([row_of(Judged("ada", sample_report())), row_of(Judged("bela", None, "it did not start"))])
    )
    words = [word.strip() for word in read.words if word.strip()]
    start = words.index("ada")
    assert words[start : start + 9] == [
        "ada",
        "50",
        "\u2717",
        "FAILED",
        "\u2713",
        "passed",
        "\u2013",
        "not applicable",
        "?",
    ]
    assert words[words.index("bela") :][:3] == ["bela", "0", "it did not start"]


def test_everything_passed() -> None:
    """Who has passed everything has nothing to mend."""
    report = Report("ada", Level.CLASSIC, 7, [], [result("greets", ("P-1",), Level.CLASSIC, Outcome.PASSED)])
    assert "What to mend" not in Reader(program_page(report)).text


def test_files(tmp_path: Path) -> None:
    """The matrix links to a page for each submission, whatever it is called; a program alone has one page."""
    write_class([Judged("index", sample_report()), Judged("a&b #1", sample_report())], tmp_path / "class")
    read = Reader((tmp_path / "class/index.html").read_text(encoding="utf-8"))
    links = [attributes["href"] for tag, attributes in read.tags if tag == "a"]
    assert links == ["submissions/a%26b%20%231.html", "submissions/index.html"]
    assert (tmp_path / "class/submissions/a&b #1.html").exists()
    write_page(sample_report(), tmp_path / "one")
    assert "server example" in (tmp_path / "one/index.html").read_text(encoding="utf-8")


def test_rows_of_others_stay(tmp_path: Path) -> None:
    """Who is judged again has a new row; the others keep theirs, whatever they are called."""
    write_class([Judged("ada", None, "no"), Judged(HOSTILE, hostile_report(3)), Judged("b", None)], tmp_path)
    before = rows_in(tmp_path)
    write_class([Judged("ada", sample_report())], tmp_path, before)
    after = {row.name: row for row in rows_in(tmp_path)}
    assert after.pop("ada").points == sample_report().score().points
    assert list(after.values()) == [row for row in before if row.name != "ada"]
    read = Reader((tmp_path / "index.html").read_text(encoding="utf-8"))
    assert "3 of 3 shown" in read.text


@pytest.mark.parametrize("text", ["", "[1]", '[{"name": "ada"}]', '[{"name": "a", "outcomes": 3}]', "[{}]"])
def test_rows_that_cannot_be_read(text: str, tmp_path: Path) -> None:
    """What is no matrix of ours is said to be none, by its name; where there is no file there are no rows."""
    assert rows_in(tmp_path) == []
    (tmp_path / ROWS).write_text(text, encoding="utf-8")
    with pytest.raises(ValueError, match=r"matrix\.json holds no rows"):
        rows_in(tmp_path)
