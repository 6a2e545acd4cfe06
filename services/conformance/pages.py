"""A report to look at: one page for each program, and for a class a matrix of submissions and clauses.

A page is one file and asks nobody for anything; its policy forbids it. Whatever a program has said, printed
or is called is escaped in one place, `_tag`, and is never markup.
"""

import base64
import hashlib
import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass
from html import escape
from pathlib import Path
from typing import Final
from urllib.parse import quote

from services.conformance.clauses import CLAUSES, clause_order
from services.conformance.report import alike, event_in_words
from services.conformance.results import Outcome, Report, Result
from services.conformance.timeline import PROGRAM, Event, EventKind, Timeline
from services.conformance.words import explained
from services.protocol.printable import printable
from services.runtime.whole_file import write_whole

ROWS: Final = "matrix.json"
"""The file beside the matrix that holds its rows."""
SUBMISSIONS: Final = "submissions"
"""The folder beside the matrix that holds the page of each submission."""
MOST_LANES: Final = 4
"""So many connections have a column each; more of them are told by their numbers."""
SIGNS: Final = {
    Outcome.PASSED: ("\u2713", "pass", "passed"),
    Outcome.FAILED: ("\u2717", "fail", "FAILED"),
    Outcome.NOT_APPLICABLE: ("\u2013", "none", "not applicable"),
    Outcome.NOT_JUDGED: ("?", "open", "not judged"),
}
"""How an outcome is drawn: its sign, its class, and its words for who does not see the sign."""
SENT: Final = {EventKind.SENT, EventKind.HALF_CLOSED, EventKind.CLOSED, EventKind.RESET}
CAME: Final = {EventKind.RECEIVED, EventKind.PEER_CLOSED, EventKind.PEER_RESET}

STYLE: Final = """
:root { color-scheme: light dark; --ink: #1b1f24; --paper: #fff; --soft: #f2f4f7; --line: #c9ced6;
  --dim: #57606a; --pass: #116329; --fail: #a40e26; --open: #7a4b00; --link: #0a4fa3; --fail-paper: #ffebe9; }
@media (prefers-color-scheme: dark) {
  :root { --ink: #e6e9ee; --paper: #14171c; --soft: #1f242b; --line: #454c56; --dim: #a3acb8;
    --pass: #63d58a; --fail: #ff9a93; --open: #e8b45a; --link: #8bbcff; --fail-paper: #3a1d20; }
}
* { box-sizing: border-box; }
body { margin: 0 auto; max-width: 80rem; padding: 1rem; font: 1rem/1.5 system-ui, sans-serif;
  color: var(--ink); background: var(--paper); }
h1, h2, h3 { line-height: 1.25; }
h1, h2, h3, p, li { overflow-wrap: anywhere; }
h2 { margin-top: 2rem; }
a { color: var(--link); }
code, pre, .lines td { font: 0.875rem/1.45 ui-monospace, monospace; }
pre { background: var(--soft); padding: 0.5rem; margin: 0.25rem 0; overflow-wrap: anywhere;
  white-space: pre-wrap; }
table { border-collapse: collapse; }
th, td { border: 1px solid var(--line); padding: 0.2rem 0.5rem; text-align: left; vertical-align: top; }
thead th { background: var(--soft); }
caption { text-align: left; color: var(--dim); padding-bottom: 0.25rem; }
.wide { overflow-x: auto; }
.pass { color: var(--pass); } .fail { color: var(--fail); font-weight: 700; } .open { color: var(--open); }
.none, .dim { color: var(--dim); }
article { border: 1px solid var(--line); border-left: 0.3rem solid var(--fail); padding: 0 1rem 1rem;
  margin: 1rem 0; break-inside: avoid-page; }
dl { display: grid; grid-template-columns: max-content 1fr; gap: 0.25rem 1rem; margin: 0.5rem 0; }
dt { color: var(--dim); } dd { margin: 0; overflow-wrap: anywhere; }
.lines td { overflow-wrap: anywhere; min-width: 6rem; }
.lines td:first-child { min-width: 0; text-align: right;
  white-space: nowrap; }
.lines .wrong td { background: var(--fail-paper); color: var(--fail); font-weight: 700; }
.matrix td { text-align: center; position: relative; } .matrix td.points { text-align: right; }
.matrix th[scope=row] { max-width: 16rem; overflow-wrap: anywhere; }
.hidden { position: absolute; width: 1px; height: 1px; overflow: hidden; clip-path: inset(50%);
  white-space: nowrap; }
.tools { display: flex; flex-wrap: wrap; gap: 0.5rem 1.5rem; margin: 1rem 0; align-items: center; }
input { font: inherit; }
@media (max-width: 40rem) { dl { grid-template-columns: 1fr; gap: 0; } dd { margin-bottom: 0.5rem; } }
@media print {
  :root { color-scheme: light; --ink: #000; --paper: #fff; --soft: #f2f4f7; --line: #999; --dim: #444;
    --pass: #000; --fail: #000; --open: #000; --link: #000; --fail-paper: #eee; }
  @page { size: landscape; margin: 1cm; }
  body { font-size: 9pt; padding: 0; max-width: none; } .tools { display: none; } .wide { overflow: visible; }
  thead { display: table-header-group; } tr { break-inside: avoid; }
}
"""
SCRIPT: Final = """
const table = document.querySelector("table.matrix");
const name = document.getElementById("name");
const broken = document.getElementById("broken");
function show() {
  const wanted = name.value.trim().toLowerCase();
  const rows = [...table.tBodies[0].rows];
  let shown = 0;
  for (const row of rows) {
    row.hidden = !row.cells[0].textContent.toLowerCase().includes(wanted);
    shown += !row.hidden;
  }
  const heads = [...table.tHead.rows[0].cells];
  heads.forEach((head, column) => {
    const kept = !broken.checked || !("clause" in head.dataset)
      || rows.some((row) => !row.hidden && row.cells[column]?.classList.contains("fail"));
    for (const row of [table.tHead.rows[0], ...rows]) if (row.cells[column]) row.cells[column].hidden = !kept;
  });
  document.getElementById("count").textContent = `${shown} of ${rows.length} shown`;
}
name.addEventListener("input", show);
broken.addEventListener("change", show);
"""


class Markup(str):
    """Text that is markup already; whatever is not is escaped."""

    __slots__ = ()


@dataclass(frozen=True, slots=True)
class Judged:
    """One row of the matrix."""

    name: str
    report: Report | None
    note: str = ""


@dataclass(frozen=True, slots=True)
class Row:
    """The same, as it is kept beside the matrix for a later run that judges others."""

    name: str
    points: int
    note: str = ""
    outcomes: Mapping[str, Outcome] | None = None
    """Of each clause that was asked about; None where nothing was judged."""


def row_of(one: Judged) -> Row:
    """Sum a report up."""
    if one.report is None:
        return Row(one.name, 0, one.note)
    return Row(one.name, one.report.score().points, outcomes=one.report.clauses())


def _tag(name: str, *inner: str, **attributes: str) -> Markup:
    """Return an element; text that is no markup is escaped, and what cannot be printed is spelled out."""
    opening = "".join(
        f' {key.strip("_").replace("_", "-")}="{_text(value)}"' for key, value in attributes.items()
    )
    return Markup(f"<{name}{opening}>{_joined(inner)}</{name}>")


def _text(text: str) -> str:
    return escape(printable(text))


def _joined(parts: Iterable[str]) -> Markup:
    return Markup("".join(part if isinstance(part, Markup) else _text(part) for part in parts))


def write_page(report: Report, folder: Path) -> None:
    """Write the page of one program into a folder."""
    _write(folder / "index.html", program_page(report))


def write_class(judged: Sequence[Judged], folder: Path, kept: Sequence[Row] = ()) -> None:
    """Write the matrix of a class into a folder, and beside it the page of each submission.

    `kept` are the rows of those who were judged before; they stay, unless they were judged again.
    """
    named = {row.name: row for row in (*kept, *map(row_of, judged))}
    rows = [named[name] for name in sorted(named)]
    _write(folder / "index.html", class_page(rows))
    _write(folder / ROWS, json.dumps([asdict(row) for row in rows], indent=1) + "\n")
    for one in judged:
        if one.report is not None:
            _write(folder / SUBMISSIONS / f"{one.name}.html", program_page(one.report, back=True))


def rows_in(folder: Path) -> list[Row]:
    """Read the rows of the matrix that was written into a folder.

    Raises:
        ValueError: they are none of ours.
    """
    try:
        read = json.loads((folder / ROWS).read_text(encoding="utf-8"))
        return [
            Row(
                str(row["name"]),
                int(row["points"]),
                str(row["note"]),
                row["outcomes"] and {clause: Outcome(known) for clause, known in row["outcomes"].items()},
            )
            for row in read
        ]
    except FileNotFoundError:
        return []
    except (OSError, ValueError, LookupError, TypeError, AttributeError) as error:
        raise ValueError(f"{folder / ROWS} holds no rows") from error


def _write(path: Path, page: str) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    write_whole(path, page)


def _document(title: str, body: Markup, script: str = "") -> str:
    # No address is allowed but the page's own style and script, which are named by what they are.
    sources = "; ".join(
        f"{kind}-src '{_digest(source)}'" for kind, source in (("style", STYLE), ("script", script)) if source
    )
    return (
        '<!doctype html>\n<html lang="en">\n<head>\n<meta charset="utf-8">\n'
        '<meta name="viewport" content="width=device-width, initial-scale=1">\n'
        f'<meta http-equiv="Content-Security-Policy" content="default-src \'none\'; {sources}">\n'
        f"{_tag('title', title)}\n<style>{STYLE}</style>\n</head>\n<body>\n{body}\n"
        f"{f'<script>{script}</script>' if script else ''}\n</body>\n</html>\n"
    )


def _digest(source: str) -> str:
    return "sha256-" + base64.b64encode(hashlib.sha256(source.encode()).digest()).decode()


# --- one program


def program_page(report: Report, *, back: bool = False) -> str:
    """Return the page of one program; `back` links to the matrix that it belongs to."""
    failed = [result for result in report.results if result.outcome is Outcome.FAILED]
    return _document(
        f"{report.subject}: conformance",
        _joined(
            [
                _tag("nav", _tag("a", "The whole class", href="../index.html")) if back else "",
                _tag(
                    "main",
                    _tag("h1", report.subject),
                    _tag(
                        "p",
                        _tag("strong", f"{report.score().points} of 100 points"),
                        f". {report.verdict[0].upper()}{report.verdict[1:]}.",
                    ),
                    _scores(report),
                    _dialects(report.dialects),
                    _tag("h2", "What to mend") if failed else "",
                    _order(failed),
                    *(articles := [_failure(result) for result in failed]),
                    _words(articles),
                    _tag("h2", "All checks"),
                    _checks(report.results),
                    _tag("p", f"{report.seconds:.0f} s, seed {report.seed}", class_="dim"),
                ),
            ]
        ),
    )


def _scores(report: Report) -> Markup:
    rows = [(level, report.score(level)) for level in report.levels]
    return _table(
        "Points of each level",
        ["level", "points", "passed", "of"],
        (
            _tag(
                "tr",
                _tag("th", level, scope="row"),
                *(_tag("td", str(number)) for number in (score.points, score.passed, score.applicable)),
            )
            for level, score in rows
        ),
    )


def _dialects(names: Sequence[str]) -> Markup:
    if not names:
        return Markup()
    return _joined([_tag("p", "It speaks a dialect:"), _tag("ul", *(_tag("li", name) for name in names))])


def _order(failed: Sequence[Result]) -> Markup:
    """Say with what to begin; checks with one hint have one cause, mostly."""
    groups = alike(failed)
    if not groups:
        return Markup()
    links = (
        _tag("li", _listed([_tag("a", name, href=f"#{quote(name)}") for name in names])) for names in groups
    )
    begin = _tag("code", f"--only {','.join(groups[0])}")
    return _joined(
        [
            _tag("p", "The simplest first; those in one line have one hint. Begin with ", begin, "."),
            _tag("ol", *links),
        ]
    )


def _listed(links: Sequence[Markup]) -> Markup:
    return Markup(", ".join(links))


def _words(articles: Sequence[Markup]) -> Markup:
    """Explain the words that were used."""
    rows = [
        _joined([_tag("dt", word), _tag("dd", meaning)]) for word, meaning in explained(" ".join(articles))
    ]
    return _joined([_tag("h2", "Words"), _tag("dl", *rows)]) if rows else Markup()


def _failure(result: Result) -> Markup:
    finding = result.finding
    rows = [(clause, CLAUSES.get(clause, "")) for clause in result.clauses]
    rows += [("expected", finding.expected), ("came", finding.came)]
    rows += [("program", result.died and f"gone: {result.died}"), ("hint", finding.note)]
    if finding.afterwards:
        last = f"when the kit had closed, the program printed: … {finding.afterwards[-1].strip()}"
        rows.append(("afterwards", last))
    printed = ""
    if finding.printed:
        lines = Markup("\n").join(_text(line) for line in finding.printed)
        printed = _joined([_tag("p", "The program printed during this check:"), _tag("pre", Markup(lines))])
    return _tag(
        "article",
        _tag("h3", result.sentence),
        _tag("dl", *(_joined([_tag("dt", label), _tag("dd", text)]) for label, text in rows if text)),
        printed,
        _timeline(result.timeline),
        _tag("p", "Run it alone: ", _tag("code", f"--only {result.name}"), class_="dim"),
        id=result.name,
    )


def _timeline(timeline: Timeline) -> Markup:
    """Draw all connections of a check side by side, or one below the other if they are many."""
    if not timeline.events:
        return Markup()
    side_by_side = 0 < len(timeline.lanes) <= MOST_LANES
    heads = (
        [f"{lane.number}: {lane.port} port" for lane in timeline.lanes] if side_by_side else ["what happened"]
    )
    rows = [_event(event, timeline, side_by_side=side_by_side) for event in timeline.events]
    if timeline.omitted_events:
        gap = _tag("td", f"{timeline.omitted_events} events are left out", colspan=str(1 + len(heads)))
        rows.insert(len(rows) // 2, _tag("tr", gap))
    by = "\u2192 by the kit, \u2190 by the program"
    caption = (
        f"Timeline in seconds, a column for each connection; {by}"
        if side_by_side
        else f"Timeline in seconds; {by}"
    )
    return _table(caption, ["s", *heads], rows, class_="lines")


def _event(event: Event, timeline: Timeline, *, side_by_side: bool) -> Markup:
    words = _direction(event)
    wrong = {"class_": "wrong"} if event.kind in {EventKind.MISMATCH, EventKind.EXITED} else {}
    time = _tag("td", f"{event.at_s:.3f}")
    if event.connection == PROGRAM and side_by_side:
        return _tag("tr", time, _tag("td", words, colspan=str(len(timeline.lanes))), **wrong)
    if not side_by_side:
        ports = {lane.number: lane.port for lane in timeline.lanes}
        admin = " (admin)" if ports.get(event.connection) == "admin" else ""
        number = f"{event.connection}{admin}: " if event.connection != PROGRAM else ""
        return _tag("tr", time, _tag("td", f"{number}{words}"), **wrong)
    cells = (_tag("td", words if lane.number == event.connection else "") for lane in timeline.lanes)
    return _tag("tr", time, *cells, **wrong)


def _direction(event: Event) -> str:
    words = event_in_words(event).strip()
    if event.kind in SENT:
        return f"\u2192 {words.removeprefix('> ')}"
    if event.kind in CAME:
        return f"\u2190 {words.removeprefix('< ')}"
    return words.removeprefix("! ")


def _checks(results: Sequence[Result]) -> Markup:
    return _table(
        "All checks, in their order",
        ["outcome", "check", "clauses", "level", "what was asked"],
        (
            _tag(
                "tr",
                _outcome(result.outcome),
                _tag("td", _tag("code", result.name)),
                _tag("td", " ".join(result.clauses)),
                _tag("td", result.level),
                _tag("td", *_asked(result)),
            )
            for result in results
        ),
    )


def _asked(result: Result) -> tuple[str, ...]:
    if result.outcome is Outcome.FAILED:
        return (_tag("a", result.sentence, href=f"#{quote(result.name)}"),)
    notes = filter(
        None, (result.finding.note, result.died and f"after it the program was gone: {result.died}")
    )
    return result.sentence, *(_tag("div", note, class_="dim") for note in notes)


def _outcome(outcome: Outcome) -> Markup:
    sign, kind, words = SIGNS[outcome]
    return _tag("td", _tag("span", sign, aria_hidden="true"), f" {words}", class_=kind)


def _table(caption: str, heads: Sequence[str], rows: Iterable[Markup], **attributes: str) -> Markup:
    table = _tag(
        "table",
        _tag("caption", caption),
        _tag("thead", _tag("tr", *(_tag("th", head, scope="col") for head in heads))),
        _tag("tbody", *rows),
        **attributes,
    )
    return _wide(table, caption)


def _wide(table: Markup, label: str) -> Markup:
    """Let what may be wider than the window be scrolled by itself, by the keyboard too."""
    return _tag("div", table, class_="wide", tabindex="0", role="region", aria_label=label)


# --- a class


def class_page(rows: Sequence[Row]) -> str:
    """Return the matrix of a class."""
    asked = {clause for row in rows for clause in row.outcomes or ()} & CLAUSES.keys()
    clauses = sorted(asked, key=clause_order)
    head = _tag(
        "tr",
        _tag("th", "submission", scope="col"),
        _tag("th", "points", scope="col"),
        *(_tag("th", clause, scope="col", data_clause="", title=CLAUSES[clause]) for clause in clauses),
    )
    caption = "Outcome of each clause: \u2713 passed, \u2717 failed, \u2013 not applicable, ? not judged"
    table = _tag(
        "table",
        _tag("caption", caption),
        _tag("thead", head),
        _tag("tbody", *(_row(row, clauses) for row in rows)),
        class_="matrix",
    )
    tools = _tag(
        "div",
        _tag("label", "Name holds ", Markup('<input id="name" type="search" autocomplete="off">')),
        _tag("label", Markup('<input id="broken" type="checkbox"> '), "only clauses that somebody broke"),
        _tag("span", f"{len(rows)} of {len(rows)} shown", id="count", role="status"),
        class_="tools",
    )
    meanings = (_joined([_tag("dt", clause), _tag("dd", CLAUSES[clause])]) for clause in clauses)
    body = _tag(
        "main",
        _tag("h1", "Conformance of a class"),
        tools,
        _wide(table, "Matrix"),
        _tag("h2", "The clauses"),
        _tag("dl", *meanings),
    )
    return _document("Conformance of a class", body, SCRIPT)


def _row(row: Row, clauses: Sequence[str]) -> Markup:
    points = _tag("td", str(row.points), class_="points")
    if row.outcomes is None:
        head = _tag("th", row.name, scope="row")
        note = _tag("td", row.note or "not judged", class_="open", colspan=str(max(1, len(clauses))))
        return _tag("tr", head, points, note)
    link = _tag("a", row.name, href=f"{SUBMISSIONS}/{quote(row.name, errors='surrogateescape')}.html")
    return _tag(
        "tr",
        _tag("th", link, scope="row"),
        points,
        *(_cell(row.outcomes.get(clause, Outcome.NOT_APPLICABLE)) for clause in clauses),
    )


def _cell(outcome: Outcome) -> Markup:
    sign, kind, words = SIGNS[outcome]
    return _tag(
        "td", _tag("span", sign, aria_hidden="true"), _tag("span", words, class_="hidden"), class_=kind
    )
