/** Step 2, and what is trusted: root keys given from outside, and the service keys that they endorsed. */

import { fromHex, toHex } from "../bytes.js";
import { Refusal } from "../refusal.js";
import { parseEnvelope, verifyEnvelope } from "../statements.js";
import { Fields } from "./fields.js";
import { Step, UnusableInput, require } from "./steps.js";

/** @typedef {import("../bytes.js").Bytes} Bytes */
/** @typedef {{ ledger: Set<string>, receipts: Set<string> }} Endorsed service keys, in hexadecimal */

const ENDORSEMENT = "countersign-endorsement-v1";

/** @param {string[]} roots @param {string} name @returns {Bytes[]} public keys, 64 hexadecimal digits each */
export function keysOf(roots, name) {
  return roots.map((root) => {
    if (!/^[0-9a-f]{64}$/i.test(root)) {
      throw new UnusableInput(`A ${name} is an Ed25519 public key of 64 hexadecimal digits.`);
    }
    return fromHex(root.toLowerCase());
  });
}

/** Step 2. @param {Bytes[]} endorsements @param {Set<string>} roots @returns {Promise<Endorsed>} */
export async function endorsedKeys(endorsements, roots) {
  /** @type {Map<string, Set<string>>} */
  const found = new Map([["ledger", new Set()], ["receipts", new Set()]]);
  for (const data of endorsements) {
    const envelope = readable(data);
    if (!envelope || !roots.has(toHex(envelope.signerKey)) || !(await verifyEnvelope(ENDORSEMENT, envelope))) continue;
    const facts = new Fields(envelope.facts, Step.LEDGER_KEY);
    found.get(facts.text("role"))?.add(toHex(facts.data("key", 32)));
  }
  const [ledger, receipts] = [found.get("ledger") ?? new Set(), found.get("receipts") ?? new Set()];
  require(ledger.size > 0, Step.LEDGER_KEY,
    "No root key that you trust endorsed the key that signs this ledger. Check the root you gave.");
  return { ledger, receipts };
}

/**
 * @param {Bytes} data
 * @returns {import("../statements.js").Envelope | null} an endorsement that says nothing counts for nothing
 */
function readable(data) {
  try {
    return parseEnvelope(data);
  } catch (error) {
    if (error instanceof Refusal) return null;
    throw error;
  }
}
