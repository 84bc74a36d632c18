import assert from "node:assert/strict";
import { test } from "node:test";

import { parseApproval, signApproval, verifyApproval } from "../../static/js/lib/approval.js";
import { fromHex, toHex } from "../../static/js/lib/bytes.js";
import { parseDenial, signDenial } from "../../static/js/lib/denial.js";
import { approvalTerms, denialTerms, newNonce, review } from "../../static/js/lib/review.js";
import { bad, good, signerFromSeed } from "./support.js";

const trustOf = ({ public_key, roots, now }) => ({
  publicKey: fromHex(public_key),
  pinnedRoots: roots.map((root) => fromHex(root)),
  now,
});
const run = (vector) => review(vector.signing, trustOf(vector));

for (const vector of good("reviews")) {
  test(`a sound request: ${vector.name}`, async () => {
    const result = await run(vector);
    assert.deepEqual(result.problems, []);
    assert.ok(result.checks.every(({ ok }) => ok));
    assert.equal(toHex(result.subject.requestHash), vector.signing.request_hash);
    const shown = Object.fromEntries(result.arguments.map(({ name, value }) => [name[0].text, value.pieces[0].text]));
    assert.deepEqual(shown, Object.fromEntries(Object.entries(vector.arguments).map(([name, value]) => [name, String(value)])));
    assert.ok(result.warrant.approvers.some(({ isOwn }) => isOwn));
    assert.match(result.gate, /needs a signature/);
    assert.equal(result.display.reasoning, "The error rate rose after the deploy.\nThe runbook says: restart.");
    assert.deepEqual(result.display.history.map(({ verdict }) => verdict), ["allowed", "denied", "gated"]);
    assert.deepEqual([...result.display.history[0].values], [["service", "payments"]]);
    assert.equal(toHex(result.subject.binding.displayDigest), vector.signing.display_digest);
    const { policy, longestApproval, barred, denials } = result.warrant;
    assert.deepEqual([policy, longestApproval, barred], ["incident-response@2", "10 min", ["local:raiser"]]);
    assert.match(denials, /^One denial ends/);
  });
}

for (const vector of bad("review")) {
  test(`bad: ${vector.name}: ${vector.fault}`, async () => {
    const result = await run(vector);
    assert.equal(result.subject, null);
    assert.ok(result.problems.some(({ field }) => field === vector.field), JSON.stringify(result.problems));
    assert.ok(result.problems.every(({ sentence }) => /^\S.+[.]$/.test(sentence)));
  });
}

test("whatever the server sends, the review answers and nothing can be signed", async () => {
  const [vector] = good("reviews");
  const oddities = [undefined, null, 0, -1, 1.5, "", "x", [], {}, [null], true, "\ud800", 2 ** 60];
  for (const value of oddities) assert.equal((await review(value, trustOf(vector))).subject, null);
  for (const field of Object.keys(vector.signing).filter((name) => name !== "decision_url")) {
    for (const value of oddities) {
      const result = await review({ ...vector.signing, [field]: value }, trustOf(vector));
      const mayDiffer = ["request_id", "namespace", "workflow_id", "run_id", "external_id"].includes(field) && typeof value === "string" && value !== "";
      assert.ok(mayDiffer || field === "expires_at" && value === 2 ** 60 || result.subject === null, `${field} = ${String(value)}`);
    }
  }
});

test("an approval outlives neither the request nor the warrant, and its reason is what was typed", async () => {
  const [vector] = good("reviews");
  const { subject } = await run(vector);
  const choice = { now: vector.now, nonce: newNonce(), reason: "ok" };
  const requestEnds = vector.signing.expires_at;
  assert.ok(requestEnds < vector.now + 900);
  const approval = parseApproval(await signApproval(approvalTerms(subject, choice), await signerFromSeed(vector.seed)));
  assert.ok(await verifyApproval(approval));
  assert.equal(approval.terms.expiresAt, requestEnds);
  assert.equal(approvalTerms({ ...subject, lifetime: 60 }, choice).expiresAt, vector.now + 60);
  const later = await run({ ...vector, signing: { ...vector.signing, expires_at: requestEnds + 10 ** 6 } });
  const warrantEnds = later.subject.expiresAt;
  assert.ok(warrantEnds < requestEnds + 10 ** 6);
  const late = { ...choice, now: warrantEnds - 10 };
  assert.equal(approvalTerms(later.subject, late).expiresAt, warrantEnds);
  assert.equal(approval.terms.reason, "ok");
  const denial = parseDenial(await signDenial(denialTerms(subject, { ...late, reason: "no" }), await signerFromSeed(vector.seed)));
  assert.equal(denial.terms.reason, "no");
});

test("without a key the request can be read and not signed", async () => {
  const [vector] = good("reviews");
  const result = await review(vector.signing, { publicKey: null, pinnedRoots: [], now: vector.now });
  assert.equal(result.arguments.length, 2);
  assert.equal(result.subject, null);
});
