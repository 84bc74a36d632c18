import assert from "node:assert/strict";
import { test } from "node:test";
import { changedLine, keptCaret } from "../../static/js/lib/edits.js";

const BEFORE = "one: 1\ntwo: 2\nthree: 3\n";

test("the caret stays before what changed, and moves with what stands behind it", () => {
  const after = "one: 1\ntwo: 22\nthree: 3\n";
  assert.equal(keptCaret(BEFORE, after, 0), 0);
  assert.equal(keptCaret(BEFORE, after, BEFORE.indexOf("three")), after.indexOf("three"));
  assert.equal(keptCaret(BEFORE, after, BEFORE.length), after.length);
  assert.equal(keptCaret(BEFORE, BEFORE.replace("two: 2\n", ""), BEFORE.indexOf("three")), BEFORE.indexOf("two"));
});

test("a caret in what went stands behind what came", () => {
  assert.equal(keptCaret("a {b: c} d", "a {xyz} d", 5), 6);
  assert.equal(keptCaret("abc", "", 2), 0);
  assert.equal(keptCaret("ab}", "ab, c}", 2), 2);
});

test("the first line that is another is named", () => {
  assert.equal(changedLine(BEFORE, BEFORE), 0);
  assert.equal(changedLine(BEFORE, BEFORE.replace("3", "4")), 3);
  assert.equal(changedLine(BEFORE, BEFORE.replace("two: 2\n", "")), 2);
  assert.equal(changedLine(BEFORE, "one: 1\n"), 2);
  assert.equal(changedLine("a\nb", "a"), 1);
});
