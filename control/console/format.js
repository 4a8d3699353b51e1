/** Numbers and times as people read them. */

import { now } from "./api.js";

const NONE = "–";
const WHOLE = new Intl.NumberFormat("en", { maximumFractionDigits: 0 });
const TIME = new Intl.DateTimeFormat("en-GB", { hour: "2-digit", minute: "2-digit" });
const EXACT_TIME = new Intl.DateTimeFormat("en-GB", { hour: "2-digit", minute: "2-digit", second: "2-digit" });
const DATE = new Intl.DateTimeFormat("en-GB", { day: "numeric", month: "short", hour: "2-digit", minute: "2-digit" });
const DAY = 86_400_000;

export const count = (value) => WHOLE.format(value);

/** A number of things: "1 row", "2,000 rows". */
export const counted = (value, noun, nouns = `${noun}s`) => `${count(value)} ${value === 1 ? noun : nouns}`;

/** A share of 1, as percent. What is not zero never looks like it. */
export function percent(share) {
  if (share === null || !Number.isFinite(share)) return NONE;
  if (share > 0 && share < 0.001) return "< 0.1%";
  if (share < 1 && share > 0.999) return "> 99.9%";
  return `${decimal(share * 100, share < 0.9995 ? 1 : 0)}%`;
}

/** A measure of skew. */
export const measure = (value) => (value === null ? NONE : value.toFixed(value < 10 ? 2 : 1));

/** Evidence that something is so, and how much is needed before it is said. */
export const evidence = ({ evidence, needed }) => `${evidence.toFixed(1)} of ${needed.toFixed(1)}`;

/** Something per second. */
export const rate = (value) => decimal(value, value >= 100 ? 0 : value >= 1 ? 1 : 2);

/** A latency, from seconds. */
export function latency(seconds) {
  if (seconds === null) return NONE;
  if (seconds >= 1) return `${decimal(seconds, 2)} s`;
  const milliseconds = seconds * 1000;
  return `${decimal(milliseconds, milliseconds < 10 ? 1 : 0)} ms`;
}

/** A weight as it stands in a document. */
export const weight = (value) => (value === undefined ? NONE : String(value));

const decimal = (value, digits) =>
  value.toLocaleString("en", { minimumFractionDigits: 0, maximumFractionDigits: digits });

/** The time of day; with seconds, if `exact`. */
export const time = (date, exact) => (exact ? EXACT_TIME : TIME).format(new Date(date));

/** A moment: the time if it was lately, else the date too. */
export const moment = (date) => (now() - new Date(date) < DAY / 2 ? EXACT_TIME : DATE).format(new Date(date));

/** How long ago a moment was. */
export function ago(date) {
  const seconds = Math.max(0, (now() - new Date(date)) / 1000);
  if (seconds < 10) return "just now";
  if (seconds < 100) return `${Math.round(seconds)} s ago`;
  if (seconds < 5400) return `${Math.round(seconds / 60)} min ago`;
  if (seconds < 129_600) return `${Math.round(seconds / 3600)} h ago`;
  return `${Math.round(seconds / 86_400)} days ago`;
}

/** The time that a window of a report covers. */
export const span = (window, report) => {
  const exact = report.window < 60;
  return `${time(window.since, exact)} to ${time(window.until, exact)}`;
};

export const sum = (values) => Object.values(values).reduce((total, value) => total + value, 0);
