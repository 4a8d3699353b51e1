/** The experiment of an endpoint: the verdict on each treatment in words, and the interval that it rests upon, drawn. */

import { swatch } from "./charts.js";
import { h, svg } from "./dom.js";
import { ago, count, counted, evidence, moment } from "./format.js";

const INTERVAL = { height: 46, line: 18, half: 5 };
const ROOM = 1.15; // of the axis beyond the farthest thing on it
const APART = 0.14; // of half the axis: labels that are nearer to a more important one are left out
const LEAST = 1.5; // minimum effects that the axis reaches, at least

/** The panel of an endpoint that has an experiment. */
export function experiment({ experiment: report }, painted) {
  return h(
    "section",
    { class: "panel" },
    h("h3", {}, "Experiment ", h("small", {}, `since revision ${report.revision}, ${moment(report.since)}`)),
    report.state === "waiting"
      ? h("p", { class: "quiet" }, "It was not looked at yet; control looks every minute.")
      : [
          report.treatments.map((treatment) => standing(treatment, painted)),
          h("p", { class: "note" }, remarks(report).join("; "), "."),
        ],
  );
}

const standing = (treatment, painted) => {
  const { verdict, effect, units, control, treatment: arm } = treatment;
  return h(
    "div",
    { class: "standing" },
    h(
      "p",
      {},
      h("b", { class: `verdict ${verdict.decision.replace(" ", "-")}` }, verdict.decision),
      " ",
      swatch(painted.get(arm)),
      h("bdi", {}, arm),
      " against ",
      swatch(painted.get(control)),
      h("bdi", {}, control),
      treatment.decided_at && h("small", {}, ` ${ago(treatment.decided_at)}`),
    ),
    h("p", {}, h("bdi", {}, verdict.why), "."),
    interval(effect, arm),
    h(
      "p",
      { class: "note" },
      [
        `${count(units[arm])} and ${counted(units[control], "unit")} compared`,
        `evidence ${evidence(treatment)}`,
        ...Object.entries(treatment.guardrails).map(
          ([name, { broken }]) => `${name}: ${broken ? "broken" : "holds"}`,
        ),
        toGo(treatment),
      ].join(" · "),
    ),
  );
};

/** The effect on an axis about 0: what is not refuted, the best guess, and the smallest that matters. */
function interval({ kind, minimum, estimate, low, high }, arm) {
  const said = (value) => (value === null ? "no bound" : signed(value, kind));
  const known = [low, high, estimate, LEAST * minimum].filter((value) => value !== null);
  const reach = ROOM * Math.max(...known.map(Math.abs));
  const at = (value) => `${(50 + 50 * Math.max(-1, Math.min(1, value / reach))).toFixed(2)}%`;
  const [from, to] = [low ?? -reach, high ?? reach];
  const { height, line, half } = INTERVAL;
  const labelled = (values) =>
    values.filter((value, index) => values.slice(0, index).every((other) => Math.abs(value - other) / reach > APART));
  const words = `Effect of ${arm}: ${said(estimate)}, interval ${said(low)} to ${said(high)}; the smallest that matters is ${said(minimum)}`;
  return svg(
    "svg",
    { class: "interval", role: "img", "aria-label": words, height, width: "100%" },
    svg("line", { x1: 0, x2: "100%", y1: line, y2: line, class: "grid floor" }),
    svg("line", { x1: "50%", x2: "50%", y1: 2, y2: 2 * line - 2, class: "grid floor" }),
    svg("line", { x1: at(minimum), x2: at(minimum), y1: 4, y2: 2 * line - 4, class: "minimum" }),
    svg(
      "g",
      { "data-tip": words.replace("; ", "\n").replace(", interval", "\ninterval") },
      svg("rect", { x: 0, y: 0, width: "100%", height, class: "target" }),
      svg("rect", {
        x: at(from),
        width: `${((50 * (Math.min(to, reach) - Math.max(from, -reach))) / reach).toFixed(2)}%`,
        y: line - half,
        height: 2 * half,
        rx: 3,
        class: low !== null && low > 0 ? "range above" : high !== null && high < 0 ? "range below" : "range",
      }),
      estimate !== null && svg("circle", { cx: at(estimate), cy: line, r: 4.5, class: "estimate" }),
    ),
    labelled([low, high, 0, minimum].filter((value) => value !== null)).map((value) => {
      const x = at(value);
      const place = parseFloat(x);
      const anchor = place > 90 ? "end" : place < 10 ? "start" : "middle";
      return svg("text", { x, y: height - 4, "text-anchor": anchor }, value === 0 ? "0" : said(value));
    }),
  );
}

const signed = (value, kind) => {
  const sign = value > 0 ? "+" : "";
  return kind === "relative" ? `${sign}${(100 * value).toFixed(1)}%` : `${sign}${value.toPrecision(3)}`;
};

/** What is missing, while nothing is decided. */
function toGo({ verdict, to_go: missing, unknown }) {
  if (verdict.decision !== "go on") return "decided";
  if (missing === null) return unknown;
  return `for the smallest effect that matters, 90% have ended after ${count(missing.most)} more units (${days(missing.most_days)})`;
}

const days = (value) =>
  value >= 2 ? counted(Math.round(value), "day") : value * 24 >= 1 ? `${(value * 24).toFixed(1)} h` : `${Math.round(value * 1440)} min`;

/** What holds for the whole experiment. */
const remarks = ({ open, forced, elsewhere, sample_ratio: ratio, judged_at: at }) =>
  [
    ratio.broken ? "Units do not come as the weights say" : "Units come as the weights say",
    open > 0 && `${counted(open, "unit")} still in their windows`,
    forced > 0 && `${counted(forced, "row")} named their arm and do not count`,
    elsewhere > 0 && `${counted(elsewhere, "row")} of other revisions do not count`,
    `looked at ${ago(at)}`,
  ].filter(Boolean);
