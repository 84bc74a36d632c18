/**
 * Canonical CBOR, the twin of audit/statements/cbor.py.
 *
 * Definite lengths, shortest integers, shortest lossless floats, no NaN and no infinities, text
 * keys sorted by their UTF-8 bytes. The decoder checks each rule as it reads, so what it accepts
 * has exactly one byte form. Integers are BigInt and floats are `Float`: 1 and 1.0 stay apart.
 */

import { compare, concat, fromText, toText } from "./bytes.js";
import { Refusal } from "./refusal.js";

export const MAXIMUM_BYTES = 256 * 1024;
export const MAXIMUM_DEPTH = 32;

/** @typedef {import("./bytes.js").Bytes} Bytes */
/** @typedef {import("./value.d.ts").Value} Value */
/** @typedef {import("./value.d.ts").ValueMap} ValueMap */
/** @typedef {{ [key: string]: Value }} Facts */

export class Float {
  /** @param {number} value */
  constructor(value) {
    this.value = value;
  }
}

/** @param {Facts} facts @returns {ValueMap} a map as `encode` takes it */
export function map(facts) {
  return new Map(Object.entries(facts));
}

/** @param {Value} value @returns {Bytes} its canonical bytes */
export function encode(value) {
  /** @type {Uint8Array[]} */
  const parts = [];
  write(value, parts, 0);
  return concat(...parts);
}

/**
 * The value of `bytes`, which must be exactly one canonical item.
 * @param {Bytes} bytes @returns {Value}
 */
export function decode(bytes) {
  return new Reader(bytes, true).readWhole();
}

/**
 * The value of one item whose form is not ours to choose (a warrant, an approval): keys may be
 * unsigned integers, and in any order. All other rules hold.
 * @param {Bytes} bytes @returns {Value}
 */
export function decodeLoosely(bytes) {
  return new Reader(bytes, false).readWhole();
}

/**
 * The bytes of a map whose keys stay in the order given, as Tenuo's approvals have them.
 * @param {[string, Uint8Array][]} entries key and already encoded value @returns {Bytes}
 */
export function encodeInOrder(entries) {
  return concat(head(5, BigInt(entries.length)), ...entries.flatMap(([key, value]) => [encode(key), value]));
}

/** @param {string} sentence @returns {never} */
function refuse(sentence) {
  throw new Refusal("bytes", sentence);
}

/** @param {number} major @param {bigint} number @returns {Bytes} */
function head(major, number) {
  if (number < 24n) return Uint8Array.of((major << 5) | Number(number));
  const exponent = [8, 16, 32, 64].findIndex((bits) => number < 1n << BigInt(bits));
  if (exponent < 0) refuse("An integer does not fit in 64 bits.");
  const bytes = new Uint8Array(1 + 2 ** exponent);
  bytes[0] = (major << 5) | (24 + exponent);
  for (let index = bytes.length - 1; index > 0; index--) {
    bytes[index] = Number(number & 0xffn);
    number >>= 8n;
  }
  return bytes;
}

/** @param {number} bits 16 bits @returns {number} the half-precision float they are */
function fromHalf(bits) {
  const sign = bits & 0x8000 ? -1 : 1;
  const exponent = (bits >> 10) & 0x1f;
  const fraction = bits & 0x3ff;
  if (exponent === 0x1f) return fraction ? NaN : sign * Infinity;
  return sign * (exponent ? (1 + fraction / 1024) * 2 ** (exponent - 15) : fraction * 2 ** -24);
}

/** @param {number} value @returns {number} the bits of the half-precision float at or just below it in size */
function toHalf(value) {
  const size = Math.abs(value);
  const sign = Object.is(value, -0) || value < 0 ? 0x8000 : 0;
  if (size < 2 ** -14) return sign | (size / 2 ** -24);
  const exponent = Math.min(Math.floor(Math.log2(size)), 15);
  return sign | ((exponent + 15) << 10) | (Math.min(size / 2 ** exponent - 1, 1) * 1024);
}

/** @param {number} value @returns {Bytes} */
function float(value) {
  if (!Number.isFinite(value)) refuse("A number is not finite.");
  const half = toHalf(value);
  if (Object.is(fromHalf(half), value)) return Uint8Array.of(0xf9, half >> 8, half & 0xff);
  const single = Math.fround(value) === value;
  const view = new DataView(new ArrayBuffer(single ? 5 : 9));
  view.setUint8(0, single ? 0xfa : 0xfb);
  if (single) view.setFloat32(1, value);
  else view.setFloat64(1, value);
  return new Uint8Array(view.buffer);
}

/** @param {Value} value @param {Uint8Array[]} parts @param {number} depth */
function write(value, parts, depth) {
  if (depth > MAXIMUM_DEPTH) refuse(`The value is nested deeper than ${MAXIMUM_DEPTH} levels.`);
  if (value === null) parts.push(Uint8Array.of(0xf6));
  else if (typeof value === "boolean") parts.push(Uint8Array.of(value ? 0xf5 : 0xf4));
  else if (typeof value === "bigint") {
    if (value !== BigInt.asIntN(64, value)) refuse("An integer does not fit in 64 bits.");
    parts.push(value >= 0n ? head(0, value) : head(1, -1n - value));
  } else if (value instanceof Float) parts.push(float(value.value));
  else if (typeof value === "string") {
    const text = fromText(value);
    parts.push(head(3, BigInt(text.length)), text);
  } else if (value instanceof Uint8Array) parts.push(head(2, BigInt(value.length)), value);
  else if (Array.isArray(value)) {
    parts.push(head(4, BigInt(value.length)));
    for (const item of value) write(item, parts, depth + 1);
  } else if (value instanceof Map) {
    parts.push(head(5, BigInt(value.size)));
    for (const [key, item] of sorted(value)) {
      write(key, parts, depth + 1);
      write(item, parts, depth + 1);
    }
  } else refuse("A value has no canonical form.");
}

/** @param {ValueMap} entries @returns {[string, Value][]} */
function sorted(entries) {
  const keyed = [...entries].map(([key, item]) => {
    if (typeof key !== "string") return refuse("A map has a key that is not text.");
    return { key, item, bytes: fromText(key) };
  });
  return keyed.sort((a, b) => compare(a.bytes, b.bytes)).map(({ key, item }) => [key, item]);
}

class Reader {
  /** @param {Bytes} bytes @param {boolean} strict */
  constructor(bytes, strict) {
    if (bytes.length > MAXIMUM_BYTES) refuse(`The bytes are longer than ${MAXIMUM_BYTES} bytes.`);
    this.bytes = bytes;
    this.strict = strict;
    this.offset = 0;
  }

  /** @returns {Value} */
  readWhole() {
    const value = this.read(0);
    if (this.offset !== this.bytes.length) refuse("There are bytes after the end of the CBOR item.");
    return value;
  }

  /** @param {number | bigint} length @returns {Bytes} */
  take(length) {
    if (length > this.bytes.length - this.offset) refuse("The bytes end before the CBOR item does.");
    this.offset += Number(length);
    return this.bytes.slice(this.offset - Number(length), this.offset);
  }

  /** @param {number} depth @returns {Value} */
  read(depth) {
    if (depth > MAXIMUM_DEPTH) refuse(`The value is nested deeper than ${MAXIMUM_DEPTH} levels.`);
    const initial = Number(this.take(1)[0]);
    const major = initial >> 5;
    if (major === 7) return this.readSimple(initial & 31);
    const number = this.readNumber(initial & 31);
    switch (major) {
      case 0: return this.inRange(number);
      case 1: return this.inRange(-1n - number);
      case 2: return this.take(number);
      case 3: return toText(this.take(number));
      case 4: return this.readList(number, depth);
      case 5: return this.readMap(number, depth);
      default: return refuse("Tags are not allowed.");
    }
  }

  /** @param {bigint} number @returns {bigint} */
  inRange(number) {
    return number === BigInt.asIntN(64, number) ? number : refuse("An integer does not fit in 64 bits.");
  }

  /** @param {number} additional @returns {bigint} */
  readNumber(additional) {
    if (additional < 24) return BigInt(additional);
    if (additional > 27) refuse("Indefinite lengths are not allowed.");
    const length = 2 ** (additional - 24);
    const number = this.take(length).reduce((sum, byte) => (sum << 8n) | BigInt(byte), 0n);
    const smallest = additional === 24 ? 24n : 1n << BigInt(4 * length);
    if (number < smallest) refuse("An integer is longer than it needs to be.");
    return number;
  }

  /** @param {number} additional @returns {Value} */
  readSimple(additional) {
    if (additional === 20 || additional === 21) return additional === 21;
    if (additional === 22) return null;
    if (additional < 25 || additional > 27) return refuse("A simple value is not known here.");
    const start = this.offset - 1;
    const view = new DataView(this.take(2 ** (additional - 24)).buffer);
    const number =
      additional === 25 ? fromHalf(view.getUint16(0)) : additional === 26 ? view.getFloat32(0) : view.getFloat64(0);
    if (compare(float(number), this.bytes.subarray(start, this.offset)) !== 0) {
      refuse("A decimal number is longer than it needs to be.");
    }
    return new Float(number);
  }

  /** @param {bigint} length @param {number} depth @returns {Value[]} */
  readList(length, depth) {
    /** @type {Value[]} */
    const items = [];
    for (let index = 0n; index < length; index++) items.push(this.read(depth + 1));
    return items;
  }

  /** @param {bigint} length @param {number} depth @returns {ValueMap} */
  readMap(length, depth) {
    /** @type {ValueMap} */
    const entries = new Map();
    /** @type {Bytes | null} */
    let previous = null;
    for (let index = 0n; index < length; index++) {
      const key = this.readKey(depth + 1);
      if (entries.has(key)) refuse("A map has the same key twice.");
      if (this.strict) {
        const current = fromText(String(key));
        if (previous && compare(previous, current) > 0) refuse("The keys of a map are not sorted.");
        previous = current;
      }
      entries.set(key, this.read(depth + 1));
    }
    return entries;
  }

  /** @param {number} depth @returns {string | number} */
  readKey(depth) {
    const key = this.read(depth);
    if (typeof key === "string") return key;
    if (!this.strict && typeof key === "bigint" && key >= 0n && key < 1n << 32n) return Number(key);
    return refuse("A map has a key that is not text.");
  }
}
