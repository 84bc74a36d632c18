/**
 * Denials, the twin of approvals/signing/denial.py: signed under Countersign's own context, so
 * that no denial is ever an approval to Tenuo. A denial needs a reason.
 */

import { MAXIMUM_REASON, bindingFacts, readBinding } from "./approval.js";
import { readProposal } from "./proposal.js";
import { Refusal } from "./refusal.js";
import { asBytes, asCount, asText, isBlank } from "./shape.js";
import { Context, parseEnvelope, signStatement } from "./statements.js";

/** @typedef {import("./bytes.js").Bytes} Bytes */
/**
 * What an approver signs to refuse. `deniedAt` is UTC seconds since 1970.
 * @typedef {object} DenialTerms
 * @property {Bytes} requestHash 32 bytes
 * @property {Bytes} nonce 16 bytes
 * @property {string} externalId
 * @property {number} deniedAt
 * @property {string} reason not blank
 * @property {import("./approval.js").Binding} binding
 * @property {Bytes | null} [proposedArguments] canonical, see proposal.js
 */

const FIELDS = [
  "denied_at", "display_digest", "external_id", "namespace", "nonce", "policy_version", "reason", "request_hash",
  "request_id", "run_id", "version", "workflow_id",
];

/** @param {DenialTerms} terms @returns {import("./cbor.js").Facts} */
export function denialFacts(terms) {
  return {
    ...bindingFacts(terms.binding),
    request_hash: terms.requestHash,
    nonce: terms.nonce,
    external_id: terms.externalId,
    denied_at: BigInt(terms.deniedAt),
    reason: readReason(terms.reason),
    ...(terms.proposedArguments ? { proposed_arguments: terms.proposedArguments } : {}),
  };
}

/** @param {DenialTerms} terms @param {import("./ed25519.js").Signer} signer @returns {Promise<Bytes>} the envelope */
export async function signDenial(terms, signer) {
  return signStatement(Context.DENIAL, denialFacts(terms), signer);
}

/** @param {Bytes} bytes @returns {{ terms: DenialTerms, envelope: import("./statements.js").Envelope }} */
export function parseDenial(bytes) {
  const envelope = parseEnvelope(bytes);
  const { facts } = envelope;
  const proposed = facts.get("proposed_arguments");
  if (proposed !== undefined) readProposal(proposed);
  const expected = proposed === undefined ? FIELDS : [...FIELDS, "proposed_arguments"].sort();
  if ([...facts.keys()].join() !== expected.join()) {
    throw new Refusal("statement", "The denial does not have the fields it must have.");
  }
  const terms = {
    requestHash: asBytes("request_hash", facts.get("request_hash"), 32),
    nonce: asBytes("nonce", facts.get("nonce"), 16),
    externalId: asText("external_id", facts.get("external_id"), 320),
    deniedAt: asCount("denied_at", facts.get("denied_at")),
    reason: readReason(facts.get("reason")),
    binding: readBinding(facts),
    ...(proposed === undefined ? {} : { proposedArguments: /** @type {Bytes} */ (proposed) }),
  };
  return { terms, envelope };
}

/** @param {unknown} value @returns {string} */
function readReason(value) {
  const reason = asText("reason", value, MAXIMUM_REASON);
  if (isBlank(reason)) throw new Refusal("reason", "A denial needs a reason.");
  return reason;
}
