// Playing on the page: the strip of numbers is the board. What may be said when is the game's affair (game.js).

import { Board } from "./board.js";
import { Game } from "./game.js";
import { Race } from "./race.js";
import { count, element, numberIn, setText } from "./text.js";
import { allowSound, chime } from "./sound.js";
import { Wire } from "./wire.js";

const RETRY_MS = 2000;
const HINT_TIMEOUT_MS = 5000;
const NAME = "guessing-game-name"; // in this browser's storage

const byId = (id) => document.getElementById(id);
const guesses = (number) => `${count(number)} ${number === 1 ? "guess" : "guesses"}`;

export class Play {
  constructor() {
    this.state = null; // what the live page knows
    this.game = null;
    this.range = { low: 1, high: 30, told: false };
    this.results = []; // of this visit: guesses of each game won
    this.retry = null; // the timer of the next try, while there is one
    this.board = new Board((number) => this.#guess(number));
    this.race = new Race();
    this.wire = new Wire();
    byId("play-name").value = stored();
    byId("play-start").addEventListener("submit", (event) => {
      event.preventDefault();
      this.#begin();
      // On a phone the keyboard would hide the board.
      if (matchMedia("(pointer: fine)").matches) byId("play-number").focus();
      else this.board.focus();
    });
    byId("play-guess").addEventListener("submit", (event) => {
      event.preventDefault();
      const number = numberIn(byId("play-number").value);
      byId("play-number").value = "";
      if (number !== null) this.#guess(number);
      else this.#tell(`Pick a number between ${this.range.low}-${this.range.high}.`);
    });
    // Enter that wins and is held down for long would begin the next game.
    byId("play").addEventListener("keydown", (event) => {
      if (event.repeat && event.key === "Enter") event.preventDefault();
    });
    // Keyboards of phones put a space behind a word.
    byId("play-name").addEventListener("change", ({ target }) => (target.value = target.value.trim()));
    byId("play-sound").addEventListener("change", ({ target }) => target.checked && allowSound());
    byId("play-hint").addEventListener("click", () => this.#hint());
    byId("play-leave").addEventListener("click", () => this.#leave());
    this.#tell(null);
  }

  get busy() {
    return this.game !== null && !this.game.over;
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
    this.race.draw(state.round, players, events, this.busy ? this.game.own : "");
    if (!this.game) this.#tell(null);
  }

  #begin() {
    if (this.busy) return; // submitted twice
    this.#stopRetrying();
    const name = byId("play-name").value;
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
  }

  // Nobody waits for a game in a tab that is not seen, and none is taken from others for it.
  #beginAgain() {
    if (document.hidden) this.#retry();
    else this.#begin();
  }

  #retry() {
    this.retry = setTimeout(() => this.#beginAgain(), RETRY_MS);
  }

  #stopRetrying() {
    clearTimeout(this.retry);
    this.retry = null;
  }

  #guess(number) {
    this.hinted = null;
    this.game?.guess(number);
  }

  #leave() {
    this.#stopRetrying();
    this.game.leave();
    byId("play-button").focus();
  }

  async #hint() {
    const { game } = this;
    const tried = game.tried.map(([number, verdict]) => `${number}:${verdict}`).join(",");
    const hint = await ask(`api/hint?tried=${tried}`);
    if (this.game !== game || game.state !== "playing") return;
    if (!hint) {
      this.#tell("No hint can be had now.");
      return;
    }
    const { guess, left } = hint;
    this.hinted = guess;
    this.#tell(advice(guess, left));
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
      this.#tell(`The game broke off: ${game.reason}.${game.worthRetrying ? " Trying again." : ""}`);
      if (game.worthRetrying) this.#retry();
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
    setText(byId("play-said"), text ?? `Guess a number from ${count(this.range.low)} to ${count(this.range.high)}: click, tap or type it.`);
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
    byId("play-leave").disabled = over && this.retry === null;
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

function advice(guess, left) {
  if (guess === null) return "Every number was tried.";
  // The page was told another range or distance than the server plays by.
  if (left === 0) return `Try ${count(guess)}: by the page's rules no number fits what was answered.`;
  return `Try ${count(guess)}: ${left === 1 ? "it is the only number left" : `${count(left)} numbers are still possible`}.`;
}

// The answer, or null where there is none, or none of ours.
async function ask(address) {
  try {
    const answer = await fetch(address, { signal: AbortSignal.timeout(HINT_TIMEOUT_MS) });
    return answer.ok ? await answer.json() : null;
  } catch {
    return null;
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
