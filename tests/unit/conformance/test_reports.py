"""What a report says, in its three forms."""

from __future__ import annotations

import io
import json
from dataclasses import replace
from typing import TYPE_CHECKING

import pytest

from services.conformance.export import as_json, from_dict
from services.conformance.report import alike, hanging, plain_lines, timeline_lines, write_report
from services.conformance.results import Finding, Level, Outcome, Report, Score
from services.conformance.timeline import EventKind, Recorder
from tests.support.conformance.sample import FINDING, TIMELINE, result, sample_report

if TYPE_CHECKING:
    from services.conformance.results import Result


@pytest.fixture
def report() -> Report:
    """Make a report with one result of each kind."""
    return sample_report()


def test_scores_leave_out_what_does_not_apply(report: Report) -> None:
    """Points are those of 100 that the applicable checks give; what was not judged counts as not passed."""
    assert report.score(Level.CLASSIC) == Score(1, 2)
    assert report.score(Level.ROBUST) == Score(1, 2)
    assert report.score() == Score(2, 4)
    assert report.score().points == 50


def test_only_who_passes_all_has_all_points() -> None:
    """Points are rounded down, and who has nothing applicable has none."""
    assert [Score(199, 200).points, Score(3, 3).points, Score(0, 0).points] == [99, 100, 0]


def test_clause_fails_with_any_of_its_checks(report: Report) -> None:
    """A clause is broken if one check of it failed, whatever the others say."""
    assert report.clauses() == {
        "P-1": Outcome.FAILED,
        "P-2": Outcome.PASSED,
        "P-3": Outcome.NOT_APPLICABLE,
        "A-2": Outcome.NOT_JUDGED,
    }


def test_level_holds_only_if_all_was_found_out(report: Report) -> None:
    """A level holds if no check of it failed or could not be judged."""

    def holds(results: list[Result]) -> bool:
        return Report("", Level.ROBUST, 7, [], results).holds

    failed, passed, passed_too, not_applicable, not_judged = report.results
    assert holds([passed, passed_too, not_applicable])
    assert not holds([passed, failed])
    assert not holds([passed, not_judged])


def test_levels_include_those_before_them() -> None:
    """A higher level asks for everything that the lower ones ask."""
    assert Level.CLASSIC.included == (Level.CLASSIC,)
    assert Level.EXTENDED.included == tuple(Level)


def test_text_explains_a_failure(report: Report) -> None:
    """The text shows what was sent, expected and came, the scores, the dialect and the broken clauses."""
    text = "\n".join(plain_lines(report))
    for part in (
        "FAIL        greets                P-1          About greets.",
        "0.100   1 > Hello\\r\\n",
        "0.200   1 < \\x1b[2JHi\\xff\\r\\n",
        "1 ! expected the line 'Greetings'; came 'Hi'",
        "P-1: Hello is answered Greetings",
        "expected: the line 'Greetings'",
        "came: 'Hi'",
        "hint: greet <properly>",
        "Oops",
        "program: gone: exit status 1",
        "classic: 50 of 100 points (1 of 2 checks)",
        "dialect: short",
        "broken clauses: P-1",
        "level robust does not hold (3 s, seed 7)",
    ):
        assert part in text


def test_json_can_be_read_back(report: Report) -> None:
    """The JSON holds everything: reading it gives the same report."""
    text = as_json(report)
    assert from_dict(json.loads(text)) == report
    read = json.loads(text)
    assert read["clauses"][0] == {"id": "P-1", "sentence": "Hello is answered Greetings", "outcome": "fail"}
    half = {"points": 50, "passed": 1, "applicable": 2}
    assert read["scores"] == {"classic": half, "robust": half}
    assert read["holds"] is False


def spelled(number: int) -> str:
    """Spell a number in letters: what differs in numbers alone is told once."""
    return chr(ord("a") + number // 26) + chr(ord("a") + number % 26)


def test_offending_exchange_is_shown() -> None:
    """Of a long session the text shows the beginning and what led to the mismatch, wherever that is."""
    recorder = Recorder(iter(range(1000)).__next__)
    number = recorder.opened("player", "127.0.0.1 4000", "127.0.0.1 50123")
    wrong_at = 0.0
    for guess in range(150):
        recorder.note(EventKind.RECEIVED, number, data=f"Said {spelled(guess)}\r\n".encode())
        if guess == 77:
            wrong_at = recorder.now()
    recorder.mark(number, "expected less; came 77", wrong_at)
    lines = list(timeline_lines(recorder.timeline(), most=20))
    wrong = next(at for at, line in enumerate(lines) if "! expected less; came 77" in line)
    assert f"< Said {spelled(77)}" in lines[wrong - 1]
    assert len(lines) == 1 + 20 + 2
    assert sum(int(line.split()[1]) for line in lines if "not shown" in line) == 152 - 20
    recorder.unmark()
    assert recorder.timeline().mismatch is None


def failed(name: str, note: str = "", level: Level = Level.ROBUST, **more: object) -> Result:
    """Make a result of a check that failed."""
    finding = replace(FINDING, note=note)
    return result(name, ("P-1",), level, Outcome.FAILED, **{"finding": finding, "timeline": TIMELINE, **more})


def text_of(*results: Result, level: Level = Level.ROBUST, chosen: bool = False) -> str:
    """Return the text of a report."""
    return "\n".join(plain_lines(Report("ada", level, 7, [], list(results), chosen=chosen)))


def test_failures_are_named_at_the_end() -> None:
    """The end names the failed checks, those with one hint together, and with which to begin."""
    results = [failed("prompt", "a"), failed("greets", "b"), failed("prompt-words", "a"), failed("who")]
    assert alike(results) == [["prompt", "prompt-words"], ["greets"], ["who"]]
    end = text_of(*results).partition("failed checks, the simplest first")[2].splitlines()
    assert end[1:4] == ["  prompt, prompt-words", "  greets", "  who"]
    assert end[4] == "begin with: --only prompt,prompt-words"


def test_chosen_checks_judge_no_level() -> None:
    """Where single checks were asked for, the end counts them and speaks of no level."""
    passed = result("who", ("A-2",), Level.ROBUST, Outcome.PASSED)
    assert "2 of 2 chosen checks passed; no level is judged by them" in text_of(passed, passed, chosen=True)


def test_level_below_that_holds_is_named() -> None:
    """Where only the last level does not hold, the one before it is said to."""
    passed = result("who", ("A-2",), Level.ROBUST, Outcome.PASSED)
    told = failed("told", level=Level.EXTENDED)
    assert "level extended does not hold; robust does" in text_of(passed, told, level=Level.EXTENDED)
    assert "level robust does not hold (" in text_of(failed("greets", level=Level.CLASSIC))


def test_one_scene_is_shown_once() -> None:
    """Of checks that look at the same events, the second shows its own connection alone."""
    text = text_of(failed("silent"), failed("greeted"))
    assert text.count("the program was started") == 1
    assert text.count("! expected the line 'Greetings'; came 'Hi'") == 2
    assert "timeline: this connection alone; all of it stands at silent, above" in text


def test_what_the_kits_end_made_it_print_is_told_apart() -> None:
    """A traceback that came after the kit had closed does not stand beside the fault."""
    finding = Finding("A", "B", "", ("Oops",), ("Traceback", "IndexError: x"))
    text = text_of(failed("prompt", finding=finding))
    assert "afterwards, when the kit had closed, the program printed: … IndexError: x" in text
    assert "Traceback" not in text


def test_reason_stands_at_each_check() -> None:
    """Whatever could not be judged says why; a long reason is told once."""

    def not_judged(name: str, note: str) -> Result:
        return result(name, ("A-4",), Level.ROBUST, Outcome.NOT_JUDGED, finding=Finding(note=note))

    short = text_of(not_judged("told", "see watch"), not_judged("pong", "see watch"))
    assert short.count("(see watch)") == 2
    assert "(as told, above)" in text_of(not_judged("told", "x " * 80), not_judged("pong", "x " * 80))


def test_words_are_explained() -> None:
    """The words of a failure that a beginner need not know are explained, once, and no others."""
    text = text_of(failed("prompt", "a reset"), failed("who", "a reset of 3 octets"))
    assert text.count("  octet: a byte") == 1
    assert text.count("  reset: ") == 1
    assert "backlog: " not in text


class Screen(io.StringIO):
    """A terminal without a descriptor."""

    def isatty(self) -> bool:
        """Say that people look at it."""
        return True

    def fileno(self) -> int:
        """Have some descriptor."""
        return 1


def test_terminal_keeps_the_indentation(monkeypatch: pytest.MonkeyPatch) -> None:
    """On a terminal long lines go on below where they began; marks are coloured where that is wanted."""
    monkeypatch.setenv("COLUMNS", "70")
    assert hanging("    " + "word " * 20, 40)[1].startswith("        word")
    for environ, red in (({"NO_COLOR": "1"}, 0), ({"FORCE_COLOR": "1"}, 1)):
        screen = Screen()
        write_report(sample_report(), screen, environ)
        assert screen.getvalue().count("\x1b[1;31mFAIL") == red
        assert max(map(len, screen.getvalue().splitlines())) < 85
