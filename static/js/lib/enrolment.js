/** Enrolment: a new key signs the server's challenge, which proves that this browser holds it. */

import { fromBase64 } from "./bytes.js";
import { Refusal } from "./refusal.js";
import { asText } from "./shape.js";
import { Context, signStatement } from "./statements.js";

/** @typedef {import("./bytes.js").Bytes} Bytes */
/** @typedef {{ challenge: Bytes, issuer: string, subject: string, origin: string }} Challenge */

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

/** @param {Challenge} challenge @param {import("./ed25519.js").Signer} signer @returns {Promise<Bytes>} the envelope */
export async function signEnrolment({ challenge, issuer, subject, origin }, signer) {
  return signStatement(Context.ENROLMENT, { challenge, issuer, subject, origin, public_key: signer.publicKey }, signer);
}
