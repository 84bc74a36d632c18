import assert from "node:assert/strict";
import { test } from "node:test";
import { lineDiff } from "../../static/js/lib/line-diff.js";

const said = (/** @type {string} */ before, /** @type {string} */ after) =>
  lineDiff(before, after).map(({ kind, text }) => `${{ same: " ", removed: "-", added: "+" }[kind]}${text}`);

test("what is the same stays, what is not is taken away before it is added", () => {
  assert.deepEqual(said("a\nb\nc\n", "a\nB\nc\nd\n"), [" a", "-b", "+B", " c", "+d"]);
});

test("a text that is new is added whole, one that is gone taken away whole", () => {
  assert.deepEqual(said("", "a\nb"), ["+a", "+b"]);
  assert.deepEqual(said("a\nb", ""), ["-a", "-b"]);
});

test("the fewest lines are different", () => {
  const before = Array.from({ length: 300 }, (_, number) => `line ${number}`);
  const after = before.toSpliced(150, 1, "other").toSpliced(20, 1);
  const different = lineDiff(before.join("\n"), after.join("\n")).filter(({ kind }) => kind !== "same");
  assert.deepEqual(different.map(({ kind, text }) => [kind, text]), [["removed", "line 20"], ["removed", "line 150"], ["added", "other"]]);
});

test("both texts can be read back from it", () => {
  const [before, after] = ["x\ny\nx\nz", "y\nx\nx\n\nz"];
  const lines = lineDiff(before, after);
  const without = (/** @type {string} */ kind) => lines.filter((line) => line.kind !== kind).map(({ text }) => text).join("\n");
  assert.equal(without("added"), before);
  assert.equal(without("removed"), after);
});
