/** Steps 3, 4, 5 and 13: the ledger as a chain of signed entries. */

import { equal, toHex } from "../bytes.js";
import { KINDS } from "./kinds.js";
import { Step, require } from "./steps.js";

/** @typedef {import("../bytes.js").Bytes} Bytes */
/** @typedef {import("./reading.js").Entry} Entry */
/** @typedef {import("./reading.js").EndLine} EndLine */
/** @typedef {{ name: string, size: number, head: Bytes, atMs: number }} Place where the chain stands before the next entry */

const SALT_BYTES = 16;

/** @param {string} name of the chain @returns {Place} before its first entry */
export function beginningOf(name) {
  return { name, size: 0, head: new Uint8Array(32), atMs: 0 };
}

/** @param {Place} place @param {Entry} entry @returns {Place} after it */
export function after(place, entry) {
  return { ...place, size: entry.sequence, head: entry.hash, atMs: entry.atMs };
}

/** Step 3. @param {Entry} entry @param {Set<string>} ledgerKeys */
export function checkSignature({ envelope, isSigned }, ledgerKeys) {
  checkSigned(envelope, isSigned, ledgerKeys, Step.SIGNATURE);
}

/** @param {import("../statements.js").Envelope} envelope @param {boolean} isSigned @param {Set<string>} keys @param {number} step */
function checkSigned(envelope, isSigned, keys, step) {
  require(keys.has(toHex(envelope.signerKey)), step, "The signing key is not a ledger key that a trusted root endorsed.");
  require(isSigned, step, "The signature does not belong to this statement and key.");
}

/** Step 4. @param {Entry} entry @param {Place} place */
export function checkPlace(entry, place) {
  require(KINDS.has(entry.kind), Step.PLACE, `The kind '${entry.kind}' is not known here.`);
  require(entry.chain === place.name, Step.PLACE, `The entry belongs to the chain '${entry.chain}', not to '${place.name}'.`);
  const expected = place.size + 1;
  require(entry.sequence === expected, Step.PLACE,
    `The entry is number ${entry.sequence} where number ${expected} belongs: an entry is missing, doubled or moved.`);
  const previous = entry.facts.data("previous", 32);
  require(equal(previous, place.head), Step.PLACE, "The entry does not name the hash of the entry before it.");
}

/** Step 5. @param {Entry} entry */
export function checkAttachments(entry) {
  const digests = entry.facts.mapping("attachments");
  const isWhole = digests.size === entry.salted.size && [...digests.keys()].every((name) => entry.salted.has(String(name)));
  require(isWhole, Step.ATTACHMENTS, "The attachments beside the entry are not those that it names.");
  for (const [name, attachment] of entry.salted) {
    if (attachment === null) continue;
    const { salt, digest } = attachment;
    const named = digests.get(name);
    const same = salt.length === SALT_BYTES && named instanceof Uint8Array && equal(digest, named);
    require(same, Step.ATTACHMENTS, `The attachment '${name}' is not what was attached: its digest differs.`);
  }
}

/** Step 13. @param {EndLine} end @param {Place} place @param {Set<string>} ledgerKeys */
export function checkEnd(end, place, ledgerKeys) {
  checkSigned(end.envelope, end.isSigned, ledgerKeys, Step.END);
  const facts = end.facts.forStep(Step.END);
  const chain = facts.text("chain");
  require(chain === place.name, Step.END, `The end is of the chain '${chain}', not of '${place.name}'.`);
  const size = facts.integer("size");
  require(size === place.size, Step.END, `The end counts ${size} entries, but the last one here is number ${place.size}.`);
  require(equal(facts.data("head", 32), place.head), Step.END, "The end names another last entry.");
  require(facts.integer("at") === place.atMs, Step.END, "The end is of another time than the last entry.");
}
