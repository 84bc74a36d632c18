/**
 * Signed statements, the twin of audit/statements/statements.py.
 *
 *     message   = context || 00 || statement
 *     statement = canonical CBOR map, "version": 1
 *     envelope  = canonical CBOR map {"signature", "signer_key", "statement"}
 *
 * Each kind has a context of its own, and none begins with "tenuo-warrant-v1": nothing signed
 * here is an approval to Tenuo.
 */

import { concat, fromText } from "./bytes.js";
import { decode, encode, map } from "./cbor.js";
import { sign, verify } from "./ed25519.js";
import { Refusal } from "./refusal.js";
import { asBytes, asTextMap } from "./shape.js";

/** @typedef {import("./bytes.js").Bytes} Bytes */
/** @typedef {import("./cbor.js").Value} Value */
/** @typedef {{ statement: Bytes, signerKey: Bytes, signature: Bytes, facts: Map<string, Value> }} Envelope */

/** The statements a person's browser signs. @enum {string} */
export const Context = {
  DENIAL: "countersign-denial-v1",
  ENROLMENT: "countersign-enrolment-v1",
  POLICY_PUBLICATION: "countersign-policy-publication-v1",
  RETRACTION: "countersign-retraction-v1",
  TRUSTED_ROOTS: "countersign-trusted-roots-v1",
};

/** @param {string} context @param {Bytes} statement @returns {Bytes} the bytes that are signed */
export function statementMessage(context, statement) {
  return concat(fromText(context), Uint8Array.of(0), statement);
}

/** @param {import("./cbor.js").Facts} facts without "version" @returns {Bytes} */
export function encodeStatement(facts) {
  return encode(map({ ...facts, version: 1n }));
}

/**
 * @param {string} context @param {import("./cbor.js").Facts} facts without "version", which is added
 * @param {import("./ed25519.js").Signer} signer @returns {Promise<Bytes>} the envelope
 */
export async function signStatement(context, facts, signer) {
  const statement = encodeStatement(facts);
  const signature = await sign(signer, statementMessage(context, statement));
  return encode(map({ statement, signer_key: signer.publicKey, signature }));
}

/** @param {Bytes} bytes @returns {Envelope} its form is checked, its signature is not */
export function parseEnvelope(bytes) {
  const parts = asTextMap("envelope", decode(bytes));
  if ([...parts.keys()].join() !== "signature,signer_key,statement") {
    throw new Refusal("envelope", "The signed statement does not have the three parts it must have.");
  }
  const statement = parts.get("statement");
  if (!(statement instanceof Uint8Array)) throw new Refusal("statement", "The statement is not bytes.");
  const facts = asTextMap("statement", decode(statement));
  if (facts.get("version") !== 1n) throw new Refusal("version", "The statement's version is not known here.");
  return {
    statement,
    signerKey: asBytes("signer_key", parts.get("signer_key"), 32),
    signature: asBytes("signature", parts.get("signature"), 64),
    facts,
  };
}

/** @param {string} context @param {Envelope} envelope @returns {Promise<boolean>} */
export function verifyEnvelope(context, { statement, signerKey, signature }) {
  return verify(signerKey, signature, statementMessage(context, statement));
}
