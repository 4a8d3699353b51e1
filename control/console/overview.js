/** What concerns all endpoints: the plan, the sidecars that run it, and those that refuse it. */

import { now } from "./api.js";
import { h } from "./dom.js";
import { ago, counted } from "./format.js";

const SILENT_AFTER = 90; // seconds: a sidecar that is there asks at least once a minute

const isSilent = (sidecar) => now() / 1000 - sidecar.seen > SILENT_AFTER;
const refuses = (sidecar) => sidecar.refused !== null && sidecar.refused > sidecar.applied;

/** The line in the page's header. */
export function status({ plan, sidecars, asked }) {
  if (!plan) return [];
  return [
    h("span", { class: "fact" }, "Plan ", h("b", {}, plan.number)),
    sidecars.length
      ? details(sidecars, plan)
      : h("span", { class: "fact" }, dot(sidecars, plan), "no sidecar asks for plans"),
    h("span", { class: "fact quiet" }, "as of ", h("time", {}, new Date(asked).toLocaleTimeString("en-GB"))),
  ];
}

function dot(sidecars, plan) {
  const good = sidecars.length > 0 && sidecars.every((each) => each.applied === plan.number && !isSilent(each));
  const kind = sidecars.some(refuses) ? "bad" : good ? "good" : "unsure";
  return h("span", { class: `dot ${kind}`, "aria-hidden": "true" });
}

function runs(sidecars, plan) {
  const current = sidecars.filter((each) => each.applied === plan.number).length;
  const share =
    current === sidecars.length ? (current === 1 ? "runs it" : "all run it") : `${current} with the newest plan`;
  return `${counted(sidecars.length, "sidecar")}, ${share}`;
}

/** What is wrong with sidecars: those that refuse a plan, or that there is none. */
export function sidecarTroubles({ plan, sidecars }) {
  if (!plan) return [];
  if (!sidecars.length && plan.endpoints.length) return [nobody()];
  return sidecars.filter(refuses).map(refusal);
}

const refusal = (sidecar) =>
  h(
    "section",
    { class: "banner bad" },
    h("h2", {}, `A sidecar refuses plan ${sidecar.refused}`),
    h("p", { class: "reason" }, sidecar.reason ?? "It gave no reason."),
    h(
      "p",
      {},
      sidecar.applied
        ? `It keeps running plan ${sidecar.applied}, so its clients notice nothing. `
        : "It runs no plan yet. ",
      "Sidecar ",
      h("code", {}, sidecar.instance),
      `, last heard of ${ago(sidecar.seen * 1000)}.`,
    ),
  );

const nobody = () =>
  h(
    "section",
    { class: "banner" },
    h("h2", {}, "No sidecar asks for plans"),
    h("p", {}, "Endpoints are served as soon as one does. Start one next to each Envoy:"),
    h("pre", {}, h("code", {}, `hyperplan sidecar --control ${location.origin}`)),
  );

/** How the sidecars do, in a few words, and each by itself when opened. */
const details = (sidecars, plan) =>
  h(
    "details",
    { class: "fact sidecars" },
    h("summary", {}, dot(sidecars, plan), runs(sidecars, plan)),
    h(
      "div",
      { class: "scroll drop", tabindex: 0, role: "region", "aria-label": "Sidecars" },
      h(
        "table",
        {},
        h(
          "thead",
          {},
          h(
            "tr",
            {},
            ["Sidecar", "Plan in force", "Last heard of"].map((name) => h("th", { scope: "col" }, name)),
          ),
        ),
        h(
          "tbody",
          {},
          sidecars.map((sidecar) => row(sidecar, plan)),
        ),
      ),
    ),
  );

const row = (sidecar, plan) =>
  h(
    "tr",
    {},
    h("th", { scope: "row" }, h("code", {}, sidecar.instance)),
    h(
      "td",
      {},
      sidecar.applied || "none",
      sidecar.applied < plan.number && h("span", { class: "quiet" }, ` (${plan.number} is newest)`),
    ),
    h("td", { class: isSilent(sidecar) && "quiet" }, ago(sidecar.seen * 1000), isSilent(sidecar) && ", perhaps gone"),
  );

/** What to do when there is no endpoint. */
export const noEndpoints = () =>
  h(
    "section",
    { class: "card empty" },
    h("h2", {}, "No endpoint yet"),
    h(
      "p",
      {},
      "An endpoint is what clients call: a path, the protocol they speak, the features of a row, ",
      "and the models behind it. Describe one in a file and apply it:",
    ),
    h("pre", {}, h("code", {}, `hyperplan apply -f endpoint.yaml --control ${location.origin}`)),
    h("p", {}, "Or see one at work first, with two models and half a year of flights:"),
    h("pre", {}, h("code", {}, "hyperplan demo")),
  );
