/** Decoded values as a page shows them: text, type, and what the eye would miss. */

import { toHex } from "./bytes.js";
import { Float } from "./cbor.js";
import { notes, pieces } from "./visible-text.js";

/** @typedef {import("./cbor.js").Value} Value */
/** @typedef {import("./visible-text.js").Piece} Piece */
/**
 * @typedef {object} ValueView
 * @property {string} type in words; "1" is text and 1 is a whole number
 * @property {Piece[]} pieces the value of a scalar
 * @property {string[]} notes
 * @property {ValueView[]} [items] of a list
 * @property {EntryView[]} [entries] of a map
 */
/** @typedef {{ name: Piece[], value: ValueView }} EntryView */

/** @param {Value} value @returns {ValueView} */
export function viewValue(value) {
  if (value === null) return scalar("nothing", "null");
  if (typeof value === "boolean") return scalar("true or false", String(value));
  if (typeof value === "bigint") return scalar("whole number", String(value));
  if (value instanceof Float) return scalar("decimal number", decimal(value.value));
  if (typeof value === "string") return { type: "text", pieces: pieces(value), notes: notes(value) };
  if (value instanceof Uint8Array) return scalar("bytes", toHex(value));
  if (Array.isArray(value)) return { type: "list", pieces: [], notes: emptiness(value.length), items: value.map(viewValue) };
  return { type: "map", pieces: [], notes: emptiness(value.size), entries: viewEntries(value) };
}

/** @param {import("./cbor.js").ValueMap} entries @returns {EntryView[]} */
export function viewEntries(entries) {
  return [...entries].map(([name, value]) => ({ name: pieces(String(name)), value: viewValue(value) }));
}

/** @param {string} type @param {string} text @returns {ValueView} */
function scalar(type, text) {
  return { type, pieces: [{ text, marked: false }], notes: [] };
}

/** @param {number} value @returns {string} with a point or an exponent, so that 1.0 does not read as 1 */
function decimal(value) {
  const text = Object.is(value, -0) ? "-0" : String(value);
  return /^-?\d+$/.test(text) ? `${text}.0` : text;
}

/** @param {number} size @returns {string[]} */
function emptiness(size) {
  return size === 0 ? ["is empty"] : [];
}
