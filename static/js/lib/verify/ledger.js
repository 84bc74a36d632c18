/** Steps 3, 4, 5 and 13: the ledger as a chain of signed entries. */

import { concat, equal, sha256, toHex } from "../bytes.js";
import { verifyEnvelope } from "../statements.js";
import { KINDS } from "./kinds.js";
import { CHECKPOINT, ENTRY } from "./reading.js";
import { Step, require } from "./steps.js";

/** @typedef {import("../bytes.js").Bytes} Bytes */
/** @typedef {import("./reading.js").Entry} Entry */
/** @typedef {import("./reading.js").Checkpoint} Checkpoint */
/** @typedef {{ name: string, size: number, head: Bytes }} Place where the chain stands before the next entry */

const SALT_BYTES = 16;

/** Step 3. @param {Entry} entry @param {Set<string>} ledgerKeys */
export function checkSignature(entry, ledgerKeys) {
  return checkSigned(entry.envelope, ENTRY, ledgerKeys, Step.SIGNATURE);
}

/**
 * @param {import("../statements.js").Envelope} envelope @param {string} context @param {Set<string>} keys
 * @param {number} step
 */
async function checkSigned(envelope, context, keys, step) {
  require(keys.has(toHex(envelope.signerKey)), step, "The signing key is not a ledger key that a trusted root endorsed.");
  require(await verifyEnvelope(context, envelope), step, "The signature does not belong to this statement and key.");
}

/** Step 4. @param {Entry} entry @param {Place} place */
export function checkPlace(entry, place) {
  require(KINDS.has(entry.kind), Step.PLACE, `The kind '${entry.kind}' is not known here.`);
  const chain = entry.facts.text("chain");
  require(chain === place.name, Step.PLACE, `The entry belongs to the chain '${chain}', not to '${place.name}'.`);
  const expected = place.size + 1;
  require(entry.sequence === expected, Step.PLACE,
    `The entry is number ${entry.sequence} where number ${expected} belongs: an entry is missing, doubled or moved.`);
  const previous = entry.facts.data("previous", 32);
  require(equal(previous, place.head), Step.PLACE, "The entry does not name the hash of the entry before it.");
}

/** Step 5. @param {Entry} entry */
export async function checkAttachments(entry) {
  const digests = entry.facts.mapping("attachments");
  const named = digests.size === entry.salted.size && [...digests.keys()].every((name) => entry.salted.has(String(name)));
  require(named, Step.ATTACHMENTS, "The attachments beside the entry are not those that it names.");
  for (const [name, attachment] of entry.salted) {
    if (attachment === null) continue;
    const { salt, content } = attachment;
    const digest = digests.get(name);
    const same = salt.length === SALT_BYTES && digest instanceof Uint8Array && equal(await sha256(concat(salt, content)), digest);
    require(same, Step.ATTACHMENTS, `The attachment '${name}' is not what was attached: its digest differs.`);
  }
}

/** Step 13. @param {Checkpoint} checkpoint @param {Place} place @param {Set<string>} ledgerKeys */
export async function checkEnd(checkpoint, place, ledgerKeys) {
  await checkSigned(checkpoint.envelope, CHECKPOINT, ledgerKeys, Step.END);
  const facts = checkpoint.facts.forStep(Step.END);
  const chain = facts.text("chain");
  require(chain === place.name, Step.END, `The checkpoint is of the chain '${chain}', not of '${place.name}'.`);
  const size = facts.integer("size");
  require(size === place.size, Step.END, `The checkpoint counts ${size} entries, but the last one here is number ${place.size}.`);
  require(equal(facts.data("head", 32), place.head), Step.END, "The checkpoint names another last entry.");
}
