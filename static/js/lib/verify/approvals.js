/**
 * Reading what people signed: Tenuo's approval with Countersign's binding, a denial, a retraction.
 *
 *     SignedApproval = CBOR map {"approval_version": 1, "payload", "approver_key": [1, 32 bytes], "signature": [1, 64]}
 *     signed message = "tenuo-warrant-v1" "tenuo-approval-v1" 01 payload
 */

import { equal, toHex } from "../bytes.js";
import { decodeLoosely } from "../cbor.js";
import { approvalMessage } from "../approval.js";
import { verify } from "../ed25519.js";
import { Refusal } from "../refusal.js";
import { asByteList, asEd25519, asTextMap, isBlank } from "../shape.js";
import { parseEnvelope, verifyEnvelope } from "../statements.js";
import { Fields } from "./fields.js";
import { Refused, require } from "./steps.js";

/** @typedef {import("../bytes.js").Bytes} Bytes */
/** @typedef {import("../cbor.js").ValueMap} ValueMap */
/** @typedef {{ requestId: string, namespace: string, workflowId: string, runId: string }} Address */
/**
 * What a person signed. Times are UTC seconds; `expiresAt` only of an approval.
 * @typedef {object} Signed
 * @property {string} id the bytes of an approval, in hexadecimal
 * @property {string} key in hexadecimal
 * @property {string} person
 * @property {Bytes} requestHash
 * @property {string} nonce in hexadecimal; a retraction's is that of the approval which it takes back
 * @property {Address} address
 * @property {number} signedAt
 * @property {number} expiresAt
 * @property {Bytes} displayDigest
 * @property {string} policyVersion
 */

const EXTENSION = "countersign.v1";
const DENIAL = "countersign-denial-v1";
const RETRACTION = "countersign-retraction-v1";

/** @param {Fields} fields @returns {Address} */
export function addressOf(fields) {
  return {
    requestId: fields.text("request_id"),
    namespace: fields.text("namespace"),
    workflowId: fields.text("workflow_id"),
    runId: fields.text("run_id"),
  };
}

/** @param {Address} a @param {Address} b @returns {boolean} */
export function isSameAddress(a, b) {
  return a.requestId === b.requestId && a.namespace === b.namespace && a.workflowId === b.workflowId && a.runId === b.runId;
}

// Several steps read the same approval; its signature is verified once.
/** @type {WeakMap<Bytes, Signed>} */
const known = new WeakMap();

/**
 * @param {Bytes} data @param {number} step @returns {Promise<Signed>} the approval in `data`, its signature verified
 */
export async function readApproval(data, step) {
  const read = known.get(data) ?? await readSigned(data, step);
  known.set(data, read);
  return read;
}

/** @param {Bytes} data @param {number} step @returns {Promise<Signed>} */
async function readSigned(data, step) {
  const envelope = new Fields(readMap(data, step), step);
  const payload = envelope.data("payload");
  const { key, signature } = shaped(step, () => ({
    key: asEd25519("approver_key", envelope.values.get("approver_key"), 32),
    signature: asEd25519("signature", envelope.values.get("signature"), 64),
  }));
  require(await verify(key, signature, approvalMessage(payload)), step, "The approval's signature does not belong to it.");
  const facts = new Fields(readMap(payload, step), step);
  const extensions = facts.mapping("extensions");
  require([...extensions.keys()].join() === EXTENSION, step, "The approval is not bound to a request.");
  const bound = new Fields(readMap(shaped(step, () => asByteList("extensions", extensions.get(EXTENSION))), step), step);
  require(bound.text("decision") === "approve", step, "What was signed does not say that it approves.");
  return {
    id: toHex(data),
    key: toHex(key),
    person: facts.text("external_id"),
    requestHash: shaped(step, () => asByteList("request_hash", facts.values.get("request_hash"))),
    nonce: toHex(shaped(step, () => asByteList("nonce", facts.values.get("nonce")))),
    address: addressOf(bound),
    signedAt: facts.integer("approved_at"),
    expiresAt: facts.integer("expires_at"),
    displayDigest: bound.data("display_digest", 32),
    policyVersion: bound.text("policy_version"),
  };
}

/** @param {Bytes} data @param {number} step @returns {Promise<Signed>} the denial in `data`, its signature verified */
export async function readDenial(data, step) {
  const { facts, key } = await readStatement("denial", data, DENIAL, step);
  require(!isBlank(facts.text("reason")), step, "The denial has no reason.");
  return signedOf(key, facts, facts.integer("denied_at"));
}

/**
 * @param {Bytes} data @param {number} step
 * @returns {Promise<Signed>} the retraction in `data`, its signature verified
 */
export async function readRetraction(data, step) {
  const { facts, key } = await readStatement("retraction", data, RETRACTION, step);
  return signedOf(key, facts, facts.integer("retracted_at"));
}

/** @param {string} name @param {Bytes} data @param {string} context @param {number} step */
async function readStatement(name, data, context, step) {
  let envelope;
  try {
    envelope = parseEnvelope(data);
  } catch (error) {
    if (error instanceof Refusal) throw new Refused(step, `The ${name} does not verify. ${error.message}`);
    throw error;
  }
  require(await verifyEnvelope(context, envelope), step,
    `The ${name} does not verify. The signature does not belong to this statement and key.`);
  return { facts: new Fields(envelope.facts, step), key: toHex(envelope.signerKey) };
}

/** @param {string} key @param {Fields} facts @param {number} signedAt @returns {Signed} */
function signedOf(key, facts, signedAt) {
  return {
    id: "", key, signedAt, expiresAt: 0,
    person: facts.text("external_id"),
    requestHash: facts.data("request_hash", 32),
    nonce: toHex(facts.data("nonce", 16)),
    address: addressOf(facts),
    displayDigest: facts.data("display_digest", 32),
    policyVersion: facts.text("policy_version"),
  };
}

/** @param {Bytes} data @param {number} step @returns {ValueMap} what was signed, its form not checked */
export function readMap(data, step) {
  return shaped(step, () => asTextMap("What was signed", decodeLoosely(data)));
}

/** @template T @param {number} step @param {() => T} read @returns {T} */
function shaped(step, read) {
  try {
    return read();
  } catch (error) {
    if (error instanceof Refusal) throw new Refused(step, `What was signed cannot be read. ${error.message}`);
    throw error;
  }
}

/**
 * What Tenuo asks of an approval of a call, and no more. @param {Signed} signed @param {Bytes} hash of the call
 * @param {number} at UTC seconds @returns {boolean}
 */
export function isFor(signed, hash, at) {
  return equal(signed.requestHash, hash) && signed.expiresAt > signed.signedAt && at <= signed.expiresAt + 30;
}
