/** Who changed an endpoint, when and why. */

import { h } from "./dom.js";
import { ago, counted, moment } from "./format.js";

const MOST_CHANGES = 6; // that are shown of one revision
const LONGEST = 60; // characters of a value

/** The newest revision and what it changed, and those before it to be opened. */
export function history([newest, ...older], diff) {
  if (!newest) return null;
  return h(
    "div",
    { class: "history" },
    revision(newest),
    newest.revision > 1 && diff.to === newest.revision && changes(diff),
    older.length > 0 &&
      h(
        "details",
        {},
        h("summary", {}, counted(older.length, "earlier revision")),
        h(
          "ol",
          { reversed: true },
          older.map((each) => h("li", {}, revision(each))),
        ),
      ),
  );
}

const revision = ({ revision, change, author, reason, created_at: at }) => [
  h(
    "p",
    {},
    h("b", {}, `Revision ${revision}`),
    ` · ${change} by `,
    h("bdi", {}, author),
    " · ",
    h("time", { datetime: at, title: new Date(at).toLocaleString("en-GB") }, `${moment(at)}, ${ago(at)}`),
  ),
  reason && h("p", { class: "why" }, h("bdi", {}, reason)),
];

/** Each place that was changed, with what stood there before and what stands there now. */
const changes = ({ endpoint, changes }) => [
  h(
    "ul",
    { class: "changes" },
    changes
      .slice(0, MOST_CHANGES)
      .map((change) =>
        h("li", {}, h("code", {}, change.pointer), " ", value(change, "before"), " → ", value(change, "after")),
      ),
  ),
  changes.length > MOST_CHANGES &&
    h("p", {}, `and ${changes.length - MOST_CHANGES} more: `, h("code", {}, `hyperplan diff ${endpoint}`)),
];

function value(change, side) {
  if (!(side in change)) return h("i", {}, "nothing");
  const text = JSON.stringify(change[side]);
  return h("bdi", { title: text }, text.length > LONGEST ? `${text.slice(0, LONGEST)}…` : text);
}

/** The revisions that were made within the period of a report, but for the first of all. */
export const changedWithin = (revisions, report) =>
  revisions.filter(({ revision, created_at: at }) => revision > 1 && Date.parse(at) > Date.parse(report.since));
