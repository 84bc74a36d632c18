import assert from "node:assert/strict";
import { test } from "node:test";

import { fromHex, toHex } from "../../static/js/lib/bytes.js";
import { Float, decode, decodeLoosely, encode, map } from "../../static/js/lib/cbor.js";
import { bad } from "./support.js";

const hex = (value) => toHex(encode(value));

test("integers take the shortest form, to the ends of 64 bits", () => {
  const cases = { "00": 0n, "17": 23n, "1818": 24n, "190100": 256n, "1a00010000": 65536n, "1b0000000100000000": 2n ** 32n,
    "1b7fffffffffffffff": 2n ** 63n - 1n, "20": -1n, "3818": -25n, "3b7fffffffffffffff": -(2n ** 63n) };
  for (const [bytes, value] of Object.entries(cases)) {
    assert.equal(hex(value), bytes);
    assert.equal(decode(fromHex(bytes)), value);
  }
});

test("an integer that does not fit in 64 bits is refused", () => {
  assert.throws(() => encode(2n ** 63n), { name: "Refusal" });
  assert.throws(() => encode(-(2n ** 63n) - 1n), { name: "Refusal" });
});

test("every half-precision float keeps its bits", () => {
  for (let bits = 0; bits < 0x10000; bits++) {
    const bytes = Uint8Array.of(0xf9, bits >> 8, bits & 0xff);
    if ((bits & 0x7c00) === 0x7c00) assert.throws(() => decode(bytes), { name: "Refusal" });
    else assert.deepEqual(encode(decode(bytes)), bytes);
  }
});

test("floats take the shortest lossless form and never become integers", () => {
  const cases = { f93c00: 1, f98000: -0, fa47c35000: 100000, fa00000001: 2 ** -149, fb3ff199999999999a: 1.1, f97bff: 65504, fa47800000: 65536 };
  for (const [bytes, value] of Object.entries(cases)) {
    assert.equal(hex(new Float(value)), bytes);
    assert.ok(Object.is(decode(fromHex(bytes)).value, value));
  }
  assert.notEqual(hex(new Float(1)), hex(1n));
});

test("NaN, the infinities, plain numbers and undefined have no form", () => {
  for (const value of [new Float(NaN), new Float(Infinity), 1, undefined, {}, Symbol("x")]) {
    assert.throws(() => encode(value), { name: "Refusal" });
  }
});

test("keys are sorted by their UTF-8 bytes, not by length and not by UTF-16", () => {
  assert.equal(hex(map({ b: 1n, aa: 2n })), "a2626161026162" + "01");
  assert.equal(hex(map({ "\u{10000}": 1n, "\uffff": 2n })), "a263efbfbf0264f090808001");
});

test("a key named like a property of every object is a key like others", () => {
  const bytes = encode(new Map([["__proto__", 1n], ["constructor", 2n]]));
  assert.equal(decode(bytes).get("__proto__"), 1n);
});

test("a leading byte order mark stays, and a lone surrogate is refused", () => {
  assert.equal(decode(encode("\ufeffx")), "\ufeffx");
  assert.throws(() => encode("\ud800"), { name: "Refusal" });
});

test("32 levels are read and 33 are not", () => {
  const nested = (levels) => fromHex("81".repeat(levels) + "01");
  assert.ok(decode(nested(32)));
  assert.throws(() => decode(nested(33)), /deeper than 32/);
});

test("more than 256 KiB are refused", () => {
  const text = (length) => encode("x".repeat(length));
  assert.ok(decode(text(256 * 1024 - 5)));
  assert.throws(() => decode(text(256 * 1024)), /longer than/);
});

test("Tenuo's own objects may have integer keys in any order, and nothing else that is loose", () => {
  assert.equal(decodeLoosely(fromHex("a2020100" + "03")).get(0), 3n);
  for (const bytes of ["a200010002", "bf0001ff", "c001", "1801", "f97e00", "0000", "a1200" + "1"]) {
    assert.throws(() => decodeLoosely(fromHex(bytes)), { name: "Refusal" });
  }
});

for (const vector of bad("arguments")) {
  test(`bad: ${vector.name}: ${vector.fault}`, () => {
    assert.throws(() => decode(fromHex(vector.bytes)), { name: "Refusal" });
  });
}
