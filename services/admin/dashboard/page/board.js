// The board: a button for each number, or, where there are too many, a strip that is pointed at.

import { MARKS, count, element } from "./text.js";

const MOST_BUTTONS = 200;

const STEPS = { ArrowLeft: -1, ArrowRight: 1 };

export class Board {
  constructor(guess) {
    this.guess = guess;
    this.place = document.getElementById("board");
    this.number = document.getElementById("play-number");
    this.low = this.high = null;
    this.buttons = [];
    this.at = 0; // the button that Tab leads to
    this.playing = false;
    this.place.addEventListener("click", (event) => this.#clicked(event));
    this.place.addEventListener("keydown", (event) => this.#pressed(event));
    this.place.addEventListener("focusin", (event) => this.#aim(this.buttons.indexOf(event.target)));
  }

  focus() {
    (this.buttons[this.at] ?? this.number).focus();
  }

  draw({ low, high }, tried, playing, hinted) {
    this.playing = playing;
    if (low !== this.low || high !== this.high) this.#lay(low, high);
    this.place.classList.toggle("waiting", !playing);
    if (this.buttons.length) this.#mark(new Map(tried), hinted);
    else this.#markStrip(tried, hinted);
  }

  #lay(low, high) {
    [this.low, this.high] = [low, high];
    const size = high - low + 1;
    this.buttons = [];
    this.at = 0;
    this.place.classList.toggle("wide", size > MOST_BUTTONS);
    if (size <= MOST_BUTTONS) {
      for (let number = low; number <= high; number++) this.buttons.push(element("button", { type: "button", tabindex: "-1" }, element("b", {}, count(number)), element("i", { "aria-hidden": "true" }), element("span", { class: "unseen" })));
      this.place.replaceChildren(...this.buttons);
      this.#aim(Math.floor(size / 2));
    } else {
      this.strip = element("div", { class: "strip wide", "aria-hidden": "true" });
      this.strip.style.setProperty("--size", size);
      this.place.replaceChildren(this.strip, element("p", { class: "aside" }, `${count(low)} to ${count(high)}: point at the strip, or type a number.`));
    }
  }

  #mark(tried, hinted) {
    for (const [index, button] of this.buttons.entries()) {
      const number = this.low + index;
      const verdict = tried.get(number);
      const told = [verdict?.toLowerCase(), number === hinted ? "hint" : null].filter(Boolean).join(", ");
      if (button.lastElementChild.textContent === told) continue;
      button.lastElementChild.textContent = told;
      button.className = [verdict ? `mark ${verdict.toLowerCase()}` : "", number === hinted ? "hinted" : ""].join(" ").trim();
      button.children[1].textContent = verdict ? MARKS[verdict] : "";
      button.setAttribute("aria-disabled", String(Boolean(verdict)));
    }
  }

  #markStrip(tried, hinted) {
    const marks = tried.map(([number, verdict]) => this.#place(number, `mark ${verdict.toLowerCase()}`, MARKS[verdict]));
    if (hinted !== null && hinted !== undefined) {
      marks.push(this.#place(hinted, "mark hinted", "?"));
      this.number.value = hinted;
    }
    this.strip.replaceChildren(...marks);
  }

  #place(number, kind, text) {
    const mark = element("i", { class: kind, title: count(number) }, text);
    mark.style.setProperty("--at", number - this.low);
    return mark;
  }

  #clicked(event) {
    if (this.strip?.isConnected) {
      const { left, width } = this.strip.getBoundingClientRect();
      const part = Math.min(Math.max((event.clientX - left) / width, 0), 1);
      // Too coarse to be a guess already.
      this.number.value = this.low + Math.round(part * (this.high - this.low));
      this.number.focus();
      return;
    }
    const index = this.buttons.indexOf(event.target.closest("button"));
    if (index >= 0 && this.playing && this.buttons[index].getAttribute("aria-disabled") !== "true") this.guess(this.low + index);
  }

  #pressed(event) {
    if (event.ctrlKey || event.altKey || event.metaKey) return;
    if (/^[0-9]$/.test(event.key)) {
      this.number.focus(); // the digit goes there, too
      return;
    }
    const last = this.buttons.length - 1;
    const columns = this.buttons.filter((button) => button.offsetTop === this.buttons[0].offsetTop).length;
    const to = { ...STEPS, ArrowUp: -columns, ArrowDown: columns, Home: -last, End: last }[event.key];
    if (to === undefined || last < 0) return;
    event.preventDefault();
    const aim = this.at + to;
    if (event.key === "Home" || event.key === "End") this.#aim(event.key === "Home" ? 0 : last);
    else if (aim >= 0 && aim <= last) this.#aim(aim);
    this.focus();
  }

  #aim(index) {
    if (index < 0) return;
    this.buttons[this.at]?.setAttribute("tabindex", "-1");
    this.at = index;
    this.buttons[index].setAttribute("tabindex", "0");
  }
}
