/** Step 20: what other chains say of the keys that decided, of what was erased, and of policies. */

import { toHex } from "../bytes.js";
import { checkPublication } from "./publications.js";
import { byCodePoints } from "./reading.js";
import { timeOf } from "./says.js";
import { Step, require } from "./steps.js";

/** @typedef {import("./reading.js").Entry} Entry */
/** @typedef {{ place: string, atMs: number }} Decision */

const OF_KEYS = new Set(["key.enrolled", "key.endorsed", "key.revoked", "people_root.established"]);

/** The first and the last decision of every key, which any record of it is compared with. */
export class Decisions {
  /** @type {Map<string, { first: Decision, last: Decision }>} */
  #ofKeys = new Map();
  #before = { chain: "", sequence: 0 };

  /** @returns {boolean} */
  get isEmpty() {
    return this.#ofKeys.size === 0;
  }

  /** @param {Entry} entry a decision that was checked */
  add({ chain, details, sequence, atMs }) {
    const key = toHex(details.data("key", 32));
    const decision = { place: `Entry ${sequence} of ${chain}`, atMs };
    const { first, last } = this.#ofKeys.get(key) ?? { first: decision, last: decision };
    this.#ofKeys.set(key, { first: atMs < first.atMs ? decision : first, last: atMs > last.atMs ? decision : last });
  }

  /** Step 20. @param {Entry} record @returns {Promise<string>} */
  async check(record) {
    const { chain } = record;
    const before = this.#before;
    this.#before = { chain, sequence: record.sequence };
    const order = byCodePoints(before.chain, chain);
    require(order < 0 || (order === 0 && before.sequence < record.sequence), Step.RECORDS,
      "The records are not in the order of their chains and numbers, each once.");
    const isOfKeys = chain === "keys" && OF_KEYS.has(record.kind);
    const isOfPayloads = chain.startsWith("payloads.") && record.kind === "payload.erased";
    const isOfPolicies = chain === "policies" && record.kind === "policy.published";
    require(isOfKeys || isOfPayloads || isOfPolicies, Step.RECORDS, `'${record.kind}' of the chain '${chain}' is no record of this.`);
    if (isOfPolicies) return checkPublication(record, Step.RECORDS);
    if (record.kind !== "key.enrolled" && record.kind !== "key.revoked") return "";
    const decided = this.#ofKeys.get(toHex(record.details.forStep(Step.RECORDS).data("key", 32)));
    if (!decided) return "";
    return record.kind === "key.enrolled" ? enrolledBefore(decided.first, record) : revokedAfter(decided.last, record);
  }
}

/** @param {Decision} first @param {Entry} record @returns {string} */
function enrolledBefore({ place, atMs }, record) {
  require(atMs >= record.atMs, Step.RECORDS,
    `${place} decided at ${timeOf(atMs)} with a key that was enrolled at ${timeOf(record.atMs)}.`);
  return "enrolled before it decided";
}

/** @param {Decision} last @param {Entry} record @returns {string} */
function revokedAfter({ place, atMs }, record) {
  require(atMs <= record.atMs, Step.RECORDS,
    `${place} decided at ${timeOf(atMs)} with a key that was revoked at ${timeOf(record.atMs)}.`);
  return "revoked after it decided";
}
