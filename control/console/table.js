/** Tables of numbers. */

import { h } from "./dom.js";

/** A table of which the first column names the row and the others hold numbers. */
export function table(caption, columns, rows) {
  return h(
    "div",
    { class: "scroll", tabindex: 0, role: "region", "aria-label": caption },
    h(
      "table",
      {},
      h("caption", { class: "hidden" }, caption),
      h(
        "thead",
        {},
        h(
          "tr",
          {},
          columns.map((name, index) => h("th", { scope: "col", class: index > 0 && "number" }, name)),
        ),
      ),
      h(
        "tbody",
        {},
        rows.map(([name, ...cells]) =>
          h(
            "tr",
            {},
            h("th", { scope: "row" }, name),
            cells.map((cell) => h("td", { class: "number" }, cell)),
          ),
        ),
      ),
    ),
  );
}
