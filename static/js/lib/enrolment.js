/** Enrolment: a new key signs the server's challenge, which proves that this browser holds it. */

import { equal, fromBase64 } from "./bytes.js";
import { Refusal } from "./refusal.js";
import { asBytes, asText } from "./shape.js";
import { Context, parseEnvelope, signStatement } from "./statements.js";

/** @typedef {import("./bytes.js").Bytes} Bytes */
/** @typedef {{ challenge: Bytes, issuer: string, subject: string, origin: string }} Challenge */
/** @typedef {"ordinary" | "strong"} Strength  how well the key is kept; values are signed and never reused */
/** @typedef {Challenge & { publicKey: Bytes, strength: Strength, envelope: import("./statements.js").Envelope }} Enrolment */

const FIELDS = ["challenge", "issuer", "origin", "public_key", "strength", "subject", "version"];

/**
 * Read the server's answer to a challenge request.
 * @param {any} answer JSON @param {string} origin the origin this page really has @returns {Challenge}
 */
export function readChallenge(answer, origin) {
  const challenge = fromBase64(answer?.challenge, "challenge");
  if (challenge.length !== 32) throw new Refusal("challenge", "The challenge is not 32 bytes.");
  // Signing for another origin would let that origin's server enrol this key.
  if (answer.origin !== origin) {
    throw new Refusal("origin", `The server says this page is ${String(answer.origin)}, but it is ${origin}.`);
  }
  return { challenge, issuer: asText("issuer", answer.issuer), subject: asText("subject", answer.subject), origin };
}

/**
 * @param {Challenge} challenge @param {Strength} strength of the signer's key
 * @param {import("./ed25519.js").Signer} signer @returns {Promise<Bytes>} the envelope
 */
export async function signEnrolment({ challenge, issuer, subject, origin }, strength, signer) {
  const facts = { challenge, issuer, subject, origin, public_key: signer.publicKey, strength };
  return signStatement(Context.ENROLMENT, facts, signer);
}

/** @param {Bytes} bytes an envelope @returns {Enrolment} its form is checked, its signature is not */
export function parseEnrolment(bytes) {
  const envelope = parseEnvelope(bytes);
  const { facts } = envelope;
  if ([...facts.keys()].join() !== FIELDS.join()) {
    throw new Refusal("statement", "The enrolment does not have the fields it must have.");
  }
  const publicKey = asBytes("public_key", facts.get("public_key"), 32);
  if (!equal(publicKey, envelope.signerKey)) {
    throw new Refusal("signer_key", "The statement was signed by another key than the one it enrols.");
  }
  return {
    challenge: asBytes("challenge", facts.get("challenge"), 32),
    issuer: asText("issuer", facts.get("issuer"), 300),
    subject: asText("subject", facts.get("subject"), 300),
    origin: asText("origin", facts.get("origin"), 300),
    strength: asStrength(facts.get("strength")),
    publicKey,
    envelope,
  };
}

/** @param {unknown} value @returns {Strength} */
export function asStrength(value) {
  if (value === "ordinary" || value === "strong") return value;
  throw new Refusal("strength", "The key's strength is neither ordinary nor strong.");
}
