import assert from "node:assert/strict";
import { test } from "node:test";

import { encodePayload, parseApproval, signApproval, verifyApproval } from "../../static/js/lib/approval.js";
import { equal, fromHex, toBase64, toHex } from "../../static/js/lib/bytes.js";
import { decode, encode } from "../../static/js/lib/cbor.js";
import { denialFacts, parseDenial, signDenial } from "../../static/js/lib/denial.js";
import { parseEnrolment, readChallenge, signEnrolment } from "../../static/js/lib/enrolment.js";
import { Refusal } from "../../static/js/lib/refusal.js";
import { requestHash } from "../../static/js/lib/request-hash.js";
import { Context, encodeStatement, verifyEnvelope } from "../../static/js/lib/statements.js";
import { bad, badKinds, bindingOf, good, signerFromSeed } from "./support.js";

test("every kind of bad vector has a test", () => {
  assert.deepEqual(badKinds(), ["approval", "arguments", "chain", "denial", "draft", "enrolment", "key-endorsement", "review"]);
});

for (const vector of good("request_hash")) {
  test(`request hash: ${vector.name}`, async () => {
    const bytes = fromHex(vector.args_cbor);
    assert.deepEqual(encode(decode(bytes)), bytes);
    const hash = await requestHash(vector.warrant_id, vector.tool, bytes, fromHex(vector.holder ?? ""));
    assert.equal(toHex(hash), vector.hash);
  });
}

for (const vector of good("approvals")) {
  test(`approval: ${vector.name}`, async () => {
    const { terms } = vector;
    const own = {
      requestHash: fromHex(terms.request_hash),
      nonce: fromHex(terms.nonce),
      externalId: terms.external_id,
      approvedAt: terms.approved_at,
      expiresAt: terms.expires_at,
      binding: bindingOf(terms.binding),
      reason: terms.reason,
    };
    assert.equal(toHex(encodePayload(own)), vector.payload);
    const signed = await signApproval(own, await signerFromSeed(vector.seed));
    assert.equal(toHex(signed), vector.signed);
    const parsed = parseApproval(signed);
    assert.deepEqual(parsed.terms, own);
    assert.ok(await verifyApproval(parsed));
  });
}

for (const vector of good("denials")) {
  test(`denial: ${vector.name}`, async () => {
    const { facts } = vector;
    const terms = {
      requestHash: fromHex(facts.request_hash),
      nonce: fromHex(facts.nonce),
      externalId: facts.external_id,
      deniedAt: facts.denied_at,
      reason: facts.reason,
      binding: bindingOf(facts),
    };
    assert.equal(toHex(encodeStatement(denialFacts(terms))), vector.statement);
    const signed = await signDenial(terms, await signerFromSeed(vector.seed));
    assert.equal(toHex(signed), vector.signed);
    const parsed = parseDenial(signed);
    assert.deepEqual(parsed.terms, terms);
    assert.ok(await verifyEnvelope(Context.DENIAL, parsed.envelope));
  });
}

for (const { name, seed, facts, signed } of good("enrolments")) {
  test(`enrolment: ${name}`, async () => {
    const answer = { ...facts, challenge: toBase64(fromHex(facts.challenge)) };
    const challenge = readChallenge(answer, facts.origin);
    assert.equal(toHex(await signEnrolment(challenge, facts.strength, await signerFromSeed(seed))), signed);
    const { publicKey, strength, envelope } = parseEnrolment(fromHex(signed));
    assert.deepEqual([toHex(publicKey), strength], [facts.public_key, facts.strength]);
    assert.ok(await verifyEnvelope(Context.ENROLMENT, envelope));
  });
}

test("a challenge for another site, or of another length, is not signed", () => {
  const challenge = toBase64(new Uint8Array(32));
  const answer = { challenge, issuer: "local", subject: "maria", origin: "https://evil.example" };
  assert.throws(() => readChallenge(answer, "http://localhost:5050"), { field: "origin" });
  assert.throws(() => readChallenge({ ...answer, challenge: "AAAA" }, answer.origin), { field: "challenge" });
  assert.throws(() => readChallenge(null, answer.origin), { field: "challenge" });
});

test("a denial without a reason is not signed", async () => {
  const signer = await signerFromSeed("04".repeat(32));
  const [vector] = good("denials");
  const terms = parseDenial(fromHex(vector.signed)).terms;
  await assert.rejects(signDenial({ ...terms, reason: " \n" }, signer), { field: "reason" });
});

test("text with a lone surrogate is not signed", async () => {
  const { terms } = parseApproval(fromHex(good("approvals")[0].signed));
  await assert.rejects(signApproval({ ...terms, reason: "\ud800" }, await signerFromSeed("04".repeat(32))), Refusal);
});

/** The field in which what was signed is not what is expected. */
function difference(terms, expected) {
  if (!equal(terms.requestHash, fromHex(expected.request_hash))) return "request_hash";
  const own = bindingOf(expected);
  const names = {
    requestId: "request_id", namespace: "namespace", workflowId: "workflow_id", runId: "run_id",
    displayDigest: "display_digest", policyVersion: "policy_version",
  };
  const isSame = (a, b) => a instanceof Uint8Array ? equal(a, b) : a === b;
  return names[Object.keys(own).find((name) => !isSame(own[name], terms.binding[name]))];
}

/** The field that is wrong, found as a reader of such bytes would. */
async function faultOf(vector) {
  const bytes = fromHex(vector.bytes);
  try {
    if (vector.kind === "approval") {
      const approval = parseApproval(bytes);
      return (await verifyApproval(approval)) ? difference(approval.terms, vector.expected) : "signature";
    }
    if (vector.kind === "denial") {
      const { envelope, terms } = parseDenial(bytes);
      return (await verifyEnvelope(Context.DENIAL, envelope)) ? difference(terms, vector.expected) : "signature";
    }
    const enrolment = parseEnrolment(bytes);
    if (!(await verifyEnvelope(Context.ENROLMENT, enrolment.envelope))) return "signature";
    if (toHex(enrolment.challenge) !== vector.expected.challenge) return "challenge";
    return ["issuer", "subject", "origin"].find((name) => enrolment[name] !== vector.expected[name]);
  } catch (error) {
    if (!(error instanceof Refusal)) throw error;
    return error.field;
  }
}

for (const vector of ["approval", "denial", "enrolment"].flatMap(bad)) {
  test(`bad: ${vector.name}: ${vector.fault}`, async () => {
    const field = await faultOf(vector);
    // Where the bytes are not even CBOR the decoder speaks of bytes; a reader knows which it read.
    assert.ok(field === vector.field || field === "bytes", `named ${field}, not ${vector.field}`);
  });
}
