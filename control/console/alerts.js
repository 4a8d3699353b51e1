/** Alerts: what is wrong now, one for each cause, with the picture of what explains it most, and who has seen it. */

import { anchor } from "./endpoint.js";
import { h } from "./dom.js";
import { ago, counted, moment } from "./format.js";

const MOST = 10;
const REDRAWN = 60_000; // milliseconds: a picture says what was served until then

/** The alerts that are open; those that somebody has seen, or that are silenced, behind the others. */
export function alerts({ alerts: open, undrawn }, now) {
  const rank = (alert) => (alert.silenced ? 2 : alert.acknowledged ? 1 : 0);
  const ordered = [...open].sort((one, other) => rank(one) - rank(other) || other.since.localeCompare(one.since));
  return [
    ordered.slice(0, MOST).map((alert) => card(alert, undrawn, now)),
    ordered.length > MOST && h("p", { class: "quiet" }, `and ${counted(ordered.length - MOST, "more open alert")}`),
  ];
}

const card = (alert, undrawn, now) => {
  const [lead] = alert.findings;
  const picture = pictureOf(alert, now);
  return h(
    "article",
    {
      class: alert.acknowledged || alert.silenced ? "banner alert seen" : "banner bad alert",
      id: `alert-${alert.id}`,
      "aria-labelledby": `alert-${alert.id}-title`,
    },
    h(
      "div",
      {},
      h("h2", { id: `alert-${alert.id}-title` }, h("bdi", {}, alert.sentence)),
      h(
        "p",
        { class: "facts" },
        h("a", { href: `#${anchor(alert.endpoint)}` }, alert.endpoint),
        ` · began ${ago(alert.since)} (${moment(alert.since)})`,
        alert.silenced && " · silenced",
      ),
      alert.findings.length > 1 && rest(alert),
      alert.acknowledged ? seen(alert.acknowledged) : form(alert),
    ),
    lead.feature &&
      !undrawn.has(picture) &&
      h("img", { class: "picture", src: picture, width: 480, height: 240, alt: `${lead.feature} in training and served` }),
  );
};

/** The address of a picture: another one when there is something new to draw. */
const pictureOf = ({ links, version }, now) => `${links.picture}?drawn=${version}-${Math.floor(now / REDRAWN)}`;

const rest = ({ findings }) =>
  h(
    "details",
    {},
    h("summary", {}, `All ${counted(findings.length, "finding")}`),
    h(
      "ul",
      {},
      findings.map(({ model, sentence }) => h("li", {}, h("bdi", {}, sentence), " ", h("small", {}, model))),
    ),
  );

const seen = ({ author, note, time }) =>
  h("p", { class: "facts" }, "Seen by ", h("b", {}, h("bdi", {}, author)), ` ${ago(time)}`, note && [": ", h("bdi", {}, note)]);

const form = ({ id }) =>
  h(
    "form",
    { class: "acknowledge", "data-acknowledge": id },
    h(
      "label",
      {},
      h("span", { class: "hidden" }, "Your name"),
      h("input", { name: "author", required: true, maxlength: 200, placeholder: "Your name", autocomplete: "nickname" }),
    ),
    h(
      "label",
      { class: "remark" },
      h("span", { class: "hidden" }, "A note"),
      h("input", { name: "note", maxlength: 2000, placeholder: "A note, if you like", autocomplete: "off" }),
    ),
    h("button", { type: "submit" }, "Acknowledge"),
  );
