/** Questions to control's API, and the clock of the machine that answers. */

const PATIENCE = 20_000; // milliseconds until a question is given up

/** The API could not be asked, or said no. The message is for people. */
export class ApiError extends Error {}

/** How far control's clock is ahead of this browser's, in milliseconds. */
let ahead = 0;

/** The time on control's clock, in milliseconds since 1970. */
export const now = () => Date.now() + ahead;

/** The newest plan, or null when `known` is its number. */
export const getPlan = (known) => get("/v1/plan" + query({ after: known }));

export const getSidecars = () => get("/v1/sidecars");

export const getOpenAlerts = () => get("/v1/alerts" + query({ state: "open" }));

/** Say who has seen an alert. */
export const acknowledge = (id, said) => post(`/v1/alerts/${encodeURIComponent(id)}/acknowledge`, said);

export const getRevisions = (name) => get(`/v1/endpoints/${encodeURIComponent(name)}/revisions` + query({ limit: 20 }));

/** What the change that made a revision did. */
export const getDiff = (name, to) => get(`/v1/endpoints/${encodeURIComponent(name)}/diff` + query({ to }));

export const getTraffic = (name, range) => get(`/v1/endpoints/${encodeURIComponent(name)}/traffic` + query(range));

export const getSkew = (name, range, model, slice) =>
  get(`/v1/endpoints/${encodeURIComponent(name)}/skew` + query({ ...range, model, slice }));

export const getShadow = (name, { since }) => get(`/v1/endpoints/${encodeURIComponent(name)}/shadow` + query({ since }));

/** The newest rollout of each endpoint that ever had one. */
export const getRollouts = () => get("/v1/rollouts");

/** How good predictions were; over a week, since labels are late. */
export const getPerformance = (name) =>
  get(`/v1/endpoints/${encodeURIComponent(name)}/performance` + query({ since: "-7d", window: 604_800 }));

/** The models of an endpoint side by side. */
export const getComparison = (name) => get(`/v1/endpoints/${encodeURIComponent(name)}/comparison`);

export const getPrediction = (id, endpoint) => get(`/v1/predictions/${encodeURIComponent(id)}` + query({ endpoint }));

export const getExperiment = (name) => get(`/v1/endpoints/${encodeURIComponent(name)}/experiment`);

/** What decides for each model of an endpoint that has thresholds. */
export const getThresholds = (name) => get(`/v1/endpoints/${encodeURIComponent(name)}/thresholds`);

function query(parameters) {
  const given = Object.entries(parameters).filter(([, value]) => value !== null && value !== undefined);
  return given.length ? `?${new URLSearchParams(given)}` : "";
}

const get = (path) => ask(path, { cache: "no-store" });

const post = (path, body) =>
  ask(path, { method: "POST", headers: { "content-type": "application/json" }, body: JSON.stringify(body) });

async function ask(path, options) {
  const response = await answered(path, options);
  const date = Date.parse(response.headers.get("date"));
  if (date) ahead = date - Date.now();
  if (response.status === 204) return null;
  const body = await response.json().catch(() => null);
  if (!response.ok) throw new ApiError(body?.detail ?? `control answered ${path} with ${response.status}`);
  if (body === null) throw new ApiError(`control answered ${path} with something that is not JSON`);
  return body;
}

async function answered(path, options) {
  try {
    return await fetch(path, { ...options, signal: AbortSignal.timeout(PATIENCE) });
  } catch (error) {
    const late = error.name === "TimeoutError";
    throw new ApiError(late ? `control did not answer within ${PATIENCE / 1000} seconds` : "control cannot be reached");
  }
}
