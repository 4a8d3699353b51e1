/** Who changed an endpoint, when and why. */

import { h } from "./dom.js";
import { ago, counted, moment } from "./format.js";

/** The newest revision, and those before it to be opened. */
export function history([newest, ...older]) {
  if (!newest) return null;
  return h(
    "div",
    { class: "history" },
    revision(newest),
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

/** The revisions that were made within the period of a report, but for the first of all. */
export const changedWithin = (revisions, report) =>
  revisions.filter(({ revision, created_at: at }) => revision > 1 && Date.parse(at) > Date.parse(report.since));
