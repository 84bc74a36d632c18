/** Steps 17 and 18: the logs that vouch for entries, and the earlier checkpoints that they must go on from. */

import { equal, toHex } from "../bytes.js";
import { Refusal } from "../refusal.js";
import { leafHash, verifyConsistency, verifyInclusion } from "./merkle.js";
import { checkpointIn, openCheckpoint, parseNote } from "./notes.js";
import { Refused, Step, UnusableInput, require } from "./steps.js";

/** @typedef {import("../bytes.js").Bytes} Bytes */
/** @typedef {import("./notes.js").Checkpoint} Checkpoint */
/** @typedef {import("./reading.js").Log} Log */
/** @typedef {import("./reading.js").Earlier} Earlier */
/** @typedef {{ text: string, checkpoint: Checkpoint }} Kept a checkpoint that somebody kept, known from outside */
/** @typedef {{ position: bigint, checkpoint: Checkpoint }} Located where an entry is, by a checkpoint that verified */
/** @typedef {Set<string>} Keys of ledgers, in hexadecimal */

/** @param {string[]} texts @returns {Kept[]} of which only the form was checked */
export function keptOf(texts) {
  return texts.map((text) => {
    try {
      return { text, checkpoint: checkpointIn(parseNote(text).text) };
    } catch (error) {
      if (!(error instanceof Refusal)) throw error;
      throw new UnusableInput(`What was given as a checkpoint is none. ${error.message}`);
    }
  });
}

/** Step 17. @param {Log} log @param {Bytes} hash of the entry @param {Keys} keys @returns {Promise<Located>} */
export function checkLog({ note, origin, position, proof }, hash, keys) {
  return refusedAs(Step.LOG, "", async () => {
    const checkpoint = await openCheckpoint(note, keys);
    require(checkpoint.origin === origin, Step.LOG, `The checkpoint is of the log '${checkpoint.origin}', not of '${origin}'.`);
    await verifyInclusion(await leafHash(hash), position, checkpoint, proof);
    return { position, checkpoint };
  });
}

/** What a bundle's own checkpoints say of its logs. */
export class Logs {
  /** Every root that was seen, by origin and then by size. @type {Map<string, Map<bigint, Bytes>>} */
  #roots = new Map();

  /** @returns {{ origin: string, size: bigint, root: string }[]} the newest checkpoint of each log */
  get newest() {
    return [...this.#roots].map(([origin, roots]) => {
      const size = [...roots.keys()].reduce((a, b) => (a > b ? a : b));
      return { origin, size, root: toHex(/** @type {Bytes} */ (roots.get(size))) };
    });
  }

  /** Step 17, as far as others are about the same log. @param {Located} located @returns {string} where the entry is, in words */
  remember({ position, checkpoint: { origin, size, root } }) {
    const roots = this.#roots.get(origin) ?? new Map();
    this.#roots.set(origin, roots);
    const known = roots.get(size) ?? root;
    require(equal(known, root), Step.LOG, `Two checkpoints of the log '${origin}' over ${size} entries are not the same.`);
    roots.set(size, root);
    return `leaf ${position} of ${size} in the log ${origin}`;
  }

  /**
   * Step 18. @param {Earlier[]} proofs @param {Kept[]} kept known from outside @param {Keys} keys
   * @returns {Promise<{ text: string, notes: string[] }>}
   */
  async checkEarlier(proofs, kept, keys) {
    /** @type {string[]} */
    const notes = [];
    const shown = new Set();
    for (const one of proofs) {
      const { before, now } = await this.#checkProof(one, keys);
      shown.add(`${now.size} ${one.kept}`);
      if (kept.some(({ text }) => text === one.kept)) continue;
      notes.push(`The file goes on from a checkpoint of ${before.size} entries of ${before.origin}, which was not given here. `
        + "Only one that you keep yourself shows that nothing was written anew.");
    }
    let held = 0;
    for (const one of kept) {
      const { origin, size } = one.checkpoint;
      if (await this.#isShown(one, shown, keys)) held += 1;
      else notes.push(`The checkpoint that you gave, of ${size} entries of ${origin}, is of a log that nothing here is in.`);
      const oldest = leastOf([...(this.#roots.get(origin)?.keys() ?? [size])]);
      if (oldest >= size) continue;
      // A log shows that an entry is in it, and not that a chain has no further ones.
      notes.push(`Chains here are proven as they were at ${oldest} entries of ${origin}; your checkpoint is of ${size}: `
        + "whether they went on in between is not shown.");
    }
    require(held > 0 || kept.length === 0, Step.EARLIER, "Nothing here is in a log of which you gave a checkpoint: the file is from "
      + "elsewhere, or its log goes by another name than the one that you know.");
    if (kept.length === 0) notes.push("Whether the ledger was written anew was not checked: give a checkpoint that you keep to check it.");
    return { text: held > 0 ? `goes on from ${held} ${held === 1 ? "checkpoint" : "checkpoints"} that you keep` : "", notes };
  }

  /** @param {Earlier} earlier @param {Keys} keys @returns {Promise<{ before: Checkpoint, now: Checkpoint }>} */
  #checkProof({ kept, note, proof }, keys) {
    return refusedAs(Step.EARLIER, "", async () => {
      const [before, now] = [await openCheckpoint(kept, keys), await openCheckpoint(note, keys)];
      require(before.origin === now.origin, Step.EARLIER, `A proof leads from the log '${before.origin}' to the log '${now.origin}'.`);
      const known = this.#roots.get(now.origin)?.get(now.size);
      require(known !== undefined && equal(known, now.root), Step.EARLIER, "A proof leads to a checkpoint that nothing here is proven with.");
      const [first, second] = before.size <= now.size ? [before, now] : [now, before];
      await refusedAs(Step.EARLIER, `The log '${before.origin}' does not go on from the checkpoint of ${before.size} entries. `,
        () => verifyConsistency(first, second, proof));
      return { before, now };
    });
  }

  /**
   * @param {Kept} kept @param {Set<string>} shown the sizes that proofs lead to, each with what they lead from @param {Keys} keys
   * @returns {Promise<boolean>} false if nothing here is in its log
   */
  async #isShown({ text, checkpoint: { origin, size } }, shown, keys) {
    const roots = this.#roots.get(origin);
    if (!roots) return false;
    await refusedAs(Step.EARLIER, "", () => openCheckpoint(text, keys));
    for (const other of [...roots.keys()].sort((a, b) => Number(a - b))) {
      require(shown.has(`${other} ${text}`), Step.EARLIER, `This file has no proof from the checkpoint you keep, of ${size} entries of `
        + `'${origin}', to its own of ${other}; ask for one: export_receipts … --checkpoint FILE`);
    }
    return true;
  }
}

/** @param {bigint[]} numbers at least one @returns {bigint} */
function leastOf(numbers) {
  return numbers.reduce((a, b) => (a < b ? a : b));
}

/** @template T @param {number} step @param {string} before the sentence @param {() => Promise<T>} check @returns {Promise<T>} */
async function refusedAs(step, before, check) {
  try {
    return await check();
  } catch (error) {
    if (error instanceof Refusal) throw new Refused(step, `${before}${error.message}`);
    throw error;
  }
}
