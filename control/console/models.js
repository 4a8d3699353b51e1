/** Models side by side: what each was made of, and which of them repeat others. */

import { swatch } from "./charts.js";
import { h } from "./dom.js";
import { texts } from "./table.js";

const LONGEST = 40; // characters of a value

/** The panel of an endpoint of which at least one model says where it comes from. */
export function models({ comparison }, painted) {
  const lines = comparison.lines.filter(({ pointer }) => pointer.startsWith("/lineage/"));
  if (!lines.length) return null;
  const differing = lines.filter(({ same }) => !same);
  return h(
    "section",
    { class: "panel" },
    h("h3", {}, "Lineage ", h("small", {}, "what the models were made of")),
    repeats(comparison.models).map((sentence) => h("p", { class: "note" }, h("bdi", {}, sentence), ".")),
    differing.length > 0 && sideBySide("What differs between the models", differing, comparison, painted),
    differing.length < lines.length &&
      h(
        "details",
        {},
        h("summary", {}, comparison.models.length > 1 ? "What is the same" : "All of it"),
        sideBySide(
          "What is the same of all models",
          lines.filter(({ same }) => same),
          comparison,
          painted,
        ),
      ),
  );
}

const repeats = (models) => models.flatMap((model) => model.repeats.map(({ sentence }) => sentence));

const sideBySide = (caption, lines, { models }, painted) =>
  texts(
    caption,
    ["What", ...models.map(({ model }) => [swatch(painted.get(model) ?? "paint-none"), h("bdi", {}, model)])],
    lines.map((line) => [named(line.pointer), ...line.values.map(shown)]),
  );

const named = (pointer) => pointer.replace("/lineage/", "").replaceAll("/", " · ").replaceAll("~1", "/").replaceAll("~0", "~");

function shown(value) {
  if (value === null) return "–";
  const text = typeof value === "string" ? value : JSON.stringify(value);
  return h("bdi", { title: text }, text.length > LONGEST ? `${text.slice(0, LONGEST)}…` : text);
}
