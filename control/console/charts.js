/**
 * Charts, drawn as SVG by hand: bars over windows of time, all on one time axis.
 *
 * Positions along the axis are percentages and heights are pixels, so a chart fits any width without being drawn again.
 * Marks carry their words in `data-tip`; the chart's label says what matters in it, for those who cannot see it.
 */

import { svg } from "./dom.js";
import { rate, span, time } from "./format.js";

const GAP = 0.16; // of a window, left free between bars
const PLOT = { height: 190, top: 14, bottom: 24 };
const SPARK = 26;
const WORDS = { room: 0.1, turn: 0.8 }; // of a mark: the share of the axis they take; from where on they stand to its left
const STRIP = { height: 24, mark: 3 };

const percent = (share) => `${(100 * share).toFixed(3)}%`;

/** Where windows of a report stand on the axis, as shares of its width. The axis ends with the last window, whole. */
function axisOf(report) {
  const start = Date.parse(report.since);
  const length = report.windows.length * report.window * 1000;
  return { at: (date) => (new Date(date) - start) / length, width: 1 / report.windows.length, length };
}

const column = (axis, window) => ({
  x: percent(axis.at(window.since) + (axis.width * GAP) / 2),
  width: percent(axis.width * (1 - GAP)),
});

/** The last window, while it is still filling. */
const isFilling = (window, report) => Date.parse(window.until) - Date.parse(window.since) < report.window * 1000;

/** The next of 1, 2, 5, 10, 20, ... that is not below. */
function roundedUp(value) {
  const power = 10 ** Math.floor(Math.log10(value));
  return [1, 2, 5, 10].map((factor) => factor * power).find((top) => top >= value * 0.999);
}

/**
 * Rates over time, one layer upon the other.
 *
 * `layers` are {name, paint, counts}, with a count for each window; `marks` are {at, text, tip}: moments worth knowing,
 * the newest first.
 */
export function stackedRates(report, layers, marks, label) {
  const axis = axisOf(report);
  const rates = report.windows.map((_, index) => layers.map((layer) => layer.counts[index] / report.window));
  const peak = Math.max(...rates.map((stack) => stack.reduce((total, value) => total + value, 0)));
  const top = roundedUp(peak || 1);
  const floor = PLOT.height - PLOT.bottom;
  const y = (value) => floor - (value / top) * (floor - PLOT.top);
  const stacks = report.windows.map((window, index) =>
    svg(
      "g",
      { "data-tip": tipOfStack(report, window, layers, rates[index]), class: isFilling(window, report) && "filling" },
      svg("rect", { ...column(axis, window), y: PLOT.top, height: floor - PLOT.top, class: "target" }),
      stacked(rates[index], y).map(({ y, height, layer }) =>
        svg("rect", { ...column(axis, window), y, height, class: layers[layer].paint }),
      ),
    ),
  );
  return svg(
    "svg",
    { class: "plot", role: "img", "aria-label": label, height: PLOT.height, width: "100%" },
    gridlines(top, y),
    stacks,
    markedOn(axis, marks, floor),
    ticks(report, axis, floor),
  );
}

/** Boxes of one stack, from the bottom up; what is nothing has none. */
function stacked(values, y) {
  let below = 0;
  const boxes = [];
  values.forEach((value, layer) => {
    if (value > 0)
      boxes.push({ y: y(below + value).toFixed(2), height: (y(below) - y(below + value)).toFixed(2), layer });
    below += value;
  });
  return boxes;
}

function tipOfStack(report, window, layers, rates) {
  const filling = isFilling(window, report) ? ", so far" : "";
  const lines = layers.map((layer, index) => `${layer.name}: ${rate(rates[index])} per second`);
  return [span(window, report) + filling, ...lines.reverse()].join("\n");
}

const gridlines = (top, y) =>
  [1, 0.5, 0].map((share) => [
    svg("line", { x1: 0, x2: "100%", y1: y(share * top), y2: y(share * top), class: share ? "grid" : "grid floor" }),
    share > 0 && svg("text", { x: 0, y: y(share * top) - 4, class: "tick" }, `${rate(share * top)}/s`),
  ]);

/**
 * Marks on the axis, the newest first. One whose words would lie upon those of a newer one has its line alone; on a
 * narrow screen all but the newest.
 */
function markedOn(axis, marks, floor) {
  const taken = [];
  return marks.map((mark) => {
    const place = axis.at(mark.at);
    const left = place > WORDS.turn ? place - WORDS.room : place;
    const named = taken.every((other) => Math.abs(other - left) >= WORDS.room);
    if (named) taken.push(left);
    return markOf(place, mark, floor, named && (taken.length > 1 ? "odd" : "newest"));
  });
}

function markOf(place, { text, tip }, floor, named) {
  const x = percent(place);
  const turned = place > WORDS.turn;
  return svg(
    "g",
    { class: "mark", "data-tip": tip },
    svg("line", { x1: x, x2: x, y1: 2, y2: floor }),
    named && svg("text", { x, dx: turned ? -5 : 5, y: 10, class: turned ? `end ${named}` : named }, text),
  );
}

/** Round times under the axis; every other one is for wide screens alone. */
function ticks(report, axis, floor) {
  return roundTimes(Date.parse(report.since), axis.length).map((date, position) => {
    const x = percent(axis.at(date));
    return svg(
      "g",
      { class: position % 2 ? "tick odd" : "tick" },
      svg("line", { x1: x, x2: x, y1: floor, y2: floor + 4, class: "grid floor" }),
      svg("text", { x, y: floor + 18 }, time(date, false)),
    );
  });
}

const MINUTE = 60_000;
const STEPS = [1, 2, 5, 10, 15, 30, 60, 120, 180, 240, 360].map((minutes) => minutes * MINUTE);

/** At most eight times that are round on the reader's clock. */
function roundTimes(start, length) {
  const step = STEPS.find((each) => length / each <= 8) ?? STEPS.at(-1);
  const zone = new Date(start).getTimezoneOffset() * MINUTE;
  const first = Math.ceil((start - zone) / step) * step + zone;
  return Array.from(
    { length: Math.max(0, Math.ceil((start + length - first) / step)) },
    (_, index) => first + index * step,
  );
}

/** Counts over time, small. `tip` turns a count into words. */
export function sparkline(report, counts, paint, label, tip) {
  const axis = axisOf(report);
  const peak = Math.max(...counts, 1);
  const bars = counts.map((value, index) => {
    const window = report.windows[index];
    const height = value ? Math.max(2, (value / peak) * SPARK) : 0;
    return svg(
      "g",
      { "data-tip": `${span(window, report)}\n${tip(value)}` },
      svg("rect", { ...column(axis, window), y: 0, height: SPARK, class: "target" }),
      value > 0 &&
        svg("rect", {
          ...column(axis, window),
          y: (SPARK - height).toFixed(1),
          height: height.toFixed(1),
          class: paint,
        }),
    );
  });
  return svg(
    "svg",
    { class: "spark", role: "img", "aria-label": label, height: SPARK, width: "100%" },
    svg("line", { x1: 0, x2: "100%", y1: SPARK - 0.5, y2: SPARK - 0.5, class: "grid floor" }),
    bars,
  );
}

/**
 * One cell for each window. The level shows twice, in colour and in height, so that it needs no eye for colours.
 *
 * `cells` are {level, marked, tip}; a level has its height in LEVELS.
 */
export function heatStrip(report, cells, label) {
  const axis = axisOf(report);
  const room = STRIP.height - STRIP.mark - 2;
  return svg(
    "svg",
    { class: "strip", role: "img", "aria-label": label, height: STRIP.height, width: "100%" },
    cells.map(({ level, marked, tip }, index) => {
      const place = column(axis, report.windows[index]);
      const height = room * LEVELS[level];
      return svg(
        "g",
        { "data-tip": tip },
        svg("rect", { ...place, y: 0, height: STRIP.height, class: "target" }),
        svg("rect", { ...place, y: (room - height).toFixed(1), height: height.toFixed(1), class: `level ${level}` }),
        marked && svg("rect", { ...place, y: STRIP.height - STRIP.mark, height: STRIP.mark, class: "bad" }),
      );
    }),
  );
}

/** How high a cell of each level stands. */
const LEVELS = { high: 1, some: 0.7, low: 0.4, untold: 0.4, empty: 0.1 };

/** A level's cell alone, for legends. */
export const cellOf = (level) =>
  svg(
    "svg",
    { class: "cell", "aria-hidden": "true", width: 8, height: 16 },
    svg("rect", { x: 0, width: 8, y: 16 - 16 * LEVELS[level], height: 16 * LEVELS[level], class: `level ${level}` }),
  );

/** Shares of a whole, side by side. `parts` are {name, paint, share}. */
export function shareBar(parts, label) {
  let start = 0;
  const boxes = parts
    .filter(({ share }) => share > 0)
    .map((part) => {
      const box = { ...part, start };
      start += part.share;
      return box;
    });
  return svg(
    "svg",
    { class: "shares", role: "img", "aria-label": label, height: 30, width: "100%" },
    boxes.map(({ name, paint, share, start }) => {
      const words = `${Math.round(share * 100)}%`;
      return svg(
        "g",
        { "data-tip": `${name}: ${(share * 100).toFixed(1)}%` },
        svg("rect", { x: percent(start), width: percent(share), y: 0, height: 30, class: paint }),
        share >= 0.07 && svg("text", { x: percent(start + share / 2), y: 20 }, words),
      );
    }),
  );
}

/** A dot of paint before a name. */
export const swatch = (paint) =>
  svg(
    "svg",
    { class: "swatch", width: 10, height: 10, "aria-hidden": "true" },
    svg("rect", { width: 10, height: 10, rx: 3, class: paint ?? "paint-none" }),
  );
