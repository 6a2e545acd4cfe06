// What goes over the wire, line by line as it happens, and which clause of the protocol each line is.

import { element } from "./text.js";

const LINES_KEPT = 200;

// In brief; docs/protocol.md has them in full.
const CLAUSES = [
  ["sent", /^hello$/i, "P-1", "Hello is the first message and is answered Greetings."],
  ["received", /^greetings/i, "P-1", "The answer to Hello."],
  ["sent", /^name:/i, "N-1", "A name may be given after Greetings; it is answered Welcome."],
  ["received", /^welcome/i, "N-1", "The name is taken note of; the game begins as without one."],
  ["sent", /^game$/i, "P-2", "Game after Greetings asks for a game and is answered Ready."],
  ["received", /^ready/i, "P-2", "The player now plays."],
  ["sent", /guess/i, "P-3", "A guess: digits, after one of two spellings or alone."],
  ["received", /^far/i, "P-4", "Far: further from the secret than the close distance."],
  ["received", /^close/i, "P-4", "Close: not the secret, but within the close distance of it."],
  ["received", /^correct/i, "P-8", "Correct: the secret. The server closes after it."],
  ["received", /^pick a number/i, "P-5", "That was no guess in range; the game goes on."],
  ["received", /^too late/i, "R-3", "Somebody else has won the shared round; a new one has begun."],
  ["received", /^refused/i, "P-6", "The negative answer. The server closes after it."],
];

export class Wire {
  constructor() {
    this.list = document.getElementById("wire-lines");
    this.clause = document.getElementById("wire-clause");
    this.asked = this.clause.textContent;
    for (const event of ["pointerover", "focusin"]) this.list.addEventListener(event, (happened) => this.#explain(happened.target));
    for (const event of ["pointerout", "focusout"]) this.list.addEventListener(event, () => (this.clause.textContent = this.asked));
  }

  add(way, text) {
    const at = new Date();
    const time = `${at.toLocaleTimeString("en-GB")}.${String(at.getMilliseconds()).padStart(3, "0")}`;
    const known = CLAUSES.find(([whose, pattern]) => whose === way && pattern.test(text));
    const line = element(
      "li",
      { class: way, tabindex: "0" },
      element("time", {}, time),
      element("b", {}, way === "sent" ? "you" : "server"),
      element("code", {}, text),
    );
    if (known) {
      line.dataset.clause = `${known[2]}. ${known[3]}`;
      line.append(element("span", { class: "unseen" }, `, clause ${line.dataset.clause}`));
    }
    // Who reads further up is not torn away from there.
    const { scrollTop, scrollHeight, clientHeight } = this.list;
    const atEnd = scrollHeight - scrollTop - clientHeight < 30;
    this.list.append(line);
    while (this.list.children.length > LINES_KEPT) this.list.firstElementChild.remove();
    if (atEnd) this.list.scrollTop = this.list.scrollHeight;
  }

  #explain(target) {
    this.clause.textContent = target.closest("li")?.dataset.clause ?? this.asked;
  }
}
