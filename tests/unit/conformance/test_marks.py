"""The table of a class: what a teacher's spreadsheet makes of it."""

from __future__ import annotations

import csv
import io

import pytest

from services.conformance.batch import Judgement, merged, write_csv
from services.conformance.results import Finding, Level, Outcome, Report, Result


def judged(name: str, *outcomes: Outcome, dialects: tuple[str, ...] = ()) -> Judgement:
    """Make a judgement with these outcomes of checks of the level classic."""
    results = [
        Result(f"check-{number}", ("P-1",), Level.CLASSIC, "", outcome)
        for number, outcome in enumerate(outcomes)
    ]
    return Judgement(name, Level.ROBUST, Report(name, Level.ROBUST, 7, list(dialects), results))


def rows(*judgements: Judgement, delimiter: str = ",") -> list[list[str]]:
    """Return what a spreadsheet reads that takes this sign for the separator of cells."""
    file = io.StringIO(newline="")
    write_csv([judgement.row() for judgement in judgements], file)
    file.seek(0)
    return list(csv.reader(file, delimiter=delimiter))


def test_marks_are_numbers_of_one_hundred() -> None:
    """Each mark is a whole number of 100: not judged earns nothing, not applicable is left out."""
    passed, failed = Outcome.PASSED, Outcome.FAILED
    titles, ada, grace = rows(
        judged("ada", passed, passed, Outcome.NOT_APPLICABLE),
        judged("grace", passed, failed, Outcome.NOT_JUDGED, Outcome.NOT_JUDGED),
    )
    assert dict(zip(titles, ada, strict=True))["points"] == "100"
    assert dict(zip(titles, grace, strict=True))["points"] == "25"
    assert dict(zip(titles, grace, strict=True))["classic"] == "25"


def test_who_did_not_start_has_a_row() -> None:
    """A submission that did not start stands in the table, with 0 where others have their marks."""
    titles, row = rows(Judgement("ada", Level.ROBUST, None, "it listens on no port"))
    assert dict(zip(titles, row, strict=True)) == {
        "submission": "ada",
        "holds": "no",
        "points": "0",
        "classic": "0",
        "robust": "0",
        "extended": "",
        "broken": "",
        "dialects": "",
        "note": "it listens on no port",
    }


BEGINNINGS = ("", " ", "a;", "a; ", 'a;"', "a\t", "a\r", "a\n", "\t", "\r", "\n", "a\x0b")
SIGNS = "=+-@\uff1d"


@pytest.mark.parametrize("delimiter", [",", ";", "\t"])
def test_no_cell_is_a_formula(delimiter: str) -> None:
    """Nothing that a submission says begins a cell as a formula does, whatever separates the cells (G-13)."""
    words = [f"{begin}{sign}HYPERLINK(1)" for begin in BEGINNINGS for sign in SIGNS]
    submissions = [
        judgement
        for said in words
        for judgement in (
            judged(said, Outcome.PASSED, dialects=(said, said)),
            Judgement("ada", Level.ROBUST, None, said),
        )
    ]
    cells = [cell for row in rows(*submissions, delimiter=delimiter) for cell in row]
    assert not [cell for cell in cells if cell.strip().startswith(tuple(SIGNS))]
    assert not [cell for cell in cells if set(cell) & set("\t\r\n")]


def test_rows_are_merged_by_name() -> None:
    """Who is judged again has a new row in the old place, who is new has one more, and the others stay."""
    first = [judged(name, Outcome.FAILED).row() for name in ("ada", "=eve", "linus")]
    file = io.StringIO(newline="")
    write_csv(first, file)
    file.seek(0)
    before = list(csv.DictReader(file))
    now = [judged(name, Outcome.PASSED).row() for name in ("grace", "=eve")]
    file = io.StringIO(newline="")
    write_csv(merged(before, now), file)
    file.seek(0)
    rows = [(row["submission"], row["points"]) for row in csv.DictReader(file)]
    assert rows == [("'=eve", "100"), ("ada", "0"), ("grace", "100"), ("linus", "0")]


def test_name_cannot_steer_a_terminal() -> None:
    """A folder's name with escape codes is spelled out wherever it is shown (G-13)."""
    row = judged("\x1b[31mred\n", Outcome.PASSED).row()
    assert row["submission"] == r"\x1b[31mred\n"


def test_what_was_in_the_way_is_noted() -> None:
    """A row says for how many checks nothing was found out, and why."""
    report = Report("ada", Level.ROBUST, 7)
    report.results = [
        Result(f"check-{number}", (), Level.CLASSIC, "", Outcome.NOT_JUDGED, Finding(note="it hangs"))
        for number in range(3)
    ]
    assert Judgement("ada", Level.ROBUST, report).row()["note"] == "3 not judged: it hangs"
