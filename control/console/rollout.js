/** A rollout: how far the canary is, why, what speaks against it, and what happened. */

import { swatch } from "./charts.js";
import { h } from "./dom.js";
import { ago, count, evidence, moment, percent } from "./format.js";
import { table } from "./table.js";

const RATES = { errors: "Failed", latency: "Slow", violations: "Broke the schema" };
const SHOWN = 8; // happenings, the newest

/** The panel of an endpoint that has a rollout, or had one. */
export function rollout({ rollout: found }, painted) {
  const { state, canary, control, why, guardrails, happenings } = found;
  return h(
    "section",
    { class: "panel rollout" },
    h(
      "h3",
      {},
      "Rollout ",
      h("small", {}, swatch(painted.get(canary) ?? "paint-none"), h("bdi", {}, canary), ` against ${control}`),
    ),
    h("p", {}, h("b", { class: state === "rolled back" && "alarm" }, state), ": ", why),
    steps(found),
    table(
      "Guardrails: what was counted of the canary and of the control arm since the start",
      ["Guardrail", canary, control, "Evidence"],
      Object.entries(guardrails).map(([name, held]) => [
        RATES[name] ?? name,
        ofAll(held.hits, held.requests),
        ofAll(held.control_hits, held.control_requests),
        h("span", { class: held.broken && "alarm" }, evidence(held)),
      ]),
    ),
    h(
      "details",
      {},
      h("summary", {}, `What happened, ${ago(happenings.at(-1).time)} and before`),
      h(
        "ol",
        { class: "happenings" },
        happenings
          .slice(-SHOWN)
          .reverse()
          .map((each) =>
            h("li", {}, h("time", { datetime: each.time }, moment(each.time)), ` ${each.share} %, ${each.state}: ${each.why}`),
          ),
      ),
    ),
  );
}

/** The steps, with the one that the canary is at. */
const steps = ({ state, steps: shares, step, requests, requests_needed: needed, since }) =>
  h(
    "p",
    { class: "steps" },
    shares.map((share, index) => [
      index > 0 && " → ",
      index === step ? h("b", { "aria-current": "step" }, `${share} %`) : h("span", { class: "quiet" }, `${share} %`),
    ]),
    ["running", "holding", "paused"].includes(state) &&
      h("small", {}, ` since ${moment(since)}, ${count(requests)} of ${count(needed)} requests`),
  );

const ofAll = (hits, requests) =>
  requests ? [`${count(hits)} of ${count(requests)}`, h("small", {}, ` ${percent(hits / requests)}`)] : "–";
