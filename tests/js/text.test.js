import assert from "node:assert/strict";
import { test } from "node:test";

import { Float, map } from "../../static/js/lib/cbor.js";
import { viewEntries, viewValue } from "../../static/js/lib/values.js";
import { notes, visible } from "../../static/js/lib/visible-text.js";
import { good } from "./support.js";

test("agents' text is shown as the server shows it", () => {
  for (const vector of good("agent_text")) assert.equal(visible(vector.text), vector.visible, JSON.stringify(vector.text));
});

test("a type is always told: text, whole and decimal numbers, booleans and nothing differ", () => {
  const told = (value) => [viewValue(value).type, viewValue(value).pieces.map(({ text }) => text).join("")];
  assert.deepEqual(told("1"), ["text", "1"]);
  assert.deepEqual(told(1n), ["whole number", "1"]);
  assert.deepEqual(told(new Float(1)), ["decimal number", "1.0"]);
  assert.deepEqual(told(new Float(-0)), ["decimal number", "-0.0"]);
  assert.deepEqual(told(new Float(1e300)), ["decimal number", "1e+300"]);
  assert.deepEqual(told(true), ["true or false", "true"]);
  assert.deepEqual(told(null), ["nothing", "null"]);
  assert.deepEqual(told(Uint8Array.of(1, 255)), ["bytes", "01ff"]);
});

test("lists and maps are shown item by item", () => {
  const [entry] = viewEntries(map({ "a\u202e": [1n, map({ b: "x" })] }));
  assert.deepEqual(entry.name, [{ text: "a", marked: false }, { text: "⟨U+202E⟩", marked: true }]);
  assert.equal(entry.value.items[1].entries[0].value.pieces[0].text, "x");
});

test("what the eye would miss is noted", () => {
  assert.deepEqual(notes("production"), []);
  assert.deepEqual(notes("production "), ["ends with a space"]);
  assert.deepEqual(notes(""), ["is empty"]);
  assert.deepEqual(notes("раураl\n"), ["ends with a space", "has several lines", "has letters that are not Latin"]);
});
