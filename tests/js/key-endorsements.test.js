import assert from "node:assert/strict";
import { test } from "node:test";

import { equal, fromHex } from "../../static/js/lib/bytes.js";
import { parseEndorsement, signEndorsement, verifyChain } from "../../static/js/lib/key-endorsements.js";
import { Refusal } from "../../static/js/lib/refusal.js";
import { bad, good, signerFromSeed } from "./support.js";

function judge({ chain, key, role, people_roots, now_ms, revoked }) {
  const limits = { nowMs: now_ms, revoked: new Map(Object.entries(revoked)) };
  return verifyChain(chain.map((data) => fromHex(data)), fromHex(key), role, people_roots.map((root) => fromHex(root)), limits);
}

for (const vector of good("key_endorsements")) {
  test(`endorsed ${vector.name}`, async () => {
    const { person, strength, endorsers, at } = vector;
    assert.deepEqual(await judge(vector), { person, strength, endorsers, at });
  });
}

for (const vector of bad("key-endorsement")) {
  test(`not endorsed: ${vector.name}`, async () => {
    // Where the bytes are not even CBOR the decoder speaks of bytes.
    await assert.rejects(judge(vector), (error) => error instanceof Refusal && [vector.field, "bytes"].includes(error.field));
  });
}

test("what this browser signs is what Python signs", async () => {
  const vector = good("key_endorsements").find(({ name }) => name === "by the people root");
  const { at, key, person, role, strength } = await parseEndorsement(fromHex(vector.chain[0]));
  const signed = await signEndorsement({ at, key, person, role, strength }, await signerFromSeed("08".repeat(32)));
  assert.ok(equal(signed, fromHex(vector.chain[0])));
});
