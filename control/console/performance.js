/** Performance: how good predictions were, by model, on labels that had the time to come. */

import { swatch } from "./charts.js";
import { h } from "./dom.js";
import { count, moment } from "./format.js";
import { table } from "./table.js";

const NAMES = {
  accuracy: "Accuracy",
  precision: "Precision",
  recall: "Recall",
  f1: "F1",
  macro_f1: "Macro F1",
  auc: "AUC",
  log_loss: "Log loss",
  brier: "Brier",
  rmse: "RMSE",
  mae: "MAE",
  bias: "Bias",
  reward: "Reward",
};

/** The panel of an endpoint for whose predictions some truth has come. Models stand side by side: there are fewer of them than metrics. */
export function performance({ performance: report }, painted) {
  const parts = Object.entries(report.parts);
  if (!parts.length) return null;
  const metrics = Object.keys(NAMES).filter((name) => parts.some(([, { total }]) => name in total.metrics));
  return h(
    "section",
    { class: "panel" },
    h("h3", {}, "Performance ", h("small", {}, "of the last seven days, with intervals of 95 %")),
    table(
      "How good predictions were, by model",
      ["Metric", ...parts.map(([model]) => [swatch(painted.get(model) ?? "paint-none"), h("bdi", {}, model)])],
      [
        [
          "Labelled predictions",
          ...parts.map(([, { labelled, samples }]) =>
            samples === null ? count(labelled) : `${count(labelled)} of ${count(samples)}`,
          ),
        ],
        ["Rows", ...parts.map(([, { total }]) => count(total.rows))],
        ...metrics.map((name) => [NAMES[name], ...parts.map(([, { total }]) => estimate(total.metrics[name]))]),
      ],
    ),
    report.unripe > 0 &&
      h(
        "p",
        { class: "note" },
        `Predictions made after ${moment(report.ripe_until)} do not count yet: labels that come fast are not like the others.`,
      ),
  );
}

/** A metric, with its interval below. */
const estimate = (found) =>
  found
    ? [digits(found.value), found.low !== null && h("small", {}, ` ${digits(found.low)} to ${digits(found.high)}`)]
    : "–";

const digits = (value) => (Math.abs(value) >= 100 ? count(value) : value.toPrecision(3));
