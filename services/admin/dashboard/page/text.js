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

// What stands for a verdict besides its colour.
export const MARKS = { Far: "F", Close: "C", Correct: "✓" };

export function element(name, attributes = {}, ...children) {
  const made = document.createElement(name);
  for (const [key, value] of Object.entries(attributes)) made.setAttribute(key, value);
  made.append(...children);
  return made;
}
