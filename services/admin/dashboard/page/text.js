// Numbers and moments as text.

const whole = new Intl.NumberFormat("en");

export const count = (number) => whole.format(number);

export const clock = (at) => new Date(at * 1000).toLocaleTimeString("en-GB");

export function span(seconds) {
  const all = Math.max(0, Math.floor(seconds));
  const two = (number) => String(number).padStart(2, "0");
  const [hours, minutes, rest] = [Math.floor(all / 3600), Math.floor(all / 60) % 60, all % 60];
  return hours ? `${hours}:${two(minutes)}:${two(rest)}` : `${minutes}:${two(rest)}`;
}

export const percent = (part, all) => (all ? `${Math.round((100 * part) / all)}%` : "0%");

// As people write it: with the digits of their keyboard, grouped as the page groups them. Null: it is none.
export function numberIn(text) {
  const typed = text
    .normalize("NFKC")
    .trim()
    .replace(/[\u0660-\u0669\u06f0-\u06f9]/g, (digit) => digit.charCodeAt(0) & 0xf); // Arabic and Persian ones
  const digits = /^[0-9]{1,3}(,[0-9]{3})+$/.test(typed) ? typed.replaceAll(",", "") : typed;
  return /^[0-9]{1,15}$/.test(digits) ? Number(digits) : null;
}

const written = new WeakMap(); // element -> its last text

// Not by what stands there: a browser that translates the page has other words there, and would begin again.
export function setText(node, text) {
  if (written.get(node) === text) return;
  written.set(node, text);
  node.textContent = text;
}

// What stands for a verdict besides its colour.
export const MARKS = { Far: "F", Close: "C", Correct: "✓" };

export function element(name, attributes = {}, ...children) {
  const made = document.createElement(name);
  for (const [key, value] of Object.entries(attributes)) made.setAttribute(key, value);
  made.append(...children);
  return made;
}
