/** One endpoint: what it is, who changed it last, how it splits its traffic, and who answered. */

import { shareBar, swatch } from "./charts.js";
import { h } from "./dom.js";
import { experiment } from "./experiment.js";
import { count, counted, latency, percent, sum, weight } from "./format.js";
import { models } from "./models.js";
import { performance } from "./performance.js";
import { changedWithin, history } from "./revisions.js";
import { rollout } from "./rollout.js";
import { shadows } from "./shadow.js";
import { skew } from "./skew.js";
import { table } from "./table.js";
import { thresholds } from "./thresholds.js";
import { figures, traffic, violations } from "./traffic.js";

const PAINTS = 8;

/** Which models there are and how each is painted, everywhere on its endpoint: those of the document, then any seen. */
export function paints(document, report) {
  const names = new Set([...Object.keys(document.models), ...Object.keys(report?.total.choices ?? {})]);
  return new Map([...names].map((name, index) => [name, `paint-${(index % PAINTS) + 1}`]));
}

export const anchor = (name) => `endpoint-${name}`;

/** The endpoint's section. `state` has its document, and what is known by now of revisions, traffic and skew. */
export function endpointSection(state) {
  const { document, traffic: report } = state;
  const painted = paints(document, report);
  return h(
    "section",
    { class: "card endpoint", id: anchor(document.name), "aria-labelledby": `${anchor(document.name)}-title` },
    heading(state),
    state.problem && h("p", { class: "banner bad" }, `Not up to date: ${state.problem}.`),
    report
      ? [
          figures(state),
          state.rollout && rollout(state, painted),
          h("div", { class: "pair" }, split(state, painted), answers(report, painted)),
          traffic(state, painted),
          violations(state),
          state.experiment && experiment(state, painted),
          state.shadow && shadows(state, painted),
          state.performance && performance(state, painted),
          state.thresholds && thresholds(state, painted),
        ]
      : !state.problem && h("p", { class: "quiet loading" }, "Asking for its traffic…"),
    state.skew && skew(state),
    state.comparison && models(state, painted),
  );
}

const heading = (state) => {
  const { document } = state;
  const { path, host } = document.match;
  return h(
    "header",
    { class: "heading" },
    h(
      "div",
      {},
      h("h2", { id: `${anchor(document.name)}-title` }, document.name),
      h("p", { class: "call" }, h("code", {}, `POST ${host ?? ""}${path}`)),
      h(
        "ul",
        { class: "tags" },
        facts(document).map((fact) => h("li", {}, fact)),
      ),
    ),
    state.revisions && history(state.revisions, state.diff),
  );
};

/** What the document says in a few words; what it leaves out is at its default. */
function facts(document) {
  const { entity, routing, sampling, on_failure: onFailure } = document;
  const by = entity && (entity.feature ?? `header ${entity.header}`);
  return [
    document.protocol,
    document.task,
    by && (routing.sticky ? `sticky by ${by}` : `entity ${by}`),
    `${percent(sampling?.rate ?? 0.1)} sampled`,
    onFailure === "closed" ? "without a sidecar: 503" : `without a sidecar: ${defaultModel(routing)}`,
  ].filter(Boolean);
}

const defaultModel = ({ split, default: named }) =>
  named ?? Object.keys(split).reduce((heaviest, arm) => (split[arm] > split[heaviest] ? arm : heaviest));

// The split: what was asked for and what came of it.

function split({ document, revisions, traffic: report }, painted) {
  const { split: weights } = document.routing;
  const { choices } = report.total;
  const whole = sum(weights);
  const chosen = sum(choices);
  const arms = [...painted].map(([name, paint]) => ({
    name,
    paint,
    weight: weights[name],
    wanted: name in weights ? weights[name] / whole : null,
    choices: choices[name] ?? 0,
    seen: chosen ? (choices[name] ?? 0) / chosen : null,
  }));
  return h(
    "section",
    { class: "panel" },
    h("h3", {}, "Split"),
    h(
      "div",
      { class: "bars" },
      h("span", {}, "weights"),
      bar("The split's weights", arms, "wanted"),
      h("span", {}, "choices"),
      chosen ? bar("The arms that were chosen", arms, "seen") : h("span", { class: "quiet" }, "none in this period"),
    ),
    table(
      "Arms: their weights, and how often each was chosen",
      ["Arm", "Weight", "Share wanted", "Share chosen", "Chosen"],
      arms.map((arm) => [
        [swatch(arm.paint), h("bdi", {}, arm.name), roles(arm.name, document)],
        weight(arm.weight),
        percent(arm.wanted),
        percent(arm.seen),
        count(arm.choices),
      ]),
    ),
    changedWithin(revisions ?? [], report).length > 0 &&
      h("p", { class: "note" }, "The endpoint was changed within this period: the choices are of before and after."),
  );
}

const bar = (title, arms, which) =>
  shareBar(
    arms.map(({ name, paint, [which]: share }) => ({ name, paint, share: share ?? 0 })),
    `${title}: ${arms.map(({ name, [which]: share }) => `${name} ${percent(share)}`).join(", ")}`,
  );

/** What else a model does than to stand in the split. */
function roles(name, { models, routing }) {
  const turn = (routing.fallback ?? []).indexOf(name);
  const words = [
    turn >= 0 && (routing.fallback.length > 1 ? `fallback ${turn + 1}` : "fallback"),
    (routing.shadow ?? []).includes(name) && "shadow",
    !(name in models) && "gone",
  ].filter(Boolean);
  return words.map((word) => [" ", h("span", { class: "role" }, word)]);
}

// Who answered.

function answers({ sampled }, painted) {
  return h(
    "section",
    { class: "panel" },
    h("h3", {}, "Answers ", h("small", {}, `of ${counted(sampled.requests, "sampled request")}`)),
    sampled.requests
      ? [
          h("div", { class: "bars" }, h("span", {}, "answers"), answersBar(sampled, painted)),
          table(
            "Who answered, and how fast",
            ["Model", "Answered", "Share", "p50", "p95", "p99"],
            sampled.answered.map((answer) => [
              answer.model === null
                ? h("i", {}, "nobody")
                : [swatch(painted.get(answer.model)), h("bdi", {}, answer.model)],
              count(answer.requests),
              percent(answer.share),
              latency(answer.p50),
              latency(answer.p95),
              latency(answer.p99),
            ]),
          ),
          h("p", { class: "note" }, "Status ", statuses(sampled)),
        ]
      : h("p", { class: "quiet" }, "No request of this period was sampled, so nobody knows who answered."),
  );
}

const answersBar = ({ answered }, painted) =>
  shareBar(
    answered.map(({ model, share }) => ({ name: model ?? "nobody", paint: painted.get(model) ?? "paint-none", share })),
    `Who answered: ${answered.map(({ model, share }) => `${model ?? "nobody"} ${percent(share)}`).join(", ")}`,
  );

const statuses = ({ statuses, requests }) =>
  Object.entries(statuses).map(([status, number], index) => [
    index > 0 && " · ",
    h("b", { class: /^[45n]/.test(status) && "alarm" }, status === "none" ? "no answer" : status),
    ` ${percent(number / requests)}`,
  ]);
