import assert from "node:assert/strict";
import { test } from "node:test";

import { fromHex, toHex } from "../../static/js/lib/bytes.js";
import { decode, decodeLoosely } from "../../static/js/lib/cbor.js";
import { describe, matches, parseConstraint } from "../../static/js/lib/constraints.js";
import { fires, parseWarrant, verifyChain } from "../../static/js/lib/warrant.js";
import { bad, good } from "./support.js";

const verify = ({ chain, roots, now }) => verifyChain(chain.map((item) => fromHex(item)), { pinnedRoots: roots.map((root) => fromHex(root)), now });

for (const vector of good("chains")) {
  test(`a chain that tenuo made: ${vector.name}`, async () => {
    const { leaf, warrants, problems } = await verify(vector);
    assert.deepEqual(problems, []);
    assert.deepEqual(warrants[0].acting, vector.acting ?? null);
    assert.equal(leaf.id, vector.leaf_id);
    assert.equal(toHex(leaf.holder), vector.holder);
  });
}

for (const vector of bad("chain")) {
  test(`bad: ${vector.name}: ${vector.fault}`, async () => {
    const { problems } = await verify(vector);
    assert.ok(problems.some(({ field }) => field === vector.field), JSON.stringify(problems));
  });
}

test("no byte of a chain can change without being noticed", async () => {
  const vector = good("chains")[1];
  for (const [position, item] of vector.chain.entries()) {
    const bytes = fromHex(item);
    for (let index = 0; index < bytes.length; index += 7) {
      const changed = bytes.slice();
      changed[index] ^= 1;
      const chain = vector.chain.with(position, toHex(changed));
      const { problems } = await verify({ ...vector, chain });
      assert.notEqual(problems.length, 0, `byte ${index} of warrant ${position + 1}`);
    }
  }
});

test("constraints answer as tenuo does, or leave it to the worker", () => {
  for (const vector of good("constraints")) {
    const constraint = parseConstraint("constraint", decodeLoosely(fromHex(vector.constraint)));
    const answer = matches(constraint, decode(fromHex(vector.value)));
    assert.ok(answer === null || answer === vector.matches, `${describe(constraint)}: ${vector.value}`);
    const isKnown = [1, 3, 4, 7, 10, 11, 16].includes(constraint.type);
    if (isKnown) assert.notEqual(answer, null, describe(constraint));
    // The command line says the same.
    assert.equal(describe(constraint), vector.words);
  }
});

test("every kind of rule is put into words, and one that is not known says so", () => {
  const kinds = new Set(good("constraints").map((vector) => parseConstraint("constraint", decodeLoosely(fromHex(vector.constraint))).type));
  assert.deepEqual([...kinds].sort((a, b) => a - b), [1, 2, 3, 4, 5, 7, 8, 9, 10, 11, 12, 13, 14, 15, 16, 17, 18, 128]);
  assert.match(describe({ type: 99, value: null }), /does not know/);
});

for (const vector of good("gates")) {
  test(`gate: ${vector.name}`, () => {
    const gate = parseWarrant(fromHex(vector.warrant)).gates.get("t");
    assert.equal(fires(gate, decode(fromHex(vector.arguments))).fires, vector.fires);
  });
}
