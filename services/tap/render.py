"""How a tapped conversation is shown, pure: as text, as JSON lines, as a page that needs nothing else."""

from __future__ import annotations

import html
import json
from collections import deque
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Final

from services.tap.follow import Side

if TYPE_CHECKING:
    from services.tap.follow import Port, Shown

KEPT_ENTRIES: Final = 10_000
"""The page shows the last entries, so many: a tap may run for a whole lesson."""

_BOLD, _DIM, _RED, _CYAN, _GREEN, _RESET = "\x1b[1m", "\x1b[2m", "\x1b[31m", "\x1b[36m", "\x1b[32m", "\x1b[0m"
_ARROWS: Final = {Side.CLIENT: "->", Side.SERVER: "<-"}
_COLOURS: Final = {Side.CLIENT: _CYAN, Side.SERVER: _GREEN}


@dataclass(frozen=True, slots=True)
class Entry:
    """One line of the output: who sent what, when, on which connection."""

    at_s: float
    """Seconds since the tap was started."""
    connection: int
    """Counted from 1."""
    port: Port
    shown: Shown


def text_lines(entry: Entry, *, colours: bool) -> list[str]:
    """Return an entry for a terminal or a file: the line, and below it what it breaks."""
    shown = entry.shown
    head = f"{entry.at_s:9.3f}  {entry.port} {entry.connection}  {_ARROWS[shown.side]} "
    body = (shown.text or "(an empty line)") + (f"  {shown.note}" if shown.note else "")
    marks = [f"{'':11}{finding.clause}: {finding.text}" for finding in shown.findings]
    if not colours:
        return [head + body, *marks]
    body = f"{_COLOURS[shown.side] if shown.is_line else _DIM}{body}{_RESET}"
    return [f"{_DIM}{head}{_RESET}{body}", *(f"{_BOLD}{_RED}{mark}{_RESET}" for mark in marks)]


def json_line(entry: Entry) -> str:
    """Return an entry as one JSON object in printable ASCII."""
    shown = entry.shown
    return json.dumps(
        {
            "at_s": round(entry.at_s, 6),
            "connection": entry.connection,
            "port": entry.port,
            "from": shown.side,
            "kind": "line" if shown.is_line else "remark",
            "text": shown.text,
            "note": shown.note,
            "findings": [{"clause": finding.clause, "text": finding.text} for finding in shown.findings],
        }
    )


@dataclass(slots=True)
class Timeline:
    """Keeps the last entries for the page."""

    entries: deque[Entry] = field(default_factory=lambda: deque(maxlen=KEPT_ENTRIES))
    left_out: int = 0

    def add(self, entry: Entry) -> None:
        """Take one more entry; the oldest gives way when there are too many."""
        self.left_out += len(self.entries) == KEPT_ENTRIES
        self.entries.append(entry)

    def page(self) -> str:
        """Return a self-contained page: it loads nothing, and no text of a peer is markup in it."""
        rows = "\n".join(_row(entry) for entry in self.entries)
        broken = sorted({finding.clause for entry in self.entries for finding in entry.shown.findings})
        summary = f"Clauses that were broken: {', '.join(broken)}." if broken else "No clause was broken."
        if self.left_out:
            summary += f" The first {self.left_out} entries are left out."
        return _PAGE.replace("@SUMMARY@", html.escape(summary)).replace("@ROWS@", rows)


def _row(entry: Entry) -> str:
    shown = entry.shown
    marks = "".join(
        f'<p class="finding"><b>{html.escape(finding.clause)}</b> {html.escape(finding.text)}</p>'
        for finding in shown.findings
    )
    text = f"<code>{html.escape(shown.text) or '(an empty line)'}</code> {html.escape(shown.note)}".rstrip()
    cell = f"<td>{text}{marks}</td>"
    client, server = (cell, "<td></td>") if shown.side is Side.CLIENT else ("<td></td>", cell)
    kind = "" if shown.is_line else ' class="remark"'
    return f"<tr{kind}><td>{entry.at_s:.3f}</td><td>{entry.port} {entry.connection}</td>{client}{server}</tr>"


_PAGE: Final = """<!doctype html>
<html lang="en">
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta http-equiv="Content-Security-Policy" content="default-src 'none'; style-src 'unsafe-inline'">
<title>What your programs say to each other</title>
<style>
:root { color-scheme: light dark; font: 16px/1.4 system-ui, sans-serif; }
body { margin: 1rem auto; max-width: 70rem; padding: 0 1rem; }
.wide { overflow-x: auto; }
table { border-collapse: collapse; width: 100%; }
th, td { padding: .2rem .6rem; text-align: left; vertical-align: top; border-bottom: 1px solid #8884; }
th { position: sticky; top: 0; background: Canvas; }
td:nth-child(-n+2) { white-space: nowrap; font-variant-numeric: tabular-nums; }
code { overflow-wrap: anywhere; }
.remark code { font-style: italic; }
.finding { margin: .2rem 0; padding-left: .5rem; border-left: .25rem solid #d33; }
@media print { th { position: static; } }
</style>
<h1>What your programs say to each other</h1>
<p>@SUMMARY@ The ids are those of the protocol document.</p>
<div class="wide" tabindex="0" role="region" aria-label="The conversation">
<table>
<thead><tr>
<th scope="col">seconds</th><th scope="col">connection</th>
<th scope="col">client</th><th scope="col">server</th>
</tr></thead>
<tbody>
@ROWS@
</tbody>
</table>
</div>
</html>
"""
