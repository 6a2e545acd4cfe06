// One game over the WebSocket: a client's side of docs/protocol.md (clauses C-1 to C-4), and no rule beside it.

const PATIENCE_MS = 30000; // with a server that owes a reply, as our other clients have
const FINAL = [1003, 1008, 1009]; // closings that would come again (docs/dashboard.md)
const OWN = "# "; // how the relay tells under which address the server knows this game; no line begins so

export class Game {
  // `on.line(way, text)` for each line, `on.change()` after each change.
  constructor(address, name, range, on) {
    this.name = name;
    this.range = range; // { low, high, told }: told by the server itself, in the prompt
    this.on = on;
    this.state = "connecting"; // greeting, naming, starting, playing, judging; won, left, refused, lost
    this.reason = "";
    this.own = ""; // IP and port
    this.tried = []; // [number, verdict]
    this.found = null; // what is known of the last shared round: { number, name }
    this.note = "";
    this.asked = null;
    this.worthRetrying = true; // after the end, if it was "lost"
    this.socket = new WebSocket(address);
    let opened = false;
    this.socket.addEventListener("open", () => (opened = true));
    this.socket.addEventListener("message", (message) => this.#receive(message.data));
    this.socket.addEventListener("close", (close) => {
      const unopened = "no WebSocket can be opened: the page's server is away, or something in between lets none through";
      this.#lose(close.reason || (opened ? "the connection is gone" : unopened), !FINAL.includes(close.code));
    });
    this.#awaitReply();
  }

  get over() {
    return ["won", "left", "refused", "lost"].includes(this.state);
  }

  guess(number) {
    if (this.state !== "playing") return;
    if (this.range.told && (number < this.range.low || number > this.range.high)) {
      this.note = `Pick a number between ${this.range.low}-${this.range.high}`; // C-3
      this.on.change();
      return;
    }
    this.asked = number;
    this.#say(`My Guess is: ${number}`, "judging");
  }

  leave() {
    this.#end("left", "");
    this.socket.close();
    this.on.change();
  }

  #say(line, state) {
    this.state = state;
    this.on.line("sent", line);
    this.socket.send(line);
    this.#awaitReply();
    this.on.change();
  }

  // A connection that leads nowhere, as after another network was joined, does not end by itself for minutes.
  #awaitReply() {
    clearTimeout(this.timer);
    this.timer = setTimeout(() => {
      this.#lose(`no answer for ${PATIENCE_MS / 1000} s`, true);
      this.socket.close();
    }, PATIENCE_MS);
  }

  #lose(reason, worthRetrying) {
    if (this.over) return;
    this.worthRetrying = worthRetrying;
    this.#end("lost", reason);
    this.on.change();
  }

  #receive(line) {
    if (this.over) return;
    if (line.startsWith(OWN)) {
      // The server is there.
      this.own = line.slice(OWN.length);
      this.#say("Hello", "greeting");
      return;
    }
    this.on.line("received", line);
    this.note = "";
    this.#take(line);
    if (this.state === "playing") clearTimeout(this.timer);
    this.on.change();
  }

  // A reply counts by its first words, in any case (C-2).
  #take(line) {
    const words = line.trim().split(/\s+/);
    const first = words[0].toLowerCase().replace(/[^a-z].*/, "");
    if (first === "refused") {
      this.#end("refused", line.replace(/^\s*refused\s*:?\s*/i, ""));
    } else if (this.state === "greeting" && first === "greetings") {
      if (this.name) this.#say(`Name: ${this.name}`, "naming");
      else this.#say("Game", "starting");
    } else if (this.state === "naming" && first === "welcome") {
      this.#say("Game", "starting");
    } else if (this.state === "starting" && first === "ready") {
      this.state = "playing";
    } else if (this.state === "judging") {
      this.#judge(line, words, first);
    }
  }

  #judge(line, words, first) {
    const prompt = /^\s*pick a number between (\d+)\s*-\s*(\d+)/i.exec(line);
    const verdict = { far: "Far", close: "Close", correct: "Correct" }[first];
    if (prompt) {
      this.range = { low: Number(prompt[1]), high: Number(prompt[2]), told: true };
      this.note = line;
    } else if (first === "too" && words[1]?.toLowerCase().startsWith("late")) {
      // The round is over, and the next one has begun (R-3, N-4).
      this.found = { number: words[2] ?? null, name: words[3] ?? null };
      this.tried = [];
    } else if (verdict) {
      this.tried.push([this.asked, verdict]);
    } else {
      return;
    }
    this.state = "playing";
    if (verdict === "Correct") {
      this.#end("won", "");
      this.socket.close();
    }
  }

  #end(state, reason) {
    clearTimeout(this.timer);
    this.state = state;
    this.reason = reason;
  }
}
