/** Step 19: how many entries were found, of which months, and the roots over them, counted again from the lines. */

import { equal } from "../bytes.js";
import { rootOf } from "./merkle.js";
import { byCodePoints } from "./reading.js";
import { monthOf } from "./says.js";
import { Step, require } from "./steps.js";

/** @typedef {import("../bytes.js").Bytes} Bytes */
/** @typedef {import("./reading.js").CloseLine} CloseLine */
/** @typedef {import("./reading.js").EntryLine} EntryLine */
/** @typedef {import("./reading.js").Period} Period */
/** @typedef {{ count: number, periods: Period[], root: Bytes }} Totals */

/** @typedef {{ atMs: number, chain: string, sequence: number, leaf: Bytes }} Found */

/** Counts lines. Of an entry that was searched for is kept what decides its place, and its leaf hash. */
export class Population {
  chains = 0;
  entries = 0;
  records = 0;
  /** @type {Found[]} */
  #found = [];

  /** @param {EntryLine} line */
  add({ entry, isMatch, leaf }) {
    this.entries += 1;
    const { atMs, chain, sequence } = entry;
    if (isMatch) this.#found.push({ atMs, chain, sequence, leaf });
  }

  /** @param {() => Promise<void>} pause awaited now and then @returns {Promise<Totals>} */
  async totals(pause) {
    const found = this.#found.sort(inTheirOrder);
    /** @type {Map<string, Bytes[]>} */
    const months = new Map();
    for (const { atMs, leaf } of found) {
      const month = monthOf(atMs);
      const leaves = months.get(month) ?? [];
      if (leaves.push(leaf) === 1) months.set(month, leaves);
    }
    /** @type {Period[]} */
    const periods = [];
    for (const [period, leaves] of months) periods.push({ period, count: leaves.length, root: await rootOf(leaves, pause) });
    return { count: found.length, periods, root: await rootOf(found.map(({ leaf }) => leaf), pause) };
  }

  /** @param {CloseLine} close @param {Totals} totals @param {boolean} isWhole about one whole chain @returns {string} */
  check(close, totals, isWhole) {
    require(this.entries > 0, Step.POPULATION, "The file holds no entry: nothing in it is signed, so nothing can be verified.");
    const counted = { chains: this.chains, entries: this.entries, records: this.records, matches: totals.count };
    for (const [name, number] of Object.entries(counted)) {
      const said = close[/** @type {"chains" | "entries" | "records" | "matches"} */ (name)];
      requireCounted(name, said, number);
    }
    if (isWhole) {
      requireCounted("chains of a bundle about one", close.chains, 1);
      requireCounted("matches of a bundle about one chain", totals.count, this.entries);
    }
    const same = close.periods.length === totals.periods.length && close.periods.every((said, index) => isSame(said, totals.periods[index]));
    require(same, Step.POPULATION, "The months of the last line are not those of the entries that match.");
    require(equal(totals.root, close.root), Step.POPULATION, "The root of the last line is over other entries.");
    return `${isWhole ? "every entry" : `${totals.count} of ${this.entries} entries match`}; the roots of ${totals.periods.length} months are over them`;
  }
}

/** @param {Found} a @param {Found} b @returns {number} */
function inTheirOrder(a, b) {
  return a.atMs - b.atMs || byCodePoints(a.chain, b.chain) || a.sequence - b.sequence;
}

/** @param {Period} said @param {Period | undefined} found @returns {boolean} */
function isSame(said, found) {
  return found !== undefined && said.period === found.period && said.count === found.count && equal(said.root, found.root);
}

/** @param {string} name @param {number} said @param {number} found */
function requireCounted(name, said, found) {
  require(said === found, Step.POPULATION, `The last line counts ${said} ${name}; there are ${found}.`);
}
