/** One prediction, from the request to the run that trained the model: a page of its own, so that it has an address to send around. */

import { ApiError, getPrediction } from "./api.js";
import { h, show } from "./dom.js";
import { counted, latency, percent } from "./format.js";
import { texts } from "./table.js";

const MOST_ROWS = 20;
const place = document.getElementById("prediction");
const field = document.getElementById("id");

async function explain(id, endpoint) {
  field.value = id;
  document.title = `${id} · Hyperplan`;
  try {
    show(place, explanation(await getPrediction(id, endpoint)));
  } catch (error) {
    if (!(error instanceof ApiError)) throw error;
    show(place, h("p", { class: "banner bad" }, h("bdi", {}, `${error.message}.`)));
  }
}

const explanation = (found) =>
  h(
    "section",
    { class: "card" },
    h(
      "header",
      { class: "heading" },
      h(
        "div",
        {},
        h("h2", {}, h("bdi", {}, found.prediction_id)),
        h("p", { class: "call" }, h("a", { href: `./#endpoint-${found.endpoint}` }, found.endpoint)),
      ),
    ),
    h("p", {}, h("b", {}, h("bdi", {}, `${found.summary}.`))),
    found.notes.map((note) => h("p", { class: "note" }, h("bdi", {}, `${note}.`))),
    found.request && request(found),
    found.choice && answer(found),
    found.routing && routing(found.routing),
    found.shadows.length > 0 && shadows(found.shadows),
    panel(
      "Feedback",
      found.feedback.length ? feedback(found.feedback) : h("p", { class: "quiet" }, "The truth has not come back yet."),
    ),
    found.models.map(model),
  );

const panel = (title, ...content) => h("section", { class: "panel" }, h("h3", {}, title), content);

function request({ request: asked, schema, trace }) {
  const facts = [
    ["When", time(asked.time)],
    asked.entity !== null && ["About", asked.entity],
    ...Object.entries(asked.slices),
    schema && ["Schema", schema.version],
    trace && ["Trace", traced(trace)],
    asked.flaw && ["Flaw", asked.flaw],
  ];
  const names = [...new Set(asked.rows.flatMap((row) => Object.keys(row.values)))];
  return panel(
    "Request",
    definitions(facts),
    names.length > 0 &&
      grid(
        "The features as they were served",
        ["Feature", ...asked.rows.slice(0, MOST_ROWS).map((_, index) => `Row ${index}`)],
        names.map((name) => [name, ...asked.rows.slice(0, MOST_ROWS).map((row) => text(row.values[name]))]),
      ),
    asked.rows_seen > Math.min(asked.rows.length, MOST_ROWS) &&
      h("p", { class: "note" }, `The request had ${counted(asked.rows_seen, "row")}.`),
    asked.violations.length > 0 &&
      grid(
        "Violations of the schema",
        ["Feature", "Row", "Violation", "Expected", "Got"],
        asked.violations.map(({ feature, row, kind, expected, got }) => [feature, `${row}`, kind, expected, got]),
      ),
  );
}

const traced = ({ id, recorded, url }) => [
  url ? h("a", { href: url }, id) : h("code", {}, id),
  !recorded && h("span", { class: "quiet" }, " (not recorded)"),
];

const answer = ({ choice, answer: answered }) =>
  panel(
    "Answer",
    definitions([
      ["Arm", choice.arm ?? "none"],
      ["Propensity", choice.forced ? "named by the request" : choice.propensity === null ? "not known" : `${choice.propensity}`],
      ["Sampled with probability", percent(choice.inclusion)],
      ["Answered by", answered.model ?? "nobody"],
      answered.attempts && ["At attempt", `${answered.attempts} of ${answered.chain.join(" → ")}`],
      ["Status", answered.status === null ? "no answer" : `${answered.status}`],
      ["Latency", latency(answered.latency)],
      ["Predictions", text(answered.predictions)],
      answered.decisions.length > 0 && ["Decided", `${text(answered.decisions)} by ${text(answered.threshold)}`],
    ]),
  );

const routing = ({ revision, plan, routed_by: by, document: routed }) =>
  panel(
    "Routing",
    definitions([
      ["Revision", `${revision} (plan ${plan})`],
      routed && ["Weights", Object.entries(routed.split).map(([arm, weight]) => `${arm} ${weight}`).join(", ")],
      by && ["Set by", `${by.author}, ${time(by.created_at)}, with revision ${by.revision} (${by.change})`],
      by?.reason && ["Why", by.reason],
    ]),
  );

const shadows = (answers) =>
  panel(
    "Shadows",
    grid(
      "What shadows answered",
      ["Model", "Answered", "Status", "Latency"],
      answers.map((one) => [
        one.model,
        one.failure ?? text(one.predictions),
        one.status === null ? "no answer" : `${one.status}`,
        latency(one.latency),
      ]),
    ),
  );

const feedback = (told) =>
  grid(
    "The truth as it was told",
    ["Row", "Label", "Reward", "Known", "Revision", "Source", "Counts"],
    told.map((one) => [
      `${one.row}`,
      text(one.label),
      text(one.reward),
      time(one.time),
      `${one.revision}`,
      one.source || "–",
      one.counts ? "yes" : "replaced",
    ]),
  );

function model({ model: name, roles, document: declared, repeats }) {
  const lineage = declared?.lineage;
  const { run, extra, ...facts } = lineage ?? {};
  return panel(
    [h("bdi", {}, name), " ", h("small", {}, roles.join(", "))],
    lineage
      ? definitions([
          ...leaves(facts),
          run && ["run", linked(run)],
          ...leaves(extra ?? {}),
        ])
      : h("p", { class: "quiet" }, "It says nothing of where it comes from."),
    repeats.map(({ sentence }) => h("p", { class: "note" }, h("bdi", {}, `${sentence}.`))),
  );
}

/** A run's page is what somebody wrote, so it is a link only if it leads to the web. */
const linked = (run) =>
  /^https?:/.test(run.url ?? "")
    ? h("a", { href: run.url, rel: "noreferrer" }, run.id ?? run.url)
    : (run.id ?? text(run));

// Pieces.

const leaves = (value, path = "") =>
  Object.entries(value).flatMap(([name, item]) =>
    item !== null && typeof item === "object" && !Array.isArray(item)
      ? leaves(item, `${path}${name} · `)
      : [[`${path}${name}`, text(item)]],
  );

const definitions = (facts) =>
  h(
    "dl",
    { class: "facts" },
    facts.filter(Boolean).map(([name, value]) => [
      h("dt", {}, h("bdi", {}, name)),
      h("dd", {}, typeof value === "string" ? h("bdi", {}, value) : value),
    ]),
  );

const grid = (caption, columns, rows) =>
  texts(
    caption,
    columns,
    rows.map(([name, ...cells]) => [name, ...cells.map((cell) => h("bdi", {}, cell))]),
  );

const text = (value) =>
  value === null || value === undefined ? "–" : typeof value === "string" ? value : JSON.stringify(value);

const time = (at) => new Date(at).toLocaleString("en-GB");

document.getElementById("asked").addEventListener("submit", (event) => {
  event.preventDefault();
  const address = new URL(location);
  address.search = new URLSearchParams({ id: field.value.trim() });
  history.pushState(null, "", address);
  start();
});

window.addEventListener("popstate", start);

function start() {
  const asked = new URL(location).searchParams;
  if (asked.get("id")) explain(asked.get("id"), asked.get("endpoint"));
}

start();
