/** Shadows: what each answered, beside what clients got for the same requests. */

import { swatch } from "./charts.js";
import { h } from "./dom.js";
import { count, counted, latency, percent } from "./format.js";
import { table } from "./table.js";

/** The panel of an endpoint that has shadows, or had some in this period. */
export function shadows({ shadow: report }, painted) {
  if (!report.shadows.length) return null;
  return h(
    "section",
    { class: "panel" },
    h("h3", {}, "Shadows ", h("small", {}, "beside who answered the same sampled requests")),
    report.shadows.some(({ against }) => against.length) && comparisons(report, painted),
    report.shadows.map((shadow) => remarks(shadow)),
  );
}

const comparisons = (report, painted) =>
  table(
    "Shadows beside the models that answered",
    [
      "Shadow",
      "Other",
      "Requests",
      "Same class",
      "Mean difference",
      "Shadow's errors",
      "Other's",
      "Shadow's p95",
      "Other's",
    ],
    report.shadows.flatMap(({ model, against }) =>
      against.map((one) => [
        painting(model, painted),
        one.model === null ? h("i", {}, "nobody") : painting(one.model, painted),
        count(one.pairs),
        rate(one.agreement?.rate, one.agreement && threshold(report)),
        difference(one.differences),
        rate(one.shadow.error_rate),
        rate(one.primary.error_rate),
        latency(one.shadow.p95),
        latency(one.primary.p95),
      ]),
    ),
  );

const painting = (model, painted) => [swatch(painted.get(model) ?? "paint-none"), h("bdi", {}, model)];

/** A rate, with its interval for who points at it. */
const rate = (found, remark) =>
  found
    ? h("span", { title: `95 %: ${percent(found.low)} to ${percent(found.high)}${remark ?? ""}` }, percent(found.estimate))
    : percent(null);

const threshold = (report) => (report.threshold === null ? "" : `; class 1 from a score of ${report.threshold} on`);

const difference = (found) =>
  found
    ? h("span", { title: `mean absolute difference ${found.mean_absolute.toPrecision(3)}` }, signed(found.mean))
    : percent(null);

const signed = (value) => `${value > 0 ? "+" : ""}${value.toPrecision(3)}`;

/** What a shadow did not answer, or not well. */
function remarks({ model, answers, unanswered, alone, failures }) {
  const said = [
    !answers && "no answer in this period",
    unanswered > 0 && `no answer yet to ${counted(unanswered, "sampled request")}`,
    alone > 0 && `${counted(alone, "answer")} to requests of which no sample came yet`,
    ...failures.map((failure) => `${counted(failure.answers, "answer")} failed: ${reason(failure)}`),
  ].filter(Boolean);
  return said.length > 0 && h("p", { class: "note" }, h("b", {}, h("bdi", {}, model)), `: ${said.join("; ")}.`);
}

const reason = ({ status, failure }) => failure ?? (status === null ? "no answer" : `status ${status}`);
