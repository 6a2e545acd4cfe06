"""The table of a class: what a teacher's spreadsheet makes of it."""

from __future__ import annotations

import csv
import io

import pytest

from services.conformance.batch import Judgement, write_csv
from services.conformance.results import Level, Outcome, Report, Result


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
    write_csv(judgements, file)
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
    """Nothing that a submission says begins a cell as a formula does, whatever separates the cells."""
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
