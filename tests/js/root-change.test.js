import assert from "node:assert/strict";
import { test } from "node:test";

import { inGroups, isReadBack, isSame, rootChange } from "../../static/js/lib/root-change.js";
import { fingerprint } from "../../static/js/lib/warrant-view.js";

const [one, two, three] = [1, 2, 3].map((byte) => new Uint8Array(32).fill(byte));

test("a change is what came, what went, and what stayed", () => {
  assert.deepEqual(rootChange([one, two], [two, three]), { added: [three], removed: [one], kept: [two] });
});

test("the same roots in another order are no change; anything else is", () => {
  assert.ok(isSame(rootChange([one, two], [two, one])));
  for (const shown of [[one], [one, three], [one, two, three], []]) assert.ok(!isSame(rootChange([one, two], shown)));
  // Two of one are not both.
  assert.ok(!isSame(rootChange([one, two], [one, one])));
});

test("a fingerprint is read in eight groups of eight", async () => {
  assert.match(inGroups(await fingerprint(one)), /^([0-9a-f]{8} ){7}[0-9a-f]{8}$/);
});

test("only the first two groups of this root are its read-back", async () => {
  const print = await fingerprint(one);
  for (const typed of [print.slice(0, 16), inGroups(print).slice(0, 17), ` ${print.slice(0, 16).toUpperCase()} `]) {
    assert.ok(await isReadBack(typed, one), typed);
    assert.ok(!(await isReadBack(typed, two)));
  }
  for (const typed of ["", " ", print.slice(0, 8), print.slice(0, 15), print.slice(0, 17), print, print.slice(16, 32)]) {
    assert.ok(!(await isReadBack(typed, one)), typed);
  }
});
