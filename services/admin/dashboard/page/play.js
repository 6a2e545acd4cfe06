// Playing on the page: the strip of numbers is the board. What may be said when is the game's affair (game.js).

import { Board } from "./board.js";
import { Game } from "./game.js";
import { Race } from "./race.js";
import { count, element } from "./text.js";
import { chime } from "./sound.js";
import { Wire } from "./wire.js";

const RETRY_MS = 2000;
const NAME = "guessing-game-name"; // in this browser's storage

const byId = (id) => document.getElementById(id);
const guesses = (number) => `${count(number)} ${number === 1 ? "guess" : "guesses"}`;

export class Play {
  constructor() {
    this.state = null; // what the live page knows
    this.game = null;
    this.range = { low: 1, high: 30, told: false };
    this.results = []; // of this visit: guesses of each game won
    this.retry = 0;
    this.board = new Board((number) => this.#guess(number));
    this.race = new Race();
    this.wire = new Wire();
    byId("play-name").value = stored();
    byId("play-start").addEventListener("submit", (event) => {
      event.preventDefault();
      this.#begin();
    });
    byId("play-guess").addEventListener("submit", (event) => {
      event.preventDefault();
      const typed = byId("play-number").value.trim();
      byId("play-number").value = "";
      if (/^[0-9]{1,18}$/.test(typed)) this.#guess(Number(typed));
      else this.#tell(`Pick a number between ${this.range.low}-${this.range.high}.`);
    });
    byId("play-hint").addEventListener("click", () => this.#hint());
    byId("play-leave").addEventListener("click", () => this.#leave());
    this.#tell(null);
  }

  // The live page has news.
  update(state, players, events) {
    this.state = state;
    const { low, high } = state.range;
    // What the server itself has told is worth more than what the administrator was told about it.
    if (!this.range.told && (low !== this.range.low || high !== this.range.high)) {
      this.range = { low, high, told: false };
      if (this.game) this.game.range = this.range;
      this.#draw();
    }
    this.race.draw(state.round, players, events, this.game && !this.game.over ? this.game.own : "");
    if (!this.game) this.#tell(null);
  }

  #begin() {
    clearTimeout(this.retry);
    const name = byId("play-name").value.trim();
    store(name);
    const address = new URL("play", document.baseURI);
    address.protocol = address.protocol.replace("http", "ws");
    const game = new Game(address, name, this.range, {
      line: (way, text) => this.wire.add(way, text),
      change: () => this.game === game && this.#changed(),
    });
    this.game = game;
    this.hinted = null;
    byId("play-game").hidden = false;
    this.#draw();
    // On a phone the keyboard would hide the board.
    if (matchMedia("(pointer: fine)").matches) byId("play-number").focus();
    else this.board.focus();
  }

  #guess(number) {
    this.hinted = null;
    this.game?.guess(number);
  }

  #leave() {
    clearTimeout(this.retry);
    this.game.leave();
    byId("play-button").focus();
  }

  async #hint() {
    const { game } = this;
    const tried = game.tried.map(([number, verdict]) => `${number}:${verdict}`).join(",");
    const answer = await fetch(`api/hint?tried=${tried}`).catch(() => null);
    if (this.game !== game || game.state !== "playing") return;
    if (!answer?.ok) {
      this.#tell("No hint can be had now.");
      return;
    }
    const { guess, left } = await answer.json();
    this.hinted = guess;
    this.#tell(guess === null ? "Every number was tried." : `Try ${count(guess)}: ${left === 1 ? "it is the only number left" : `${count(left)} numbers are still possible`}.`);
    this.#draw();
  }

  #changed() {
    const { game } = this;
    this.range = game.range;
    const last = game.tried[game.tried.length - 1];
    if (game.state === "won") {
      this.results.push(game.tried.length);
      this.#tell(this.#victory(last[0], game.tried.length));
      if (byId("play-sound").checked) chime("Correct");
      byId("play-button").focus();
    } else if (game.state === "left") {
      this.#tell("You have left the game.");
    } else if (game.state === "refused") {
      this.#tell(`The server refused: ${game.reason}.`);
    } else if (game.state === "lost") {
      this.#tell(`The game broke off: ${game.reason}. Trying again.`);
      this.retry = setTimeout(() => this.#begin(), RETRY_MS);
    } else if (game.state === "playing") {
      this.#tell(this.#judgement(last));
      if (last && byId("play-sound").checked) chime(last[1]);
      this.hinted = null;
    }
    this.#draw();
  }

  #judgement(last) {
    const { game, range } = this;
    if (game.note) return `${game.note}.`;
    if (last) return `${count(last[0])} is ${last[1].toLowerCase()}. ${guesses(game.tried.length)} so far.`;
    if (game.found) {
      const { number, name } = game.found;
      return `Too late: ${name ?? "somebody else"} has found ${number ?? "it"}. A new number is in play.`;
    }
    return `Guess the number, from ${count(range.low)} to ${count(range.high)}.`;
  }

  #victory(number, needed) {
    const expected = (strategy) => this.state?.expectations.find((one) => one.strategy === strategy)?.guesses.toFixed(1);
    const others = expected("smart")
      ? `; a perfect player needs ${expected("smart")} on average, one who guesses blindly ${expected("random")}`
      : "";
    return `Correct! You have won: it is ${count(number)}. ${guesses(needed)}${others}.`;
  }

  #tell(text) {
    const said = byId("play-said");
    const words = text ?? `Guess a number from ${count(this.range.low)} to ${count(this.range.high)}: click, tap or type it.`;
    if (said.textContent !== words) said.textContent = words;
  }

  #draw() {
    const { game } = this;
    const playing = game?.state === "playing";
    const over = !game || game.over;
    this.board.draw(this.range, game?.tried ?? [], playing, this.hinted);
    byId("play").dataset.state = game?.state ?? "";
    byId("play-button").textContent = game?.over ? "Play again" : "Play";
    byId("play-start").hidden = !over;
    byId("play-hint").disabled = !playing;
    byId("play-leave").disabled = over;
    byId("play-results").replaceChildren(...this.#resultsShown());
  }

  #resultsShown() {
    const won = this.results;
    if (!won.length) return [];
    const mean = won.reduce((sum, needed) => sum + needed, 0) / won.length;
    return [
      element("b", {}, "This visit: "),
      `${count(won.length)} ${won.length === 1 ? "game" : "games"} won, best ${Math.min(...won)}, mean ${mean.toFixed(1)} (${won.slice(-12).join(", ")})`,
    ];
  }
}

// A browser may keep nothing for this page.
function stored() {
  try {
    return localStorage.getItem(NAME) ?? "";
  } catch {
    return "";
  }
}

function store(name) {
  try {
    localStorage.setItem(NAME, name);
  } catch {
    // Then the name is for this visit.
  }
}
