/** The readable line of an entry, which follows from the entry alone. */

import { Refused, Step } from "./steps.js";

/** @typedef {import("../cbor.js").ValueMap} ValueMap */

// 9999-12-31T23:59:59.999Z
const LATEST_MS = 253_402_300_799_999;

/**
 * Time, kind, then, where the details have them as text that is not empty: tool, person, the reason in quotes.
 * @param {string} kind @param {number} atMs UTC milliseconds since 1970 @param {ValueMap} details @returns {string}
 */
export function says(kind, atMs, details) {
  const parts = [timeOf(atMs), kind];
  for (const name of ["tool", "person"]) {
    const value = details.get(name);
    if (typeof value === "string" && value !== "") parts.push(value);
  }
  const reason = details.get("reason");
  if (typeof reason === "string" && reason !== "") parts.push(inAscii(reason));
  return parts.join("  ");
}

/** @param {number} ms UTC milliseconds since 1970 @returns {string} */
export function timeOf(ms) {
  if (ms > LATEST_MS) throw new Refused(Step.FORM, "The entry's time is after the year 9999.");
  return new Date(ms).toISOString();
}

/** @param {number} ms UTC milliseconds since 1970 @returns {string} the month, such as "2026-11" */
export function monthOf(ms) {
  return timeOf(ms).slice(0, 7);
}

/** @param {unknown} value @returns {string} JSON of a text, number, flag or nothing, in ASCII */
export function inAscii(value) {
  return JSON.stringify(value).replace(/[^ -~]/g, (unit) => `\\u${unit.charCodeAt(0).toString(16).padStart(4, "0")}`);
}
