/** Readers that take a decoded value and either return it with its type or refuse it by field name. */

import { Refusal } from "./refusal.js";

/** @typedef {import("./bytes.js").Bytes} Bytes */
/** @typedef {import("./cbor.js").Value} Value */
/** @typedef {import("./cbor.js").ValueMap} ValueMap */

/** @param {string} field @param {Value | undefined} value @returns {ValueMap} */
export function asMap(field, value) {
  if (!(value instanceof Map)) throw new Refusal(field, `${field} is not a map.`);
  return value;
}

/** @param {string} field @param {Value | undefined} value @returns {Map<string, Value>} a map whose keys are text */
export function asTextMap(field, value) {
  const entries = asMap(field, value);
  for (const key of entries.keys()) {
    if (typeof key !== "string") throw new Refusal(field, `${field} has a key that is not text.`);
  }
  return /** @type {Map<string, Value>} */ (entries);
}

/** @param {string} field @param {Value | undefined} value @returns {Value[]} */
export function asList(field, value) {
  if (!Array.isArray(value)) throw new Refusal(field, `${field} is not a list.`);
  return value;
}

/** @param {string} field @param {unknown} value @param {number} [maximum] characters @returns {string} */
export function asText(field, value, maximum = 1000) {
  if (typeof value !== "string" || !value.isWellFormed() || [...value].length > maximum) {
    throw new Refusal(field, `${field} is not valid text of at most ${maximum} characters.`);
  }
  return value;
}

/** Whether a text says nothing: the twin of `is_blank` in audit/statements/statements.py. @param {string} text */
export function isBlank(text) {
  return /^[\s\x1c-\x1f\x85]*$/.test(text);
}

/** @param {string} field @param {Value | undefined} value @param {number} length @returns {Bytes} */
export function asBytes(field, value, length) {
  if (!(value instanceof Uint8Array) || value.length !== length) {
    throw new Refusal(field, `${field} is not ${length} bytes.`);
  }
  return value;
}

/** @param {string} field @param {Value | undefined} value @returns {number} a count, or seconds since 1970 */
export function asCount(field, value) {
  if (typeof value !== "bigint" || value < 0n || value > BigInt(Number.MAX_SAFE_INTEGER)) {
    throw new Refusal(field, `${field} is not a non-negative whole number.`);
  }
  return Number(value);
}

/** Bytes that Tenuo writes as a list of small integers. @param {string} field @param {Value | undefined} value @returns {Bytes} */
export function asByteList(field, value) {
  const items = asList(field, value);
  return Uint8Array.from(items, (item) => {
    if (typeof item !== "bigint" || item < 0n || item > 255n) throw new Refusal(field, `${field} is not a list of bytes.`);
    return Number(item);
  });
}

/** A key or signature: [1, bytes], 1 for Ed25519. @param {string} field @param {Value | undefined} value @param {number} length */
export function asEd25519(field, value, length) {
  const [algorithm, bytes, ...rest] = asList(field, value);
  if (algorithm !== 1n || rest.length > 0) throw new Refusal(field, `${field} is not an Ed25519 value.`);
  return asBytes(field, bytes, length);
}
