/** Other arguments, proposed with a denial: every value keeps the type it was asked with. */

import assert from "node:assert/strict";
import { test } from "node:test";

import { toHex } from "../../static/js/lib/bytes.js";
import { Float, decode, encode } from "../../static/js/lib/cbor.js";
import { parseDenial, signDenial } from "../../static/js/lib/denial.js";
import { MAXIMUM_PROPOSAL_BYTES, proposalFields, propose, readProposal } from "../../static/js/lib/proposal.js";
import { signerFromSeed } from "./support.js";

const ASKED = new Map([
  ["environment", "production"], ["flag", true], ["replicas", 6n], ["ratio", new Float(1)], ["text", "6"],
  ["hosts", ["a", "b"]], ["ports", [80n, 443n]], ["mixed", [1n, "1"]], ["none", null], ["odd", "a\rb"],
]);

function proposed(changes) {
  const texts = new Map(proposalFields(ASKED).filter(({ text }) => text !== null).map(({ name, text }) => [name, text]));
  for (const [name, text] of Object.entries(changes)) texts.set(name, text);
  return propose(ASKED, texts);
}

test("fields show what was asked, and what they cannot hold stays", () => {
  const shown = Object.fromEntries(proposalFields(ASKED).map(({ name, text }) => [name, text]));
  assert.deepEqual(shown, {
    environment: "production", flag: "true", replicas: "6", ratio: "1.0", text: "6",
    hosts: "a\nb", ports: "80\n443", mixed: null, none: null, odd: null,
  });
});

test("nothing changed is no proposal", () => assert.equal(proposed({}), null));

test("a value keeps its type", () => {
  const values = decode(proposed({ replicas: " 3 ", ratio: "2", text: "3", flag: "false", ports: "8080", hosts: "c\nd\ne" }));
  assert.equal(values.get("replicas"), 3n);
  assert.deepEqual(values.get("ratio"), new Float(2));
  assert.equal(values.get("text"), "3");
  assert.equal(values.get("flag"), false);
  assert.deepEqual(values.get("ports"), [8080n]);
  assert.deepEqual(values.get("hosts"), ["c", "d", "e"]);
  assert.deepEqual([...values.keys()].sort(), [...ASKED.keys()].sort());
  assert.deepEqual(values.get("mixed"), [1n, "1"]);
});

for (const [name, text] of [
  ["replicas", "3.0"], ["replicas", "0x3"], ["replicas", ""], ["replicas", "9223372036854775808"], ["ratio", "NaN"],
  ["ratio", "1e999"], ["ratio", "one"], ["flag", "yes"], ["ports", "80\n"],
]) {
  test(`${name} cannot be ${JSON.stringify(text)}`, () => {
    assert.throws(() => proposed({ [name]: text }), (error) => error.field === `proposed_arguments.${name}`);
  });
}

test("what is no proposal is refused when it is read", () => {
  for (const value of [null, encode("text"), encode(new Map([["a", Uint8Array.of(1)]])), new Uint8Array(MAXIMUM_PROPOSAL_BYTES + 1)]) {
    assert.throws(() => readProposal(value), (error) => error.field === "proposed_arguments");
  }
});

test("a denial carries it, and is read back with it", async () => {
  const bytes = proposed({ replicas: "3" });
  const terms = {
    requestHash: new Uint8Array(32), nonce: new Uint8Array(16), externalId: "local:ada", deniedAt: 1, reason: "Fewer.",
    binding: {
      requestId: "req_1", namespace: "default", workflowId: "w", runId: "r", displayDigest: new Uint8Array(32),
      policyVersion: "",
    },
    proposedArguments: bytes,
  };
  const { terms: read } = parseDenial(await signDenial(terms, await signerFromSeed("07".repeat(32))));
  assert.equal(toHex(read.proposedArguments), toHex(bytes));
});
