/** Skew: how far each feature, as it was served, is from what the model was trained on, in all and over time. */

import { h, named } from "./dom.js";
import { cellOf, heatStrip } from "./charts.js";
import { findings } from "./findings.js";
import { count, counted, measure, percent, span, sum } from "./format.js";

const FEATURES_AT_FIRST = 40;
const MOST_UNKNOWN = 30;

/** The usual reading of the population stability index: below 0.1 nothing to see, above 0.25 something has moved. */
const SOME = 0.1;
const HIGH = 0.25;

const ORDER = { high: 0, some: 1, low: 2, untold: 3, empty: 4 };

export const LEVEL_WORDS = {
  low: "as in training",
  some: "somewhat skewed",
  high: "skewed",
  untold: "too few rows to tell",
  empty: "no rows",
};

/** How skewed a PSI is. */
export function levelOf(psi, rows = 1) {
  if (!rows) return "empty";
  if (psi === null) return "untold";
  return psi < SOME ? "low" : psi <= HIGH ? "some" : "high";
}

/** The panel of an endpoint. `state.whole` says that a long list of features is to be shown whole. */
export function skew(state) {
  const { document, skew: report } = state;
  const compared = report.references.includes(report.model);
  if (!report.total.rows && compared)
    return panel(
      state,
      h("p", { class: "quiet" }, "No row of this period was sampled, so there is nothing to compare."),
    );
  return panel(
    state,
    !compared && noReference(document, report),
    report.total.rows > 0 && [
      compared && findings(report),
      legend(compared),
      features(state, compared),
      report.total.broken > 0 &&
        h("p", { class: "note" }, `${counted(report.total.broken, "row")} could not be read, being no object.`),
      unknownFields(report),
    ],
  );
}

const panel = (state, ...children) =>
  h(
    "section",
    { class: "panel" },
    h(
      "div",
      { class: "titled" },
      h("h3", {}, "Skew ", h("small", {}, rowsOf(state.skew))),
      h("div", { class: "choosers" }, slices(state), chooser(state)),
    ),
    children,
  );

const rowsOf = ({ total, slice }) =>
  [counted(total.sampled, "sampled row"), slice && `of ${slice}`, "against the training data"].filter(Boolean).join(" ");

/** Which model's training data is compared with, if there is a choice. */
function chooser({ document, skew: { references, model } }) {
  if (references.length < 2 && (references.includes(model) || !references.length)) return null;
  const names = references.includes(model) ? references : [model, ...references];
  return h(
    "label",
    { class: "chooser" },
    "reference of ",
    h(
      "select",
      { "data-reference": document.name },
      names.map((name) => h("option", { value: name, selected: name === model }, name)),
    ),
  );
}

/** Which rows are looked at, if there are slices of them. */
function slices({ document, skew: { slices: known, slice } }) {
  if (!known.length && !slice) return null;
  const names = slice && !known.includes(slice) ? [slice, ...known] : known;
  return h(
    "label",
    { class: "chooser" },
    "rows of ",
    h(
      "select",
      { "data-slice": document.name },
      h("option", { value: "", selected: !slice }, "everything"),
      names.map((name) => h("option", { value: name, selected: name === slice }, name)),
    ),
  );
}

const noReference = ({ name }, { model }) =>
  h(
    "div",
    { class: "teach" },
    h(
      "p",
      {},
      h("b", {}, `There is no reference of ${model} yet. `),
      "Profile the data it was trained on, and what is served is compared with it, feature by feature:",
    ),
    h(
      "pre",
      {},
      h("code", {}, `hyperplan profile train.parquet --endpoint ${name} --model ${model} --control ${location.origin}`),
    ),
  );

const legend = (compared) =>
  h(
    "ul",
    { class: "legend" },
    compared && [
      h("li", {}, cellOf("low"), `PSI below ${SOME}: ${LEVEL_WORDS.low}`),
      h("li", {}, cellOf("some"), `${SOME} to ${HIGH}: ${LEVEL_WORDS.some}`),
      h("li", {}, cellOf("high"), `above ${HIGH}: ${LEVEL_WORDS.high}`),
    ],
    h("li", {}, cellOf("untold"), compared ? LEVEL_WORDS.untold : "rows"),
    h("li", {}, h("span", { class: "underline", "aria-hidden": "true" }), "with violations"),
  );

// The table of features.

function features(state, compared) {
  const { document, skew: report } = state;
  const ordered = mostSkewedFirst(document.schema.features, report);
  const shown = state.whole ? ordered : ordered.slice(0, FEATURES_AT_FIRST);
  const head = (name, kind, title) => h("th", { scope: "col", class: kind, title }, name);
  return [
    h(
      "div",
      { class: "scroll", tabindex: 0, role: "region", "aria-label": "Skew by feature" },
      h(
        "table",
        { class: "skew" },
        h(
          "thead",
          {},
          h(
            "tr",
            {},
            head("Feature"),
            compared && head("PSI", "number", "Population stability index of the whole period"),
            head(compared ? "PSI over time" : "Rows over time", "wide"),
            compared &&
              head("Jensen–Shannon", "number", "Jensen–Shannon distance of the whole period, from 0 (the same) to 1"),
            head("Missing", "number"),
            head("Null", "number"),
            head("Unseen", "number", "Values that the schema's categories do not list"),
          ),
        ),
        h(
          "tbody",
          {},
          shown.map(([name, feature]) => featureRow(name, feature, report, compared)),
        ),
      ),
    ),
    shown.length < ordered.length &&
      h("button", { type: "button", "data-whole": document.name }, `Show all ${count(ordered.length)} features`),
  ];
}

/** By level, so that rows do not change places at every refresh; within a level in the schema's order. */
function mostSkewedFirst(schema, report) {
  const place = (name) => ORDER[levelOf(report.total.features[name].psi, report.total.rows)];
  return Object.entries(schema)
    .filter(([name]) => name in report.total.features)
    .sort(([one], [other]) => place(one) - place(other));
}

function featureRow(name, feature, report, compared) {
  const total = report.total.features[name];
  const share = (number) =>
    h("td", { class: number ? "number" : "number zero" }, number ? amount(number, total.rows) : "0");
  return h(
    "tr",
    {},
    h("th", { scope: "row" }, named(name, feature.description), h("small", {}, describe(feature))),
    compared && h("td", { class: "number" }, grade(total)),
    h("td", { class: "wide" }, strip(name, report, compared)),
    compared && h("td", { class: "number" }, measure(total.jensen_shannon)),
    share(total.missing),
    share(total.null),
    feature.type === "category" ? share(total.unseen) : h("td", { class: "number zero" }, "–"),
  );
}

/** Type, unit and source, in words. */
function describe({ type, unit, source }) {
  return [unit ? `${type} in ${unit}` : type, source && `from ${source}`].filter(Boolean).join(", ");
}

const amount = (number, whole) => [count(number), h("small", {}, percent(number / whole))];

const grade = ({ psi, rows }) => {
  const level = levelOf(psi, rows);
  return h(
    "span",
    { class: `grade ${level}` },
    measure(psi),
    h("span", { class: "hidden" }, `, ${LEVEL_WORDS[level]}`),
  );
};

function strip(name, report, compared) {
  const cells = report.windows.map((window) => {
    const feature = window.features[name];
    return {
      level: levelOf(feature.psi, feature.rows),
      marked: sum(feature.violations) > 0,
      tip: tipOf(window, feature, report, compared),
    };
  });
  return heatStrip(report, cells, labelOf(name, report, cells, compared));
}

function tipOf(window, { rows, psi, violations }, report, compared) {
  const lines = [span(window, report)];
  if (rows && compared)
    lines.push(psi === null ? LEVEL_WORDS.untold : `PSI ${measure(psi)}, ${LEVEL_WORDS[levelOf(psi)]}`);
  lines.push(rows ? counted(rows, "row") : LEVEL_WORDS.empty);
  return [...lines, ...Object.entries(violations).map(([kind, number]) => `${kind}: ${count(number)}`)].join("\n");
}

function labelOf(name, report, cells, compared) {
  const wrong = cells.filter(({ marked }) => marked).length;
  const marked = wrong ? `, violations in ${counted(wrong, "window")}` : "";
  if (!compared) return `${name} over time${marked}`;
  const known = report.windows.map((window) => window.features[name].psi).filter((psi) => psi !== null);
  const worst = known.length ? `at worst ${measure(Math.max(...known))}` : "unknown";
  return `PSI of ${name} over time: ${worst}${marked}`;
}

// Fields that no feature explains.

function unknownFields({ unknown, total }) {
  const fields = Object.entries(unknown);
  if (!fields.length) return null;
  return h(
    "div",
    { class: "unknown" },
    h("h4", {}, "Unknown fields ", h("small", {}, "that the schema does not name")),
    h(
      "ul",
      {},
      fields
        .slice(0, MOST_UNKNOWN)
        .map(([name, rows]) =>
          h("li", {}, named(name), h("small", {}, `${counted(rows, "row")}, ${percent(rows / total.rows)}`)),
        ),
      fields.length > MOST_UNKNOWN && h("li", { class: "quiet" }, `and ${count(fields.length - MOST_UNKNOWN)} more`),
    ),
  );
}
