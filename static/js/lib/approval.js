/**
 * Tenuo's signed approvals with Countersign's binding, the twin of approvals/signing/approval.py.
 *
 *     message(approval) = "tenuo-warrant-v1" || "tenuo-approval-v1" || 01 || payload
 *
 * The payload's keys have Tenuo's order, and its byte strings are lists of small integers. What
 * ties the approval to one request of one run is in the signed extension "countersign.v1".
 */

import { concat, equal, fromText } from "./bytes.js";
import { decode, decodeLoosely, encode, encodeInOrder, map } from "./cbor.js";
import { sign, verify } from "./ed25519.js";
import { Refusal } from "./refusal.js";
import { asByteList, asBytes, asCount, asEd25519, asMap, asText, asTextMap } from "./shape.js";

/** @typedef {import("./bytes.js").Bytes} Bytes */
/** @typedef {import("./cbor.js").Value} Value */
/** @typedef {import("./ed25519.js").Signer} Signer */
/**
 * What a decision is bound to, beyond the request hash.
 * @typedef {object} Binding
 * @property {string} requestId
 * @property {string} namespace
 * @property {string} workflowId
 * @property {string} runId
 * @property {Bytes} displayDigest 32 bytes, see display.js
 * @property {string} policyVersion of the root warrant's terms; empty without any
 */
/**
 * What an approver signs. Times are UTC seconds since 1970.
 * @typedef {object} ApprovalTerms
 * @property {Bytes} requestHash 32 bytes
 * @property {Bytes} nonce 16 bytes
 * @property {string} externalId
 * @property {number} approvedAt
 * @property {number} expiresAt
 * @property {Binding} binding
 * @property {string} reason may be empty
 */
/** @typedef {{ payload: Bytes, approverKey: Bytes, signature: Bytes, terms: ApprovalTerms }} SignedApproval */

export const MAXIMUM_REASON = 2000;
export const MAXIMUM_POLICY_VERSION = 100;
const EXTENSION = "countersign.v1";
const CONTEXT = concat(fromText("tenuo-warrant-v1tenuo-approval-v1"), Uint8Array.of(1));
const PAYLOAD_FIELDS = ["version", "request_hash", "nonce", "external_id", "approved_at", "expires_at", "extensions"];

/** @param {Binding} binding @returns {import("./cbor.js").Facts} */
export function bindingFacts({ requestId, namespace, workflowId, runId, displayDigest, policyVersion }) {
  return {
    request_id: requestId, namespace, workflow_id: workflowId, run_id: runId,
    display_digest: displayDigest, policy_version: policyVersion,
  };
}

/** @param {Map<string, Value>} facts @returns {Binding} */
export function readBinding(facts) {
  return {
    requestId: asText("request_id", facts.get("request_id")),
    namespace: asText("namespace", facts.get("namespace")),
    workflowId: asText("workflow_id", facts.get("workflow_id")),
    runId: asText("run_id", facts.get("run_id")),
    displayDigest: asBytes("display_digest", facts.get("display_digest"), 32),
    policyVersion: asText("policy_version", facts.get("policy_version"), MAXIMUM_POLICY_VERSION),
  };
}

/** @param {Uint8Array} bytes @returns {Bytes} CBOR of a list of small integers */
function byteList(bytes) {
  return encode(Array.from(bytes, BigInt));
}

/** @param {ApprovalTerms} terms @returns {Bytes} the payload, in Tenuo's key order */
export function encodePayload(terms) {
  const extension = encode(map({ ...bindingFacts(terms.binding), decision: "approve", reason: terms.reason }));
  return encodeInOrder([
    ["version", encode(1n)],
    ["request_hash", byteList(terms.requestHash)],
    ["nonce", byteList(terms.nonce)],
    ["external_id", encode(terms.externalId)],
    ["approved_at", encode(BigInt(terms.approvedAt))],
    ["expires_at", encode(BigInt(terms.expiresAt))],
    ["extensions", encodeInOrder([[EXTENSION, byteList(extension)]])],
  ]);
}

/** @param {Bytes} payload @returns {Bytes} the bytes an approver signs */
export function approvalMessage(payload) {
  return concat(CONTEXT, payload);
}

/** @param {{ payload: Bytes, approverKey: Bytes, signature: Bytes }} parts @returns {Bytes} Tenuo's SignedApproval */
export function assembleApproval({ payload, approverKey, signature }) {
  return encodeInOrder([
    ["approval_version", encode(1n)],
    ["payload", encode(payload)],
    ["approver_key", encode([1n, approverKey])],
    ["signature", encode([1n, signature])],
  ]);
}

/** @param {ApprovalTerms} terms @param {Signer} signer @returns {Promise<Bytes>} Tenuo's SignedApproval */
export async function signApproval(terms, signer) {
  const payload = encodePayload(terms);
  const signature = await sign(signer, approvalMessage(payload));
  return assembleApproval({ payload, approverKey: signer.publicKey, signature });
}

/** @param {Bytes} bytes @returns {SignedApproval} its form is checked, its signature is not */
export function parseApproval(bytes) {
  const envelope = fieldsInOrder("approval", bytes, ["approval_version", "payload", "approver_key", "signature"]);
  const payload = envelope.get("payload");
  if (envelope.get("approval_version") !== 1n || !(payload instanceof Uint8Array)) {
    throw new Refusal("approval_version", "The approval is of a version that is not known here.");
  }
  const approval = {
    payload,
    approverKey: asEd25519("approver_key", envelope.get("approver_key"), 32),
    signature: asEd25519("signature", envelope.get("signature"), 64),
    terms: readTerms(payload),
  };
  if (!equal(assembleApproval(approval), bytes) || !equal(encodePayload(approval.terms), payload)) {
    throw new Refusal("approval", "The approval is not in canonical form.");
  }
  return approval;
}

/** @param {SignedApproval} approval @returns {Promise<boolean>} whether its approver key signed it */
export function verifyApproval({ payload, approverKey, signature }) {
  return verify(approverKey, signature, approvalMessage(payload));
}

/** @param {string} field @param {Bytes} bytes @param {string[]} names @returns {Map<string, Value>} */
function fieldsInOrder(field, bytes, names) {
  const fields = asTextMap(field, decodeLoosely(bytes));
  if ([...fields.keys()].join() !== names.join()) {
    throw new Refusal(field, `The ${field} does not have the fields it must have, in their order.`);
  }
  return fields;
}

/** @param {Bytes} payload @returns {ApprovalTerms} */
function readTerms(payload) {
  const fields = fieldsInOrder("payload", payload, PAYLOAD_FIELDS);
  if (fields.get("version") !== 1n) throw new Refusal("version", "The payload's version is not known here.");
  const extensions = asMap("extensions", fields.get("extensions"));
  if ([...extensions.keys()].join() !== EXTENSION) {
    throw new Refusal("extensions", "The approval is not bound to a request by Countersign's extension.");
  }
  const extension = asTextMap("extensions", decode(asByteList("extensions", extensions.get(EXTENSION))));
  if (extension.get("decision") !== "approve") {
    throw new Refusal("decision", "The approval's extension does not say that it approves.");
  }
  return {
    requestHash: exactly("request_hash", fields.get("request_hash"), 32),
    nonce: exactly("nonce", fields.get("nonce"), 16),
    externalId: asText("external_id", fields.get("external_id"), 320),
    approvedAt: asCount("approved_at", fields.get("approved_at")),
    expiresAt: asCount("expires_at", fields.get("expires_at")),
    binding: readBinding(extension),
    reason: asText("reason", extension.get("reason"), MAXIMUM_REASON),
  };
}

/** @param {string} field @param {Value | undefined} value @param {number} length @returns {Bytes} */
function exactly(field, value, length) {
  const bytes = asByteList(field, value);
  if (bytes.length !== length) throw new Refusal(field, `${field} is not ${length} bytes.`);
  return bytes;
}
