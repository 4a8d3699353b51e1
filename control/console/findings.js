/** What the detectors of skew found: a sentence for each thing that is wrong, the most certain first. */

import { h } from "./dom.js";
import { ago } from "./format.js";

const AGAINST = { training: "against the training data", before: "against just before", season: "against the weeks before" };

const MOST = 20;

/** The findings of a report, in sentences; that there are none is said too. */
export function findings({ findings: found }) {
  if (!found.length) return h("p", { class: "quiet" }, "Nothing was found to be wrong in this period.");
  const ordered = [...found].sort((one, other) => other.evidence - one.evidence);
  return [
    h("ul", { class: "findings" }, ordered.slice(0, MOST).map(item)),
    ordered.length > MOST && h("p", { class: "quiet" }, `and ${ordered.length - MOST} more`),
  ];
}

const item = ({ kind, sentence, against, since }) =>
  h(
    "li",
    { class: kind },
    h("p", {}, h("bdi", {}, sentence)),
    h("small", {}, [kind, AGAINST[against], since && `began ${ago(since)}`].filter(Boolean).join(" · ")),
  );
