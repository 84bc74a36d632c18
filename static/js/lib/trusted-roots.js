/**
 * Which issuers' keys workers believe, as one of those keys says itself: the twin of audit/statements/trusted_roots.py.
 */

import { equal, toHex } from "./bytes.js";
import { Refusal } from "./refusal.js";
import { asBytes, asCount } from "./shape.js";
import { Context, parseEnvelope, verifyEnvelope } from "./statements.js";

/** @typedef {import("./bytes.js").Bytes} Bytes */
/** @typedef {{ at: number, number: number, roots: Bytes[], signerKey: Bytes }} TrustedRoots `at` is UTC milliseconds since 1970 */

const FIELDS = ["at", "number", "roots", "version"];
const MAXIMUM_ROOTS = 16;

/** @param {Bytes} bytes @returns {Promise<TrustedRoots>} its signature is verified; whether its signer is believed is not */
export async function parseTrustedRoots(bytes) {
  const envelope = parseEnvelope(bytes);
  const { facts } = envelope;
  if ([...facts.keys()].join() !== FIELDS.join()) {
    throw new Refusal("statement", "The set of trusted roots does not have the fields it must have.");
  }
  const found = {
    at: asCount("at", facts.get("at")),
    number: asCount("number", facts.get("number")),
    roots: asRoots(facts.get("roots")),
    signerKey: envelope.signerKey,
  };
  if (found.number < 1) throw new Refusal("number", "Sets of trusted roots are numbered from 1.");
  if (!found.roots.some((root) => equal(root, found.signerKey))) {
    throw new Refusal("roots", "Whoever signed the set of trusted roots is not in it.");
  }
  if (!(await verifyEnvelope(Context.TRUSTED_ROOTS, envelope))) {
    throw new Refusal("signature", "The signature does not belong to this statement and key.");
  }
  return found;
}

/** @param {unknown} value @returns {Bytes[]} */
function asRoots(value) {
  if (!Array.isArray(value) || value.length === 0 || value.length > MAXIMUM_ROOTS) {
    throw new Refusal("roots", `A set of trusted roots has 1 to ${MAXIMUM_ROOTS} keys.`);
  }
  const roots = value.map((root) => asBytes("roots", root, 32));
  const names = roots.map(toHex);
  if (names.join() !== [...new Set(names)].sort().join()) {
    throw new Refusal("roots", "The trusted roots are not each there once, in the order of their bytes.");
  }
  return roots;
}
