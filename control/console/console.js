/**
 * The console: asks control every few seconds and shows what it says.
 *
 * One loop asks, one function shows, and `state` is all there is between them. Endpoints that are out of sight are not
 * asked about, and neither is anything while the page is hidden.
 */

import { alerts } from "./alerts.js";
import {
  ApiError,
  acknowledge,
  getComparison,
  getDiff,
  getExperiment,
  getOpenAlerts,
  getPerformance,
  getPlan,
  getRevisions,
  getRollouts,
  getShadow,
  getSidecars,
  getSkew,
  getThresholds,
  getTraffic,
  now,
} from "./api.js";
import { h, show } from "./dom.js";
import { anchor, endpointSection } from "./endpoint.js";
import { noEndpoints, sidecarTroubles, status } from "./overview.js";
import { showTips } from "./tip.js";

const EVERY = 3000; // milliseconds between refreshes
const SELDOM = 30_000; // milliseconds between questions about what changes slowly and takes a while to answer
const RESTRAINT = 4; // a refresh that took long is followed by a pause of this many times as long
const PERIODS = { "5m": 300, "15m": 900, "1h": 3600, "24h": 86_400 }; // in seconds

const state = {
  period: "15m",
  plan: null,
  sidecars: [],
  alerts: [], // those that are open
  undrawn: new Set(), // addresses of pictures that cannot be had
  asked: null, // when all was answered last
  problem: null,
  endpoints: new Map(), // by name: {document, revision, revisions, diff, comparison, rollout, traffic, skew, shadow, performance, experiment, performedAt, thresholds, model, whole, problem}
};

const windows = new Map(); // by period: the width of control's windows, in seconds
const inSight = new Set(); // ids of sections
const element = (id) => document.getElementById(id);

// Asking.

async function refresh() {
  try {
    const [plan, sidecars, open, rollouts] = await Promise.all([
      getPlan(state.plan?.number),
      getSidecars(),
      getOpenAlerts(),
      getRollouts(),
    ]);
    state.sidecars = sidecars;
    state.alerts = open;
    if (plan) take(plan);
    for (const rollout of rollouts) Object.assign(state.endpoints.get(rollout.endpoint) ?? {}, { rollout });
    render(); // so that new sections come into sight
    await Promise.all(near().map(refreshEndpoint));
    state.asked = now();
    state.problem = null;
  } catch (error) {
    if (!(error instanceof ApiError)) throw error;
    state.problem = error.message;
  }
}

/** Take over a new plan: endpoints that it still has keep what is known of them. */
function take(plan) {
  state.plan = plan;
  const known = state.endpoints;
  state.endpoints = new Map(
    plan.endpoints.map(({ endpoint, revision }) => [
      endpoint.name,
      { ...known.get(endpoint.name), document: endpoint, revision },
    ]),
  );
}

const near = () => [...state.endpoints.values()].filter(({ document }) => inSight.has(anchor(document.name)));

async function refreshEndpoint(endpoint) {
  const { document, revision, model, slice } = endpoint;
  const period = state.period;
  try {
    const range = rangeOf(period);
    const fresh = endpoint.revisions?.[0]?.revision === revision;
    const due = now() - (endpoint.performedAt ?? 0) >= SELDOM;
    const [traffic, skew, shadow, performance, experiment, thresholds, history, diff, comparison] = await Promise.all([
      getTraffic(document.name, range),
      getSkew(document.name, range, model in document.models ? model : null, slice || null),
      getShadow(document.name, range),
      due ? getPerformance(document.name) : endpoint.performance,
      document.experiment ? getExperiment(document.name) : null,
      document.thresholds ? getThresholds(document.name) : null,
      fresh ? null : getRevisions(document.name),
      fresh ? null : getDiff(document.name, revision),
      fresh ? null : getComparison(document.name),
    ]);
    if (period !== state.period) return;
    windows.set(period, traffic.window);
    Object.assign(endpoint, { traffic, skew, shadow, performance, experiment, thresholds, problem: null });
    if (due) endpoint.performedAt = now();
    if (!fresh) Object.assign(endpoint, { revisions: history.revisions, diff, comparison });
  } catch (error) {
    if (!(error instanceof ApiError)) throw error;
    windows.delete(period);
    endpoint.problem = error.message;
  }
}

/** Once the windows' width is known, they are asked for at multiples of it: bars stand still between refreshes. */
function rangeOf(period) {
  const window = windows.get(period);
  if (!window) return { since: `-${period}` };
  const since = Math.floor((now() / 1000 - PERIODS[period]) / window) * window;
  return { since: since.toFixed(3), window };
}

// Showing.

function render() {
  const endpoints = [...state.endpoints.values()];
  show(element("banner"), state.problem && trouble());
  show(element("status"), status(state));
  show(element("sidecars"), sidecarTroubles(state));
  show(element("alerts"), alerts(state, now()));
  if (state.plan) {
    show(
      element("endpoints"),
      endpoints.length > 1 && contents(endpoints),
      endpoints.map(endpointSection),
      !endpoints.length && noEndpoints(),
    );
  }
  for (const section of document.querySelectorAll(".endpoint")) sight.observe(section);
}

const trouble = () =>
  h(
    "div",
    { class: "banner bad" },
    h(
      "p",
      {},
      h("b", {}, `Not up to date: ${state.problem}.`),
      state.asked && ` What you see is from ${new Date(state.asked).toLocaleTimeString("en-GB")}.`,
    ),
    h("button", { type: "button", "data-retry": true }, "Try again"),
  );

const contents = (endpoints) =>
  h(
    "nav",
    { class: "contents", "aria-label": "Endpoints" },
    h(
      "ul",
      {},
      endpoints.map(({ document: { name } }) => h("li", {}, h("a", { href: `#${anchor(name)}` }, name))),
    ),
  );

// The loop.

let endPause = () => {};
let woken = false;

/** Refresh now, or right after the refresh that is under way. */
function wake() {
  woken = true;
  endPause();
}

async function pause(milliseconds) {
  if (!woken) {
    await new Promise((resolve) => {
      endPause = resolve;
      setTimeout(resolve, milliseconds);
    });
  }
  woken = false;
}

async function run() {
  for (;;) {
    const started = performance.now();
    if (!document.hidden) {
      await refresh();
      render();
    }
    await pause(Math.max(EVERY, RESTRAINT * (performance.now() - started)));
  }
}

// What the reader does.

const sight = new IntersectionObserver(
  (entries) => {
    for (const { target, isIntersecting } of entries) {
      if (isIntersecting) inSight.add(target.id);
      else inSight.delete(target.id);
    }
    if (near().some(({ traffic }) => !traffic)) wake();
  },
  { rootMargin: "50%" },
);

function choosePeriod(period) {
  state.period = period;
  const address = new URL(location);
  address.searchParams.set("period", period);
  history.replaceState(null, "", address);
  wake();
}

element("period").addEventListener("change", ({ target }) => choosePeriod(target.value));

element("endpoints").addEventListener("change", ({ target }) => {
  const { reference, slice } = target.dataset;
  if (reference) state.endpoints.get(reference).model = target.value;
  if (slice) state.endpoints.get(slice).slice = target.value;
  if (reference || slice) wake();
});

element("alerts").addEventListener("submit", async (event) => {
  event.preventDefault();
  const { target } = event;
  try {
    await acknowledge(target.dataset.acknowledge, Object.fromEntries(new FormData(target)));
  } catch (error) {
    if (!(error instanceof ApiError)) throw error;
    state.problem = error.message;
    render();
  }
  wake();
});

document.addEventListener(
  "error",
  ({ target }) => {
    if (target.className !== "picture") return;
    state.undrawn.add(target.getAttribute("src"));
    render();
  },
  { capture: true },
);

document.addEventListener("click", ({ target }) => {
  if (target.dataset?.retry !== undefined) wake();
  if (target.dataset?.whole) {
    state.endpoints.get(target.dataset.whole).whole = true;
    render();
  }
});

document.addEventListener("visibilitychange", () => !document.hidden && wake());

function start() {
  const asked = new URL(location).searchParams.get("period");
  if (asked in PERIODS) state.period = asked;
  element("period").querySelector(`[value="${state.period}"]`).checked = true;
  showTips(element("tip"));
  run();
}

start();
