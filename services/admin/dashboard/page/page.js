// Listens to the server and draws what it says, one drawing for each bunch of news. Works nothing out itself.

import { drawHistogram, drawOverTime, drawShares } from "./charts.js";
import { Play } from "./play.js";
import { PlayersTable } from "./players.js";
import { redraw as redrawScores, refreshSoon as refreshScoresSoon } from "./scores.js";
import { clock, count, element, setText } from "./text.js";

const VERSION = 1; // of what the server tells, docs/dashboard.md
const YOUNG_MS = 60000; // a page that was loaded so lately is not helped by loading it again
const EVENTS_KEPT = 50;
const SPEAK_EVERY_MS = 15000;
const SILENCE_MS = 5500; // the server sends something every 2 s
const MOST_PATIENCE_MS = 120000; // where a slow network takes longer for one message
const RETRY_MS = 2000;
const BLIP_MS = 2500; // a connection that is back so soon is not worth a notice

const byId = (id) => document.getElementById(id);
const table = new PlayersTable();
const play = new Play();
const players = new Map();
let state = null;
let events = [];
let source = null; // of news; null while the tab is hidden
let listenedMs = 0; // when the last news came, or this page last began to listen
let lostMs = 0; // since when there is no connection; null while there is one
let patienceMs = SILENCE_MS; // with a connection that says nothing
let outdated = false; // whether the server is of another version
let told = { at: 0, ms: 0 }; // the server's moment in the last news, and when it came
let due = false;
let spokenAt = -Infinity;

// By the browser's monotonic clock: the moments are the server's, and no clock on a wall moves them.
const now = () => told.at + (performance.now() - told.ms) / 1000;

const connected = () => lostMs === null || performance.now() - lostMs < (state ? BLIP_MS : SILENCE_MS);

function listen() {
  source?.close();
  source = new EventSource("api/events");
  listenedMs = performance.now();
  source.addEventListener("state", (message) => {
    players.clear();
    events = [];
    byId("events").replaceChildren(); // another run of the server counts them anew
    receive(message);
  });
  source.addEventListener("change", receive);
  source.addEventListener("error", () => (lostMs ??= performance.now()));
}

// The browser tries again by itself, but not after an answer that is an error, nor when its server is there and silent.
function watchOver() {
  if (!source) return;
  const silentMs = performance.now() - listenedMs;
  if (silentMs > SILENCE_MS) lostMs ??= listenedMs;
  if (silentMs > patienceMs) {
    // A message that was still on its way is lost with its connection: the next one gets more time.
    patienceMs = Math.min(2 * patienceMs, MOST_PATIENCE_MS);
    listen();
  } else if (source.readyState === EventSource.CLOSED && silentMs > RETRY_MS) {
    listen();
  }
  if (lostMs !== null) schedule();
}

// A hidden tab leaves its connection to others: a browser has six for all tabs of a page.
function followVisibility() {
  if (document.hidden) {
    source?.close();
    source = null;
  } else if (!source) {
    lostMs = performance.now();
    listen();
  }
}

function receive(message) {
  listenedMs = performance.now();
  lostMs = null;
  patienceMs = SILENCE_MS;
  const news = JSON.parse(message.data);
  outdated = news.version !== VERSION;
  if (!outdated) {
    take(news);
    return;
  }
  schedule();
  if (!play.busy && listenedMs > YOUNG_MS) location.reload();
}

function take(news) {
  told = { at: news.at, ms: listenedMs };
  for (const id of news.gone ?? []) players.delete(id);
  for (const player of news.players) players.set(player.id, player);
  // The first change after the whole state may tell an event again.
  const last = events.length ? events[events.length - 1].number : 0;
  events = events.concat(news.events.filter((event) => event.number > last)).slice(-EVENTS_KEPT);
  if (news.events.some((event) => event.kind === "won")) refreshScoresSoon();
  state = { ...state, ...news };
  schedule();
}

function schedule() {
  if (due) return;
  due = true;
  requestAnimationFrame(() => {
    due = false;
    draw();
  });
}

function draw() {
  drawLink();
  if (!state) return;
  for (const [id, figure] of [
    ["playing", state.figures.playing],
    ["games-per-minute", state.figures.games_per_minute],
    ["guesses-per-minute", state.figures.guesses_per_minute],
    ["won", state.figures.won],
    ["left", state.figures.left],
  ]) {
    setText(byId(id), count(figure));
  }
  drawOverTime(byId("over-time"), state.over_time, now());
  drawHistogram(byId("histogram"), state.guesses_to_win, state.expectations);
  setText(byId("mean"), state.guesses_to_win.mean === null ? "" : `mean ${state.guesses_to_win.mean.toFixed(2)}`);
  drawShares(byId("shares"), byId("legend"), state.verdicts);
  table.draw([...players.values()], state.range, state.figures.playing, now());
  drawEvents();
  play.update(state, [...players.values()], events);
  speak();
}

function drawLink() {
  const live = connected() && !outdated;
  const watching = live && state?.link.watching === true;
  const text = watching
    ? `Live: server up since ${state.link.up_since ? clock(state.link.up_since) : `at least ${clock(state.link.since)}`}`
    : live && state
      ? `Away since ${clock(state.link.since)}`
      : live
        ? "Connecting"
        : outdated
          ? "Out of date"
          : "No connection to this page's own server";
  setText(byId("link-text"), state?.round ? `${text}. Round ${count(state.round)}` : text);
  byId("link").classList.toggle("away", !watching);
  const notice = byId("notice");
  if (!live) {
    setText(
      notice,
      outdated
        ? "This page's server is of another version by now. Load the page again."
        : state
          ? "This page has lost its connection and is trying again. What it shows is no longer up to date."
          : "This page's server does not answer, or too many look on already. Trying again.",
    );
  } else if (state && !watching) {
    const why = state.link.reason;
    setText(
      notice,
      state.link.seat_taken
        ? "Another administrator holds the seat, so nobody can be watched from here. Trying again."
        : `The game server is away: ${why}. Trying again; this page recovers by itself.`,
    );
  }
  notice.hidden = watching || (live && !state);
}

function drawEvents() {
  const list = byId("events");
  const last = Number(list.firstElementChild?.dataset.number ?? 0);
  for (const event of events.filter(({ number }) => number > last)) {
    const line = element("li", {}, element("time", {}, clock(event.at)), ` ${event.text}`);
    line.dataset.number = event.number;
    line.className = event.kind;
    list.prepend(line);
  }
  while (list.children.length > EVENTS_KEPT) list.lastElementChild.remove();
}

// A screen reader is told now and then, not at every guess, and not while somebody plays.
function speak() {
  if (play.busy || performance.now() - spokenAt < SPEAK_EVERY_MS) return;
  spokenAt = performance.now();
  setText(byId("spoken"), `${count(state.figures.playing)} playing, ${count(state.figures.games_per_minute)} games per minute`);
}

byId("filter").addEventListener("input", schedule);
table.onChange = schedule;
new ResizeObserver(() => {
  schedule();
  redrawScores();
}).observe(document.body);
document.addEventListener("visibilitychange", followVisibility);
setInterval(() => {
  watchOver();
  if (state) table.tick(now());
}, 1000);
byId("unloaded").remove();
followVisibility();
