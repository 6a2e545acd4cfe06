// The hall of fame and the games of the last two days, fetched now and then: they change slowly and outlive a restart.

import { drawByHour } from "./charts.js";
import { count, element } from "./text.js";

const EVERY_MS = 15000;
const SOON_MS = 3000; // after a win: the server writes games together

const byId = (id) => document.getElementById(id);
let scores = null;
let timer = null;

export function refreshSoon() {
  schedule(SOON_MS);
}

export function redraw() {
  if (scores) drawByHour(byId("by-hour"), scores.by_hour);
}

function schedule(afterMs) {
  const dueMs = performance.now() + afterMs;
  if (timer && timer.dueMs <= dueMs) return;
  if (timer) clearTimeout(timer.id);
  timer = { dueMs, id: setTimeout(refresh, afterMs) };
}

async function refresh() {
  timer = null;
  schedule(EVERY_MS);
  if (document.hidden) return;
  try {
    const answer = await fetch("api/scores", { signal: AbortSignal.timeout(EVERY_MS) });
    const told = await answer.json();
    if (!answer.ok) {
      byId("scores-about").textContent = told.error;
      return;
    }
    scores = told;
  } catch {
    return; // the notice of the page's own connection says what there is to say
  }
  draw();
}

function draw() {
  for (const period of ["today", "ever"]) {
    byId(`scores-${period}`).replaceChildren(...scores[period].map(row));
    byId(`scores-${period}-empty`).hidden = scores[period].length > 0;
  }
  const { low, high } = scores.range;
  const since = scores.recorded.since ? ` since ${new Date(scores.recorded.since * 1000).toLocaleDateString("en-GB")}` : "";
  byId("scores-about").textContent = `Numbers ${count(low)} to ${count(high)}. ${count(scores.recorded.games)} games recorded${since}.`;
  redraw();
}

function row({ name, games, best, mean }) {
  const head = element("th", { scope: "row" }, name ?? "no name");
  head.classList.toggle("quiet", name === null);
  return element("tr", {}, head, ...[best, mean.toFixed(2), count(games)].map((text) => element("td", {}, String(text))));
}

document.addEventListener("visibilitychange", refreshSoon);
refresh();
