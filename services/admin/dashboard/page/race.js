// A shared round as a race: who is in it, how near each has come, and who found which number.

import { MARKS, count, element } from "./text.js";

const RACERS = 12;
const WINS = 8;
const NAMES = 2000;

export class Race {
  constructor() {
    this.place = document.getElementById("race");
    this.seen = 0; // the last event that was looked at
    this.found = new Map(); // address -> number that was just guessed right
    this.wins = [];
    this.names = new Map(); // address -> name, of those seen playing
    this.shown = "";
  }

  draw(round, players, events, own) {
    for (const player of players) if (player.player) this.names.set(`${player.ip} ${player.port}`, player.player);
    for (const address of [...this.names.keys()].slice(0, -NAMES)) this.names.delete(address);
    this.#look(events);
    this.place.hidden = round === null;
    if (round === null) return;
    const racers = players.filter((player) => player.won === null).map((player) => ({ ...player, address: `${player.ip} ${player.port}` }));
    racers.sort((one, other) => nearness(other) - nearness(one) || one.guesses - other.guesses || one.id - other.id);
    const shown = JSON.stringify([round, own, this.wins, racers.map((player) => [player.id, player.tried.length])]);
    if (shown === this.shown) return;
    this.shown = shown;
    document.getElementById("race-round").textContent = `Round ${count(round)}`;
    document.getElementById("race-players").replaceChildren(...racers.slice(0, RACERS).map((player) => racer(player, player.address === own)));
    document.getElementById("race-more").textContent = racers.length > RACERS ? `and ${count(racers.length - RACERS)} more` : "";
    document.getElementById("race-wins").replaceChildren(...this.wins.map((win) => element("li", {}, win)));
  }

  #look(events) {
    if ((events.at(-1)?.number ?? 0) < this.seen) this.seen = 0; // another run of the server counts them anew
    for (const event of events) {
      if (event.number <= this.seen) continue;
      this.seen = event.number;
      const address = `${event.ip} ${event.port}`;
      if (event.kind === "guessed" && event.verdict === "Correct") this.found.set(address, event.guess);
      if (event.kind !== "won" || !this.found.has(address)) continue;
      this.wins.unshift(`${this.names.get(address) ?? address} found ${count(this.found.get(address))} with ${count(event.guesses)} ${event.guesses === 1 ? "guess" : "guesses"}`);
      this.wins.length = Math.min(this.wins.length, WINS);
      this.found.delete(address);
      this.names.delete(address);
    }
  }
}

// How many were close, of the numbers tried in this round.
const close = (player) => player.tried.filter(([, verdict]) => verdict === "Close").length;
const nearness = (player) => close(player) * 1000 + player.tried.length;

function racer(player, own) {
  const name = player.player ?? player.address;
  const best = close(player) ? "Close" : player.tried.length ? "Far" : null;
  return element(
    "li",
    own ? { class: "own" } : {},
    element("b", {}, own ? `${name} (you)` : name),
    ` ${count(player.tried.length)} ${player.tried.length === 1 ? "guess" : "guesses"} `,
    ...(best ? [element("i", { class: `mark ${best.toLowerCase()}`, title: `nearest: ${best}` }, MARKS[best])] : []),
  );
}
