// The pictures, as inline SVG drawn at the size that they have on the screen.

import { MARKS, clock, count, element, percent } from "./text.js";

const HEIGHT = 132;
const LEFT = 34;
const BOTTOM = 20;
const TOP = 12;
const LEAST_POINTS = 30; // so that the first minute does not look like a wall

function shape(name, attributes, text) {
  const made = document.createElementNS("http://www.w3.org/2000/svg", name);
  for (const [key, value] of Object.entries(attributes)) made.setAttribute(key, value);
  if (text !== undefined) made.textContent = text;
  return made;
}

function frame(svg, height = HEIGHT) {
  const width = Math.max(160, svg.clientWidth);
  svg.setAttribute("viewBox", `0 0 ${width} ${height}`);
  svg.setAttribute("height", height);
  return width;
}

// A round number to end an axis with, at or above the greatest value.
function ceiling(most) {
  if (most <= 4) return 4;
  const unit = 10 ** Math.floor(Math.log10(most));
  // Even ones, since half of it is on the axis, too.
  return [2, 4, 6, 8, 10].map((factor) => factor * unit).find((end) => end >= most);
}

function axis(width, end, y) {
  return [0, end / 2, end].flatMap((value) => [
    shape("line", { class: "grid", x1: LEFT, x2: width, y1: y(value), y2: y(value) }),
    shape("text", { class: "label", x: LEFT - 6, y: y(value) + 4, "text-anchor": "end" }, count(value)),
  ]);
}

export function drawOverTime(svg, { step, levels }, now) {
  const width = frame(svg);
  const known = levels.filter((level) => level !== null);
  const end = ceiling(Math.max(0, ...known));
  const y = (level) => TOP + (HEIGHT - TOP - BOTTOM) * (1 - level / end);
  const wide = (width - LEFT) / Math.max(LEAST_POINTS, levels.length);
  const x = (index) => width - (levels.length - index) * wide;
  let line = "";
  let area = "";
  levels.forEach((level, index) => {
    if (level === null) return;
    const begins = index === 0 || levels[index - 1] === null;
    line += `${begins ? "M" : "L"}${x(index)} ${y(level)}H${x(index + 1)}`;
    area += `M${x(index)} ${y(0)}V${y(level)}H${x(index + 1)}V${y(0)}Z`;
  });
  svg.replaceChildren(
    ...axis(width, end, y),
    shape("path", { class: "area", d: area }),
    shape("path", { class: "line", d: line }),
    shape("text", { class: "label", x: LEFT, y: HEIGHT - 4 }, clock(now - step * Math.max(LEAST_POINTS, levels.length))),
    shape("text", { class: "label", x: width, y: HEIGHT - 4, "text-anchor": "end" }, "now"),
  );
  const last = known.length ? known[known.length - 1] : 0;
  svg.setAttribute("aria-label", `Players over time: ${count(last)} at last, ${count(Math.max(0, ...known))} at most`);
}

export function drawHistogram(svg, { bins, more, mean }, expectations = []) {
  const width = frame(svg);
  const columns = more ? [...bins, more] : bins;
  const end = ceiling(Math.max(0, ...columns));
  const y = (games) => TOP + (HEIGHT - TOP - BOTTOM) * (1 - games / end);
  const wide = (width - LEFT) / columns.length;
  // A number of guesses has its place in the middle of its bar.
  const x = (guesses) => LEFT + (guesses - 0.5) * wide;
  const bars = columns.map((games, index) =>
    shape("rect", {
      class: index < bins.length ? "bar" : "bar more",
      x: LEFT + index * wide + 0.5,
      width: Math.max(1, wide - 1),
      y: y(games),
      height: y(0) - y(games),
    }),
  );
  const every = Math.ceil(bins.length / Math.max(2, Math.floor(width / 60)));
  const labels = bins
    .map((_, index) => index + 1)
    .filter((guesses) => guesses === 1 || guesses % every === 0)
    .map((guesses) => shape("text", { class: "label", x: Math.min(x(guesses), width - 8), y: HEIGHT - 4, "text-anchor": "middle" }, guesses));
  svg.replaceChildren(...axis(width, end, y), ...bars, ...labels, ...references(expectations, bins.length, x, width));
  svg.setAttribute("aria-label", describe(bins, more, mean, expectations));
}

// Hours of which nothing is known have no bar but a tint: a gap, not a zero.
export function drawByHour(svg, { from, step, won, left }) {
  const width = frame(svg);
  const end = ceiling(Math.max(0, ...won));
  const y = (games) => TOP + (HEIGHT - TOP - BOTTOM) * (1 - games / end);
  const wide = (width - LEFT) / won.length;
  const bars = won.map((games, index) =>
    shape("rect", {
      class: games === null ? "gap" : "bar",
      x: LEFT + index * wide + 0.5,
      width: Math.max(1, wide - 1),
      y: games === null ? TOP : y(games),
      height: games === null ? y(0) - TOP : y(0) - y(games),
    }),
  );
  svg.replaceChildren(
    ...axis(width, end, y),
    ...bars,
    shape("text", { class: "label", x: LEFT, y: HEIGHT - 4 }, hour(from)),
    shape("text", { class: "label", x: width, y: HEIGHT - 4, "text-anchor": "end" }, "this hour"),
  );
  const sum = (games) => count(games.reduce((all, some) => all + (some ?? 0), 0));
  const unknown = won.filter((games) => games === null).length;
  svg.setAttribute(
    "aria-label",
    `Games by the hour, the last ${(won.length * step) / 3600}: ${sum(won)} won, ${sum(left)} left; ${unknown} hours not recorded`,
  );
}

const hour = (at) => new Date(at * 1000).toLocaleString("en-GB", { weekday: "short", hour: "2-digit", minute: "2-digit" });

// Strategies that are expected to need the same share a line.
function references(expectations, most, x, width) {
  const lines = new Map();
  for (const { strategy, guesses } of expectations) {
    lines.set(guesses, [...(lines.get(guesses) ?? []), strategy]);
  }
  const drawn = [...lines].filter(([guesses]) => guesses <= most).sort(([one], [other]) => one - other);
  // Each label a line lower than the one before, and so does its stroke begin: none runs through another's label.
  const strokes = drawn.map(([guesses], index) =>
    shape("line", { class: "reference", x1: x(guesses), x2: x(guesses), y1: 2 + index * 13, y2: HEIGHT - BOTTOM }),
  );
  const labels = drawn.map(([guesses, strategies], index) => {
    const leftwards = x(guesses) > width * 0.6;
    const place = { x: x(guesses) + (leftwards ? -4 : 4), y: 11 + index * 13, "text-anchor": leftwards ? "end" : "start" };
    return shape("text", { class: "reference-label", ...place }, `${strategies.join(", ")} ${guesses.toFixed(1)}`);
  });
  return [...strokes, ...labels];
}

function describe(bins, more, mean, expectations) {
  if (mean === null) return "Guesses to win: no game won yet";
  const games = bins.reduce((sum, bin) => sum + bin, more);
  const expected = expectations.map(({ strategy, guesses }) => `${strategy} ${guesses.toFixed(1)}`).join(", ");
  return `Guesses to win: ${mean.toFixed(2)} on average over ${count(games)} games. Expected: ${expected}`;
}

export function drawShares(svg, legend, verdicts) {
  const height = 34;
  const width = frame(svg, height);
  const all = Object.values(verdicts).reduce((sum, guesses) => sum + guesses, 0);
  let at = 0;
  const parts = Object.entries(verdicts).flatMap(([verdict, guesses]) => {
    const wide = all ? (width * guesses) / all : 0;
    const middle = at + wide / 2;
    at += wide;
    const bar = shape("rect", { class: `share ${verdict.toLowerCase()}`, x: at - wide, y: 0, width: wide, height });
    return wide < 16
      ? [bar]
      : [bar, shape("text", { class: `share-label ${verdict.toLowerCase()}`, x: middle, y: 22, "text-anchor": "middle" }, MARKS[verdict])];
  });
  svg.replaceChildren(...parts);
  const texts = Object.entries(verdicts).map(([verdict, guesses]) => `${verdict} ${percent(guesses, all)} (${count(guesses)})`);
  svg.setAttribute("aria-label", `Verdicts: ${texts.join(", ")}`);
  if (legend.dataset.text !== texts.join()) {
    legend.dataset.text = texts.join();
    legend.replaceChildren(
      ...Object.keys(verdicts).map((verdict, index) =>
        element("li", {}, element("i", { class: `mark ${verdict.toLowerCase()}`, "aria-hidden": "true" }, MARKS[verdict]), ` ${texts[index]}`),
      ),
    );
  }
}
