/**
 * Merkle trees as transparency logs have them (RFC 6962 section 2.1, RFC 9162 section 2.1). All hashes are 32 bytes.
 *
 *     leaf hash = SHA-256(00 || data)
 *     node hash = SHA-256(01 || left || right)
 *     root      = of n leaves: SHA-256() for none, the leaf hash for one, else node hash(root of the first k, root of
 *                 the rest), where k is the largest power of two below n
 */

import { concat, equal, sha256 } from "../bytes.js";
import { Refusal } from "../refusal.js";

/** @typedef {import("../bytes.js").Bytes} Bytes */
/** @typedef {{ size: bigint, root: Bytes }} Tree */

export const HASH_BYTES = 32;
const LEAF = Uint8Array.of(0);
const NODE = Uint8Array.of(1);
// So many hashes are asked for at once: enough to keep WebCrypto busy, and few enough to hold.
const BATCH = 1024;

/** @param {Bytes} data @returns {Promise<Bytes>} */
export function leafHash(data) {
  return sha256(concat(LEAF, data));
}

/** @param {Bytes} left @param {Bytes} right @returns {Promise<Bytes>} */
export function nodeHash(left, right) {
  return sha256(concat(NODE, left, right));
}

/**
 * @param {Bytes[]} leaves their hashes, in order @param {() => Promise<void>} [pause] awaited now and then
 * @returns {Promise<Bytes>} the root over them
 */
export async function rootOf(leaves, pause = async () => {}) {
  if (leaves.length === 0) return sha256(new Uint8Array());
  // Level by level, where a last one without a sister goes up as it is: the split at powers of two, seen from below.
  let level = leaves;
  while (level.length > 1) {
    /** @type {Bytes[]} */
    const above = [];
    for (let start = 0; start < level.length; start += 2 * BATCH) {
      above.push(...(await joined(level.slice(start, start + 2 * BATCH))));
      await pause();
    }
    level = above;
  }
  return /** @type {Bytes} */ (level[0]);
}

/** @param {Bytes[]} level @returns {Promise<Bytes[]>} the level above */
function joined(level) {
  return Promise.all(Array.from({ length: Math.ceil(level.length / 2) }, (_, index) => {
    const [left, right] = /** @type {[Bytes, Bytes?]} */ (level.slice(2 * index, 2 * index + 2));
    return right ? nodeHash(left, right) : left;
  }));
}

/**
 * Refuse unless `leaf`, a leaf hash, is at `index` of the tree.
 * @param {Bytes} leaf @param {bigint} index @param {Tree} tree @param {Bytes[]} proof
 */
export async function verifyInclusion(leaf, index, { size, root }, proof) {
  if (index < 0n || index >= size) throw new Refusal("proof", `There is no leaf ${index} among ${size}.`);
  let [at, last, found] = [index, size - 1n, leaf];
  for (const hash of hashesOf(proof)) {
    if (last === 0n) throw new Refusal("proof", "The proof of inclusion is longer than the tree is high.");
    if (isRight(at, last)) {
      found = await nodeHash(hash, found);
      [at, last] = upToRight(at, last);
    } else found = await nodeHash(found, hash);
    [at, last] = [at >> 1n, last >> 1n];
  }
  if (last !== 0n) throw new Refusal("proof", "The proof of inclusion is shorter than the tree is high.");
  if (!equal(found, root)) throw new Refusal("proof", `The proof does not show that the entry is leaf ${index} of this tree.`);
}

/**
 * Refuse unless the tree `second` begins with the whole tree `first`, which has a leaf.
 * @param {Tree} first @param {Tree} second @param {Bytes[]} proof
 */
export async function verifyConsistency(first, second, proof) {
  if (first.size < 1n || first.size > second.size) {
    throw new Refusal("proof", `A tree of ${second.size} leaves does not go on from one of ${first.size}.`);
  }
  if (first.size === second.size) {
    const same = proof.length === 0 && equal(first.root, second.root);
    if (!same) throw new Refusal("proof", "The two trees are equally large, and not the same.");
    return;
  }
  const isPerfect = (first.size & (first.size - 1n)) === 0n;
  const [start, ...path] = [...(isPerfect ? [first.root] : []), ...hashesOf(proof)];
  if (!start) throw new Refusal("proof", "The proof of consistency is empty.");
  let [at, last] = [first.size - 1n, second.size - 1n];
  while (at & 1n) [at, last] = [at >> 1n, last >> 1n];
  let [earlier, later] = [start, start];
  for (const hash of path) {
    if (last === 0n) throw new Refusal("proof", "The proof of consistency is longer than the tree is high.");
    if (isRight(at, last)) {
      [earlier, later] = await Promise.all([nodeHash(hash, earlier), nodeHash(hash, later)]);
      [at, last] = upToRight(at, last);
    } else later = await nodeHash(later, hash);
    [at, last] = [at >> 1n, last >> 1n];
  }
  if (last !== 0n) throw new Refusal("proof", "The proof of consistency is shorter than the tree is high.");
  if (!equal(earlier, first.root) || !equal(later, second.root)) {
    throw new Refusal("proof", `The proof does not show that the tree of ${second.size} goes on from the tree of ${first.size}.`);
  }
}

/** @param {bigint} at @param {bigint} last @returns {boolean} whether the sister is on the left */
function isRight(at, last) {
  return (at & 1n) === 1n || at === last;
}

/** Go up until the subtree is a right one, or the first. @param {bigint} at @param {bigint} last @returns {[bigint, bigint]} */
function upToRight(at, last) {
  while (at && !(at & 1n)) [at, last] = [at >> 1n, last >> 1n];
  return [at, last];
}

/** @param {Bytes[]} proof @returns {Bytes[]} */
function hashesOf(proof) {
  if (proof.some((hash) => hash.length !== HASH_BYTES)) {
    throw new Refusal("proof", `A hash of the proof is not ${HASH_BYTES} bytes long.`);
  }
  return proof;
}
