import assert from "node:assert/strict";
import { test } from "node:test";

import { fromHex, toHex } from "../../static/js/lib/bytes.js";
import { reviewDraft, signDraft } from "../../static/js/lib/handing-on.js";
import { verifyChain } from "../../static/js/lib/warrant.js";
import { bad, good, signerFromSeed } from "./support.js";

async function draftOf(vector) {
  const signer = await signerFromSeed(vector.seed);
  return {
    signer,
    draft: {
      parent: fromHex(vector.parent), draft: fromHex(vector.draft), agentKey: fromHex(vector.agent_key), ownKey: signer.publicKey,
      person: vector.person, pinnedRoots: vector.roots.map((root) => fromHex(root)), now: vector.now,
    },
  };
}

for (const vector of good("drafts")) {
  test(`a draft that may be signed: ${vector.name}`, async () => {
    const { draft, signer } = await draftOf(vector);
    const { problems, lost } = await reviewDraft(draft);
    assert.deepEqual(problems, []);
    assert.deepEqual(lost, vector.lost);
    const signed = await signDraft(draft, signer);
    assert.equal(toHex(signed), vector.signed);
    assert.deepEqual((await verifyChain([draft.parent, signed], draft)).problems, []);
  });
}

for (const vector of bad("draft")) {
  test(`bad: ${vector.name}: ${vector.fault}`, async () => {
    const { draft, signer } = await draftOf(vector);
    const { problems } = await reviewDraft(draft);
    assert.ok(problems.some(({ field }) => field === vector.field), JSON.stringify(problems));
    await assert.rejects(signDraft(draft, signer));
  });
}

test("no byte of a draft or its parent can change without being noticed", async () => {
  const { draft } = await draftOf(good("drafts")[0]);
  for (const name of ["parent", "draft"]) {
    for (let index = 0; index < draft[name].length; index += 5) {
      const changed = draft[name].slice();
      changed[index] ^= 1;
      const { problems } = await reviewDraft({ ...draft, [name]: changed });
      // An id is the child's own, and so is the moment at which it begins or ends, within its parent's.
      const isOwn = name === "draft" && problems.length === 0;
      if (isOwn) assert.equal(index < 40 || isTime(draft.draft, index), true, `byte ${index} of the ${name}`);
    }
  }
});

/** Whether a byte is one of the two times, which stand behind keys 6 and 7. */
function isTime(bytes, index) {
  const hex = toHex(bytes);
  return [6, 7].some((key) => {
    const at = hex.indexOf(`0${key}1a`) / 2;
    return index >= at + 2 && index < at + 6;
  });
}

test("another browser's key signs nothing", async () => {
  const { draft } = await draftOf(good("drafts")[0]);
  const other = await signerFromSeed("55".repeat(32));
  await assert.rejects(signDraft({ ...draft, ownKey: other.publicKey }, other));
  await assert.rejects(signDraft(draft, other));
});
