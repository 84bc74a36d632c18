/** The hash that ties a signature to one call: one warrant, tool, set of arguments and holder. */

import { sha256 } from "./bytes.js";
import { encode } from "./cbor.js";

/** @typedef {import("./bytes.js").Bytes} Bytes */

/**
 * The bytes that are hashed. The arguments go in as the bytes that were read, never re-made.
 * @param {string} warrantId @param {string} tool @param {Bytes} argumentsCbor @param {Bytes} holder
 * @returns {Bytes}
 */
export function hashedBytes(warrantId, tool, argumentsCbor, holder) {
  return encode([warrantId, tool, argumentsCbor, holder]);
}

/**
 * @param {string} warrantId @param {string} tool @param {Bytes} argumentsCbor @param {Bytes} holder
 * @returns {Promise<Bytes>} 32 bytes
 */
export function requestHash(warrantId, tool, argumentsCbor, holder) {
  return sha256(hashedBytes(warrantId, tool, argumentsCbor, holder));
}
