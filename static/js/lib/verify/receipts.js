/**
 * Step 7: a worker's receipt, and the call it speaks of.
 *
 *     receipt = CBOR map {"receipt_version": 1, "payload", "signer_key": [1, 32 bytes], "signature": [1, 64 bytes]}
 *     message = "tenuo-warrant-v1" "tenuo-receipt-v1" 01 payload
 *     payload = map with integer keys, see FIELD
 */

import { concat, equal, fromText, toHex } from "../bytes.js";
import { decode, decodeLoosely } from "../cbor.js";
import { verify } from "../ed25519.js";
import { Refusal } from "../refusal.js";
import { requestHash } from "../request-hash.js";
import { asBytes, asCount, asEd25519, asMap, asText, asTextMap } from "../shape.js";
import { Kind } from "./kinds.js";
import { contentOf } from "./reading.js";
import { Refused, Step, require } from "./steps.js";

/** @typedef {import("../bytes.js").Bytes} Bytes */
/** @typedef {import("../cbor.js").Value} Value */
/** @typedef {import("./fields.js").Fields} Fields */
/** @typedef {import("./reading.js").Entry} Entry */
/** @typedef {import("./warrants.js").Warrant} Warrant */
/** @typedef {{ bytes: Bytes, values: Map<string, Value> }} Arguments */
/**
 * One decision of a worker, as its receipt signs it.
 * @typedef {object} Call
 * @property {string} tool
 * @property {Arguments | null} args null if they were erased
 * @property {Warrant[]} warrants
 * @property {Bytes} proof
 * @property {number} decidedAt UTC seconds
 * @property {string} code
 * @property {Bytes} requestHash
 */
/** @typedef {{ signer: string, stack: Bytes, action: string, outcome: string, timestamp: number, requestHash: Bytes | null,
 *   proof: Bytes | null, requestId: string, code: string | null }} Payload */

const CONTEXT = concat(fromText("tenuo-warrant-v1tenuo-receipt-v1"), Uint8Array.of(1));
const FIELD = { version: 0, stack: 2, action: 3, outcome: 4, timestamp: 5, requestHash: 7, proof: 8, requestId: 9, code: 10 };
const GATE_CODES = new Set(["approval-required", "insufficient-approvals", "invalid-approval", "approval-expired"]);

/**
 * Step 7. @param {string} kind @param {Fields} entryDetails @param {Arguments | null} args @param {Warrant[]} warrants
 * @param {Set<string>} receiptsKeys @returns {Promise<Call>}
 */
export async function checkReceipt(kind, entryDetails, args, warrants, receiptsKeys) {
  const details = entryDetails.forStep(Step.RECEIPT);
  const payload = await readReceipt(details.data("receipt"));
  require(receiptsKeys.has(payload.signer), Step.RECEIPT,
    "The receipt is signed by a key that no trusted root endorsed for receipts.");
  const expected = kind === Kind.CALL_ALLOWED ? "allow" : "deny";
  require(payload.outcome === expected, Step.RECEIPT, `The receipt says '${payload.outcome}', but the entry says ${kind}.`);
  require(GATE_CODES.has(payload.code ?? "") === (kind === Kind.CALL_GATED), Step.RECEIPT,
    `The receipt's code '${payload.code}' does not belong to ${kind}.`);
  const tool = details.text("tool");
  require(payload.action === tool, Step.RECEIPT, `The receipt is of '${payload.action}', not of '${tool}'.`);
  require(equal(payload.stack, stackOf(warrants)), Step.RECEIPT, "The receipt was made over other warrants.");
  const proof = details.data("proof_of_possession");
  // On a denial Tenuo leaves the proof out unless it was established before the refusal.
  const optional = kind !== Kind.CALL_ALLOWED && payload.proof === null;
  require(optional || (payload.proof !== null && equal(payload.proof, proof)), Step.RECEIPT,
    "The receipt was made for another proof of possession.");
  const decidedAt = Math.floor(details.integer("decided_at_ms") / 1000);
  require(payload.timestamp === decidedAt, Step.RECEIPT, "The receipt was made at another time than the entry says.");
  const requestId = details.text("request_id") || details.text("activity_id");
  require(payload.requestId === requestId, Step.RECEIPT, `The receipt is of '${payload.requestId}', not of '${requestId}'.`);
  if (payload.requestHash === null) throw new Refused(Step.FORM, "The line cannot be checked: its receipt has no request hash.");
  if (args !== null) {
    const own = await hashOf(/** @type {Warrant} */ (warrants.at(-1)), tool, args);
    require(equal(own, payload.requestHash), Step.RECEIPT, "The receipt is of other arguments: its request hash differs.");
  }
  return { tool, args, warrants, proof, decidedAt, code: payload.code ?? "", requestHash: payload.requestHash };
}

/** @param {Warrant[]} warrants @returns {Bytes} the form in which a receipt carries the chain */
function stackOf(warrants) {
  const head = warrants.length < 24 ? [0x80 | warrants.length] : [0x98, warrants.length];
  return concat(Uint8Array.from(head), ...warrants.map(({ bytes }) => bytes));
}

/**
 * @param {Warrant} warrant @param {string} tool @param {Arguments} args
 * @returns {Promise<Bytes>} Tenuo's hash of a call
 */
export function hashOf(warrant, tool, args) {
  return requestHash(warrant.id, tool, args.bytes, warrant.holder);
}

/** @param {Entry} entry @param {number} step @returns {Arguments | null} null if they were erased */
export function readArguments(entry, step) {
  require(entry.salted.has("arguments"), step, "The arguments are not attached.");
  const bytes = contentOf(entry, "arguments");
  if (bytes === null) return null;
  let values;
  try {
    values = decode(bytes);
  } catch (error) {
    if (error instanceof Refusal) throw new Refused(step, `The arguments cannot be read. ${error.message}`);
    throw error;
  }
  require(values instanceof Map, step, "The arguments are not a map.");
  return { bytes, values: /** @type {Map<string, Value>} */ (values) };
}

/** @param {Bytes} receipt @returns {Promise<Payload>} */
async function readReceipt(receipt) {
  try {
    const wire = asTextMap("receipt", decodeLoosely(receipt));
    const payload = wire.get("payload");
    if (wire.size !== 4 || wire.get("receipt_version") !== 1n || !(payload instanceof Uint8Array)) {
      throw new Refusal("receipt", "It is not of a form that is known here.");
    }
    const key = asEd25519("receipt", wire.get("signer_key"), 32);
    const signature = asEd25519("receipt", wire.get("signature"), 64);
    if (!(await verify(key, signature, concat(CONTEXT, payload)))) throw new Refusal("receipt", "Its bytes are not what was signed.");
    return readPayload(payload, toHex(key));
  } catch (error) {
    if (error instanceof Refusal) throw new Refused(Step.RECEIPT, "The receipt cannot be read, or its signature does not belong to it.");
    throw error;
  }
}

/** @param {Bytes} payload @param {string} signer @returns {Payload} */
function readPayload(payload, signer) {
  const fields = asMap("receipt", decodeLoosely(payload));
  const stack = fields.get(FIELD.stack);
  const optional = (/** @type {number} */ field, /** @type {number} */ length) =>
    fields.has(field) ? asBytes("receipt", fields.get(field), length) : null;
  const outcome = asText("receipt", fields.get(FIELD.outcome));
  const proof = optional(FIELD.proof, 64);
  const code = fields.has(FIELD.code) ? asText("receipt", fields.get(FIELD.code)) : null;
  const isWhole = outcome === "allow" ? proof !== null : outcome === "deny" && code !== null;
  if (fields.get(FIELD.version) !== 1n || !(stack instanceof Uint8Array)) throw new Refusal("receipt", "It is of no form that is known here.");
  require(isWhole, Step.RECEIPT, "The receipt lacks what a receipt of its outcome must say.");
  return {
    signer, stack, outcome, proof, code,
    action: asText("receipt", fields.get(FIELD.action)),
    timestamp: asCount("receipt", fields.get(FIELD.timestamp)),
    requestHash: optional(FIELD.requestHash, 32),
    requestId: asText("receipt", fields.get(FIELD.requestId)),
  };
}
