/** The traffic of an endpoint: its figures, its rates over time, and the ways in which bodies were wrong. */

import { sparkline, stackedRates, swatch } from "./charts.js";
import { h, named } from "./dom.js";
import { count, counted, measure, moment, percent, rate, sum } from "./format.js";
import { changedWithin } from "./revisions.js";
import { LEVEL_WORDS, levelOf } from "./skew.js";

const MOST_VIOLATIONS = 40;

const WORDS = {
  missing: "is not there",
  type: "has the wrong type",
  null: "is null",
  range: "is out of range",
  category: "has a value that training never saw",
  unknown: "is no field of the schema",
  renamed: "came under another name",
};

// The figures in a row.

/** The numbers to look at first. */
export function figures(state) {
  const { total, sampled, windows, window } = state.traffic;
  const requests = sum(total.requests);
  const rejected = total.requests.rejected ?? 0;
  const flaws = sum(total.flaws);
  const wrong = sum(Object.values(total.violations).map(sum));
  const busiest = Math.max(...windows.map((each) => sum(each.requests))) / window;
  return h(
    "dl",
    { class: "figures" },
    figure("Requests", count(requests), requests ? `${rate(busiest)} per second at most` : "none in this period"),
    figure(
      "Rejected",
      count(rejected),
      flaws ? `${counted(flaws, "body", "bodies")} unreadable` : share(rejected, requests),
      rejected > 0,
    ),
    figure(
      "Violations",
      count(wrong),
      wrong ? commonest(total.violations) : requests ? "every row fits the schema" : "–",
      wrong > 0,
    ),
    figure(
      "Failovers",
      count(sampled.failovers),
      share(sampled.failovers, sampled.requests, "of the sampled"),
      sampled.failovers > 0,
    ),
    worst(state.skew),
  );
}

const figure = (name, value, note, alarming) =>
  h("div", { class: alarming && "alarming" }, h("dt", {}, name), h("dd", {}, h("b", {}, value), h("small", {}, note)));

const share = (part, whole, of = "of all") => (whole ? `${percent(part / whole)} ${of}` : "–");

function commonest(violations) {
  const [first] = listed(violations);
  return [named(first.feature), ` ${first.kind}`];
}

function worst(report) {
  const known = Object.entries(report?.total.features ?? {}).filter(([, { psi }]) => psi !== null);
  if (!known.length)
    return figure("Most skewed", "–", report?.references.length === 0 ? "no reference yet" : "nothing to compare");
  const [name, { psi }] = known.reduce((most, each) => (each[1].psi > most[1].psi ? each : most));
  const level = levelOf(psi);
  return figure("Most skewed", named(name), `PSI ${measure(psi)}, ${LEVEL_WORDS[level]}`, level === "high");
}

// Over time.

/** Requests per second by arm, and those rejected on top. */
export function traffic({ document, revisions, traffic: report }, painted) {
  if (!sum(report.total.requests)) return noTraffic(document);
  const layers = layersOf(report, painted);
  return h(
    "section",
    { class: "panel" },
    h("h3", {}, "Traffic ", h("small", {}, "requests per second, by the arm that was chosen")),
    stackedRates(report, layers, marksOf(revisions ?? [], report), labelOf(report, layers)),
    h(
      "ul",
      { class: "legend" },
      layers.map(({ name, paint }) => h("li", {}, swatch(paint), h("bdi", {}, name))),
    ),
  );
}

function layersOf(report, painted) {
  const arms = [...painted]
    .filter(([name]) => report.total.choices[name])
    .map(([name, paint]) => ({ name, paint, counts: report.windows.map(({ choices }) => choices[name] ?? 0) }));
  const rejected = report.windows.map(({ requests }) => requests.rejected ?? 0);
  return sum(rejected) ? [...arms, { name: "rejected", paint: "bad", counts: rejected }] : arms;
}

const marksOf = (revisions, report) =>
  changedWithin(revisions, report).map(({ revision, change, author, reason, created_at: at }) => ({
    at,
    text: `revision ${revision}`,
    tip: `Revision ${revision}: ${change} by ${author}, ${moment(at)}${reason ? `\n${reason}` : ""}`,
  }));

const labelOf = (report, layers) =>
  `Requests per second over time. In total: ${layers.map(({ name, counts }) => `${name} ${count(sum(counts))}`).join(", ")}.`;

// Before there is any.

const noTraffic = (document) =>
  h(
    "section",
    { class: "panel teach" },
    h("h3", {}, "No traffic in this period"),
    h(
      "p",
      {},
      "Clients call Envoy at the endpoint's path, as they called the model itself. ",
      "For example, if Envoy is on this machine:",
    ),
    h("pre", {}, h("code", {}, curl(document))),
  );

/** A request that fits the schema, to be pasted into a shell. */
function curl({ match, protocol, schema }) {
  const row = Object.fromEntries(Object.entries(schema.features).map(([name, feature]) => [name, example(feature)]));
  const body = JSON.stringify(bodyOf(protocol, row)).replaceAll("'", "'\\''");
  const host = match.host ? ` -H 'host: ${match.host}'` : "";
  const url = `${location.hostname}:8080${match.path}`.replaceAll("'", "%27");
  return `curl '${url}'${host} \\\n  -H 'content-type: application/json' \\\n  -d '${body}'`;
}

function bodyOf(protocol, row) {
  if (protocol === "mlflow") return { dataframe_records: [row] };
  return protocol === "json" ? row : { instances: [row] };
}

function example(feature) {
  const number = Math.min(Math.max(1, feature.min ?? 1), feature.max ?? Infinity);
  const examples = {
    bool: true,
    string: "a",
    category: feature.values?.[0] ?? "a",
    list: Array(feature.length).fill(number),
  };
  return examples[feature.type] ?? number;
}

// What was wrong with bodies.

/** Violations by feature and kind, the most frequent first. */
const listed = (violations) =>
  Object.entries(violations)
    .flatMap(([feature, kinds]) => Object.entries(kinds).map(([kind, number]) => ({ feature, kind, number })))
    .sort((one, other) => other.number - one.number);

/** Each violation with its count over time, and the bodies that could not be read. */
export function violations({ document, traffic: report }) {
  if (!sum(report.total.requests)) return null;
  const rows = [...flawRows(report), ...violationRows(document, report)];
  return h(
    "section",
    { class: "panel" },
    h("h3", {}, "Violations ", h("small", {}, "of the feature schema, in all traffic")),
    rows.length
      ? h(
          "div",
          { class: "scroll", tabindex: 0, role: "region", "aria-label": "Violations" },
          h(
            "table",
            { class: "violations" },
            h(
              "thead",
              {},
              h(
                "tr",
                {},
                h("th", { scope: "col" }, "Feature"),
                h("th", { scope: "col" }, "What is wrong"),
                h("th", { scope: "col", class: "number" }, "Count"),
                h("th", { scope: "col", class: "wide" }, "Over time"),
              ),
            ),
            h("tbody", {}, rows.slice(0, MOST_VIOLATIONS)),
          ),
        )
      : h("p", { class: "good" }, "None: every row of this period fits the schema."),
    rows.length > MOST_VIOLATIONS &&
      h("p", { class: "note" }, `And ${count(rows.length - MOST_VIOLATIONS)} rarer ones.`),
  );
}

const violationRows = ({ schema }, report) =>
  listed(report.total.violations).map(({ feature, kind, number }) =>
    violationRow(
      feature || "the row itself",
      kind,
      explained(kind, schema.features[feature]),
      number,
      report,
      (window) => window.violations[feature]?.[kind] ?? 0,
    ),
  );

const flawRows = (report) =>
  Object.entries(report.total.flaws).map(([flaw, number]) =>
    violationRow(
      "the whole body",
      flaw.replaceAll("_", " "),
      "cannot be read",
      number,
      report,
      (window) => window.flaws[flaw] ?? 0,
    ),
  );

function explained(kind, feature) {
  const words = WORDS[kind] ?? "";
  return kind === "renamed" && feature?.aliases?.length ? `${words}: ${feature.aliases.join(" or ")}` : words;
}

function violationRow(feature, kind, words, number, report, inWindow) {
  const label = `${feature}: ${kind}, ${counted(number, "time")} in this period`;
  return h(
    "tr",
    {},
    h("th", { scope: "row" }, named(feature)),
    h("td", {}, h("span", { class: "kind" }, kind), " ", h("span", { class: "quiet" }, words)),
    h("td", { class: "number" }, count(number)),
    h(
      "td",
      { class: "wide" },
      sparkline(report, report.windows.map(inWindow), "bad", label, (value) => counted(value, "violation")),
    ),
  );
}
