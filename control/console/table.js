/** Tables: of numbers, and of texts. */

import { h } from "./dom.js";

/** A table of which the first column names the row and the others hold numbers. */
export const table = (caption, columns, rows) =>
  scrolled(
    caption,
    {},
    columns.map((name, index) => h("th", { scope: "col", class: index > 0 && "number" }, name)),
    rows.map(([name, ...cells]) => [name, cells.map((cell) => h("td", { class: "number" }, cell))]),
  );

/** A table of which the first column names the row and the others hold texts. */
export const texts = (caption, columns, rows) =>
  scrolled(
    caption,
    { class: "texts" },
    columns.map((name) => h("th", { scope: "col" }, name)),
    rows.map(([name, ...cells]) => [h("bdi", {}, name), cells.map((cell) => h("td", {}, cell))]),
  );

const scrolled = (caption, attributes, heads, rows) =>
  h(
    "div",
    { class: "scroll", tabindex: 0, role: "region", "aria-label": caption },
    h(
      "table",
      attributes,
      h("caption", { class: "hidden" }, caption),
      h("thead", {}, h("tr", {}, heads)),
      h(
        "tbody",
        {},
        rows.map(([name, cells]) => h("tr", {}, h("th", { scope: "row" }, name), cells)),
      ),
    ),
  );
