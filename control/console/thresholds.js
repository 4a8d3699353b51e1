/** Thresholds: from which score on what is decided, where that comes from, and how sure it is. */

import { swatch } from "./charts.js";
import { h } from "./dom.js";
import { count, moment } from "./format.js";
import { table } from "./table.js";

const ORIGINS = {
  pinned: "pinned",
  labels: "learnt from labels",
  rate: "learnt for the rate",
  predecessor: "as many as its predecessor",
  start: "nothing is known yet",
};

/** The panel of an endpoint that decides. */
export function thresholds({ thresholds: report }, painted) {
  const models = Object.entries(report.models);
  const looked = models.filter(([, { look }]) => look);
  return h(
    "section",
    { class: "panel" },
    h("h3", {}, "Decisions ", h("small", {}, wanted(report))),
    table(
      "What decides for each model version",
      ["Model", "Threshold", "Interval", "Where it comes from", "Labels", "Attains"],
      models.map(([model, found]) => [
        [swatch(painted.get(model) ?? "paint-none"), h("bdi", {}, model)],
        setting(found.setting),
        found.origin !== "pinned" && found.learnt?.interval ? found.learnt.interval.map(digits).join(" to ") : "–",
        ORIGINS[found.origin],
        found.origin !== "pinned" && found.learnt?.labels ? count(found.learnt.labels) : "–",
        attained(found),
      ]),
    ),
    looked.map(([model, { look }]) =>
      h("p", { class: "note" }, h("bdi", {}, model), `, ${moment(look.at)}: ${[look.why, ...look.notes].join("; ")}.`),
    ),
  );
}

function wanted({ objective, decisions, field }) {
  const [[kind, value]] = Object.entries(objective);
  const what = kind === "costs" ? "the smallest cost" : `${kind.replace("_", " ")} ${value}`;
  const named = decisions ? `: ${decisions.positive} from the threshold on, else ${decisions.negative}` : "";
  return `for ${what}${named}${field ? `, in the answer's ${field}` : ""}`;
}

const setting = (found) =>
  typeof found === "number"
    ? digits(found)
    : Object.entries(found)
        .map(([name, weight]) => `${name} × ${digits(weight)}`)
        .join(", ") || "equal weights";

/** What the threshold in force attains, with its interval, if the last look was at it; of a look that changed it, that is the new one. */
function attained({ look, setting: now }) {
  const seen = look && (look.changed ? look.value : look.current);
  const found = JSON.stringify(seen) === JSON.stringify(now) && (look.changed ? look.attained : look.before);
  return found ? [digits(found.value), h("small", {}, ` ${digits(found.low)} to ${digits(found.high)}`)] : "–";
}

const digits = (value) => Number(value.toPrecision(3)).toString();
