// The table of players: sorted, filtered, and never more rows than can be read.

import { MARKS, count, element, setText, span } from "./text.js";

const PAGE = 100;

const COLUMNS = [
  { key: "ip", title: "IP", value: (player) => player.ip.split(/[.:]/).map((part) => part.padStart(4, "0")).join(".") },
  { key: "port", title: "Port", value: (player) => player.port },
  { key: "player", title: "Name", value: (player) => player.player ?? "￿" },
  { key: "name", title: "Container", value: (player) => player.name ?? "￿" },
  { key: "since", title: "Playing for", value: (player) => player.since },
  { key: "guesses", title: "Guesses", value: (player) => player.guesses },
];

export class PlayersTable {
  constructor() {
    this.onChange = () => {};
    this.sort = { column: COLUMNS.find(({ key }) => key === "since"), down: false };
    this.room = PAGE;
    this.rows = new Map(); // id -> { player, row, cells }
    this.body = document.getElementById("rows");
    this.table = this.body.parentElement;
    this.filter = document.getElementById("filter");
    this.heads = COLUMNS.map((column) => this.#head(column));
    this.scale = element("span", { class: "scale" });
    document.getElementById("heads").append(
      ...this.heads,
      element("th", { role: "columnheader", scope: "col", class: "strip-head" }, "Numbers ", this.scale),
    );
    document.getElementById("more-button").addEventListener("click", () => {
      this.room += PAGE;
      this.onChange();
    });
  }

  #head(column) {
    const button = element("button", { type: "button" }, column.title, element("span", { class: "arrow", "aria-hidden": "true" }));
    button.addEventListener("click", () => {
      this.sort = { column, down: this.sort.column === column && !this.sort.down };
      this.onChange();
    });
    return element("th", { role: "columnheader", scope: "col", class: `head-${column.key}` }, button);
  }

  draw(players, range, playing, now) {
    const wanted = this.filter.value.trim().toLowerCase();
    const found = wanted ? players.filter((player) => matches(player, wanted)) : players;
    const value = this.sort.column.value;
    const sign = this.sort.down ? -1 : 1;
    const keyed = found.map((player) => [value(player), player]);
    keyed.sort(([a, one], [b, other]) => (a < b ? -sign : a > b ? sign : one.id - other.id));
    const shown = keyed.slice(0, this.room).map(([, player]) => player);

    this.#drawHeads(range);
    this.table.classList.toggle("nameless", !players.some((player) => player.name));
    this.table.classList.toggle("anonymous", !players.some((player) => player.player));
    const kept = new Set(shown.map((player) => player.id));
    for (const [id, entry] of this.rows) {
      if (!kept.has(id)) {
        entry.row.remove();
        this.rows.delete(id);
      }
    }
    let place = this.body.firstElementChild;
    for (const player of shown) {
      const entry = this.#entry(player, range, now);
      if (entry.row === place) place = place.nextElementSibling;
      else this.body.insertBefore(entry.row, place);
    }
    this.#drawCounts(playing, wanted, found.length, shown.length);
  }

  // The rows' durations go on while nothing happens.
  tick(now) {
    for (const { player, cells } of this.rows.values()) setText(cells.since, duration(player, now));
  }

  #drawHeads(range) {
    for (const [index, column] of COLUMNS.entries()) {
      const sorted = column === this.sort.column;
      const order = sorted ? (this.sort.down ? "descending" : "ascending") : "none";
      if (this.heads[index].getAttribute("aria-sort") !== order) this.heads[index].setAttribute("aria-sort", order);
    }
    setText(this.scale, `${range.low} to ${range.high}`);
  }

  #drawCounts(playing, wanted, found, shown) {
    const rows = wanted ? `${count(found)} found, ` : "";
    setText(document.getElementById("count"), `${rows}${count(playing)} playing`);
    document.getElementById("empty").hidden = found > 0;
    setText(document.getElementById("empty"), wanted ? "Nobody matches the filter." : "Nobody is playing.");
    document.getElementById("more").hidden = shown === found;
    setText(document.getElementById("more-text"), `${count(shown)} of ${count(found)} shown. Filter to narrow them down, or`);
  }

  #entry(player, range, now) {
    let entry = this.rows.get(player.id);
    if (!entry) {
      entry = { player: null, row: element("tr", { role: "row" }), cells: {}, span: "" };
      for (const { key, title } of [...COLUMNS, { key: "strip", title: "Numbers" }]) {
        entry.cells[key] = element("td", { role: "cell", class: `cell-${key}`, "data-title": title });
        entry.row.append(entry.cells[key]);
      }
      this.rows.set(player.id, entry);
    }
    const width = `${range.low}-${range.high}`;
    if (entry.player !== player || entry.range !== width) {
      entry.player = player;
      entry.range = width;
      fill(entry, player, range);
      setText(entry.cells.since, duration(player, now));
    }
    return entry;
  }
}

function fill({ row, cells }, player, range) {
  row.classList.toggle("won", player.won !== null);
  setText(cells.ip, player.ip);
  setText(cells.port, String(player.port));
  setText(cells.player, player.player ?? "");
  setText(cells.name, player.name ?? "");
  setText(cells.guesses, `${count(player.guesses)}${player.whole || player.won ? "" : "+"}${player.won ? " ✓ won" : ""}`);
  cells.strip.replaceChildren(strip(player.tried, range));
}

function strip(tried, range) {
  const size = range.high - range.low + 1;
  const marks = tried.map(([number, verdict]) => {
    const mark = element("i", { class: `mark ${verdict.toLowerCase()}`, title: `${number}: ${verdict}` }, MARKS[verdict]);
    mark.style.setProperty("--at", number - range.low);
    return mark;
  });
  if (marks.length) marks[marks.length - 1].classList.add("latest");
  const label = tried.length
    ? tried.map(([number, verdict]) => `${number} ${verdict}`).join(", ")
    : "no guess seen yet";
  const made = element("div", { class: "strip", role: "img", "aria-label": label }, ...marks);
  made.style.setProperty("--size", size);
  made.classList.toggle("wide", size > 60);
  return made;
}

function duration(player, now) {
  return `${span((player.won ?? now) - player.since)}${player.whole || player.won ? "" : "+"}`;
}

const matches = (player, wanted) =>
  `${player.ip} ${player.port} ${player.ip}:${player.port} ${player.name ?? ""} ${player.player ?? ""}`.toLowerCase().includes(wanted);
