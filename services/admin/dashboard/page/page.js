// Listens to the server and draws what it says, one drawing for each bunch of news. Works nothing out itself.

import { drawHistogram, drawOverTime, drawShares } from "./charts.js";
import { Play } from "./play.js";
import { PlayersTable } from "./players.js";
import { clock, count, element, span } from "./text.js";

const EVENTS_KEPT = 50;
const SPEAK_EVERY_MS = 15000;

const byId = (id) => document.getElementById(id);
const table = new PlayersTable();
const play = new Play();
const players = new Map();
let state = null;
let events = [];
let connected = false;
let clockAhead = 0; // of this browser's clock: the server's moments are the server's
let due = false;
let spokenAt = -Infinity;

const now = () => Date.now() / 1000 - clockAhead;

function listen() {
  const source = new EventSource("api/events");
  source.addEventListener("state", (message) => {
    players.clear();
    events = [];
    take(JSON.parse(message.data));
  });
  source.addEventListener("change", (message) => take(JSON.parse(message.data)));
  source.addEventListener("error", () => {
    connected = false;
    schedule();
    // The browser tries again by itself, unless it was answered with an error.
    if (source.readyState === EventSource.CLOSED) setTimeout(listen, 2000);
  });
}

function take(news) {
  connected = true;
  clockAhead = Date.now() / 1000 - news.at;
  for (const id of news.gone ?? []) players.delete(id);
  for (const player of news.players) players.set(player.id, player);
  if (news.events.length) events = events.concat(news.events).slice(-EVENTS_KEPT);
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
  const watching = connected && state?.link.watching === true;
  const text = watching
    ? `Live: server up since ${state.link.up_since ? clock(state.link.up_since) : `at least ${clock(state.link.since)}`}`
    : connected
      ? `Away since ${clock(state.link.since)}`
      : state
        ? "No connection to this page's own server"
        : "Connecting";
  setText(byId("link-text"), state?.round ? `${text}. Round ${count(state.round)}` : text);
  byId("link").classList.toggle("away", !watching);
  const notice = byId("notice");
  if (!connected && state) {
    setText(notice, "This page has lost its connection and is trying again. What it shows is no longer up to date.");
  } else if (connected && !watching) {
    const why = state.link.reason;
    setText(
      notice,
      state.link.seat_taken
        ? "Another administrator holds the seat, so nobody can be watched from here. Trying again."
        : `The game server is away: ${why}. Trying again; this page recovers by itself.`,
    );
  }
  notice.hidden = watching || !state;
}

function drawEvents() {
  const list = byId("events");
  const last = list.firstElementChild ? Number(list.firstElementChild.dataset.number) : 0;
  const fresh = events.filter((event) => event.number > last);
  if (!fresh.length) {
    if (!events.length || last > events[events.length - 1].number) list.replaceChildren();
    if (list.firstElementChild || !events.length) return;
  }
  for (const event of fresh) {
    const line = element("li", {}, element("time", {}, clock(event.at)), ` ${event.text}`);
    line.dataset.number = event.number;
    line.className = event.kind;
    list.prepend(line);
  }
  while (list.children.length > EVENTS_KEPT) list.lastElementChild.remove();
}

// A screen reader is told now and then, not at every guess.
function speak() {
  if (performance.now() - spokenAt < SPEAK_EVERY_MS) return;
  spokenAt = performance.now();
  setText(byId("spoken"), `${count(state.figures.playing)} playing, ${count(state.figures.games_per_minute)} games per minute`);
}

function setText(node, text) {
  if (node.textContent !== text) node.textContent = text;
}

byId("filter").addEventListener("input", schedule);
table.onChange = schedule;
new ResizeObserver(schedule).observe(document.body);
setInterval(() => state && table.tick(now(), span), 1000);
listen();
