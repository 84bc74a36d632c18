/** Byte strings: hexadecimal, base64, text, comparison, SHA-256. */

import { Refusal } from "./refusal.js";

/** @typedef {Uint8Array<ArrayBuffer>} Bytes */

// Without `ignoreBOM` a leading U+FEFF would vanish, and the text shown would not be the text hashed.
const DECODER = new TextDecoder("utf-8", { fatal: true, ignoreBOM: true });
const ENCODER = new TextEncoder();

const HEX = Array.from({ length: 256 }, (_, byte) => byte.toString(16).padStart(2, "0"));

/** @param {Uint8Array} bytes @returns {string} lower-case hexadecimal */
export function toHex(bytes) {
  let text = "";
  for (const byte of bytes) text += HEX[byte];
  return text;
}

/** @param {string} text @param {string} [field] @returns {Bytes} */
export function fromHex(text, field = "hex") {
  if (typeof text !== "string" || !/^(?:[0-9a-f]{2})*$/.test(text)) {
    throw new Refusal(field, `${field} is not lower-case hexadecimal.`);
  }
  return Uint8Array.from(text.match(/../g) ?? [], (pair) => parseInt(pair, 16));
}

/** @param {Uint8Array} bytes @returns {string} standard base64 */
export function toBase64(bytes) {
  return btoa(Array.from(bytes, (byte) => String.fromCharCode(byte)).join(""));
}

/** @param {string} text standard base64, padded @param {string} [field] @returns {Bytes} */
export function fromBase64(text, field = "base64") {
  if (typeof text !== "string" || !/^(?:[A-Za-z0-9+/]{4})*(?:[A-Za-z0-9+/]{2}==|[A-Za-z0-9+/]{3}=)?$/.test(text)) {
    throw new Refusal(field, `${field} is not base64.`);
  }
  return Uint8Array.from(atob(text), (character) => character.charCodeAt(0));
}

/** @param {string} text @returns {Bytes} UTF-8 */
export function fromText(text) {
  if (!text.isWellFormed()) throw new Refusal("text", "A text is not valid Unicode.");
  return ENCODER.encode(text);
}

/** @param {Uint8Array} bytes UTF-8 @returns {string} */
export function toText(bytes) {
  try {
    return DECODER.decode(bytes);
  } catch {
    throw new Refusal("text", "A text is not valid UTF-8.");
  }
}

/** @param {...Uint8Array} parts @returns {Bytes} */
export function concat(...parts) {
  const joined = new Uint8Array(parts.reduce((length, part) => length + part.length, 0));
  let offset = 0;
  for (const part of parts) {
    joined.set(part, offset);
    offset += part.length;
  }
  return joined;
}

/** Order by bytes, a prefix first. @param {Uint8Array} a @param {Uint8Array} b @returns {number} */
export function compare(a, b) {
  const shared = Math.min(a.length, b.length);
  for (let index = 0; index < shared; index++) {
    const difference = Number(a[index]) - Number(b[index]);
    if (difference !== 0) return difference;
  }
  return a.length - b.length;
}

/** @param {Uint8Array} a @param {Uint8Array} b @returns {boolean} */
export function equal(a, b) {
  return compare(a, b) === 0;
}

/** @param {Bytes} bytes @returns {Promise<Bytes>} */
export async function sha256(bytes) {
  return new Uint8Array(await crypto.subtle.digest("SHA-256", bytes));
}
