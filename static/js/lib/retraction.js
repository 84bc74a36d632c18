/**
 * Retractions, the twin of approvals/signing/retraction.py: an approver takes back their own approval,
 * named by its nonce, while its request still waits.
 */

import { bindingFacts, readBinding } from "./approval.js";
import { Refusal } from "./refusal.js";
import { asBytes, asCount, asText } from "./shape.js";
import { Context, parseEnvelope, signStatement } from "./statements.js";

/** @typedef {import("./bytes.js").Bytes} Bytes */
/**
 * What an approver signs to take an approval back. `retractedAt` is UTC seconds since 1970.
 * @typedef {object} RetractionTerms
 * @property {Bytes} requestHash 32 bytes
 * @property {Bytes} nonce 16 bytes, the approval's
 * @property {string} externalId
 * @property {number} retractedAt
 * @property {import("./approval.js").Binding} binding
 */

const OWN_FIELDS = ["external_id", "nonce", "request_hash", "retracted_at", "version"];

/** @param {RetractionTerms} terms @returns {import("./cbor.js").Facts} */
export function retractionFacts(terms) {
  return {
    ...bindingFacts(terms.binding),
    request_hash: terms.requestHash,
    nonce: terms.nonce,
    external_id: terms.externalId,
    retracted_at: BigInt(terms.retractedAt),
  };
}

/**
 * @param {import("./review.js").Subject} subject @param {{ nonce: Bytes, now: number }} choice the approval's nonce
 * @returns {RetractionTerms}
 */
export function retractionTerms(subject, { nonce, now }) {
  const { requestHash, externalId, binding } = subject;
  return { requestHash, nonce, externalId, retractedAt: now, binding };
}

/** @param {RetractionTerms} terms @param {import("./ed25519.js").Signer} signer @returns {Promise<Bytes>} the envelope */
export async function signRetraction(terms, signer) {
  return signStatement(Context.RETRACTION, retractionFacts(terms), signer);
}

/** @param {Bytes} bytes @returns {{ terms: RetractionTerms, envelope: import("./statements.js").Envelope }} */
export function parseRetraction(bytes) {
  const envelope = parseEnvelope(bytes);
  const { facts } = envelope;
  const binding = readBinding(facts);
  const expected = [...OWN_FIELDS, ...Object.keys(bindingFacts(binding))].sort();
  if ([...facts.keys()].join() !== expected.join()) {
    throw new Refusal("statement", "The retraction does not have the fields it must have.");
  }
  const terms = {
    requestHash: asBytes("request_hash", facts.get("request_hash"), 32),
    nonce: asBytes("nonce", facts.get("nonce"), 16),
    externalId: asText("external_id", facts.get("external_id"), 320),
    retractedAt: asCount("retracted_at", facts.get("retracted_at")),
    binding,
  };
  return { terms, envelope };
}
