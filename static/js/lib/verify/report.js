/** What verification found, line by line. */

import { NotChecked, Refused, Step, UnusableInput, titleOf } from "./steps.js";

/** @typedef {{ step: number, name: string, text: string }} Check one step that passed, in words */
/** @typedef {{ step: number, name: string, sentence: string }} Failure */
/** @typedef {import("./population.js").Totals} Totals */
/** @typedef {{ entries: number, chains: number, records: number, totals: Totals }} Counted */
/** @typedef {{ origin: string, size: bigint, root: string }} LogHead */

/** What was checked of one line. */
export class LineReport {
  entry = "unreadable";
  says = "";
  /** The chain that the line belongs to; of none is the first line and the last. */
  chain = "";
  isMatch = true;
  /** @type {Check[]} */
  checks = [];
  /** @type {Failure | null} */
  failure = null;
  /** @type {Failure | null} what this verifier could not check: the line is neither right nor wrong */
  unchecked = null;
  /** Whether it was not looked at at all, because its chain's first line did not pass. */
  isSkipped = false;

  /** @param {number} line from 1 */
  constructor(line) {
    this.line = line;
  }

  /** @param {number} step @param {string} text */
  passed(step, text) {
    if (text) this.checks.push({ step, name: titleOf(step), text });
  }

  /** @param {{ step: number, message: string }} error */
  fail({ step, message }) {
    this.failure ??= { step, name: titleOf(step), sentence: message };
  }

  /** @returns {boolean} */
  get isUntouched() {
    return this.checks.length === 0 && !this.failure && !this.unchecked;
  }

  /** @param {{ step: number, message: string }} error */
  leave({ step, message }) {
    this.unchecked ??= { step, name: titleOf(step), sentence: message };
  }
}

/**
 * @template T @param {LineReport} report @param {() => T | Promise<T>} check
 * @returns {Promise<T | null>} null if it did not pass
 */
export async function judged(report, check) {
  try {
    return await check();
  } catch (error) {
    if (error instanceof UnusableInput) throw error;
    if (error instanceof NotChecked) report.leave(error);
    else if (error instanceof Refused) report.fail(error);
    // Whatever cannot be checked is not verified.
    else report.fail(new Refused(Step.FORM, `The line cannot be checked (${error instanceof Error ? error.name : "error"}).`));
    return null;
  }
}

/** One chain, whole. `state` is how an incident's run ended, "open" if the file does not say, empty if nobody can tell. */
export class SectionReport {
  state = "";
  /** What the incident is about, as its first entry says. */
  title = "";
  /** @type {LineReport[]} */
  lines = [];

  /** @param {string} chain @param {boolean} isService whether it is one of the service's own, and no incident */
  constructor(chain, isService) {
    this.chain = chain;
    this.isService = isService;
  }
}

/** What verification found. */
export class Report {
  /** What the file says it is about, in words. */
  about = "";
  isSearch = false;
  /** @type {LineReport[]} */
  lines = [];
  /** @type {SectionReport[]} */
  sections = [];
  /** @type {LineReport[]} */
  records = [];
  /** How many entries of each kind there are. @type {Map<string, number>} */
  counts = new Map();
  /** @type {string[]} */
  notes = [];
  /** @type {Counted | null} */
  population = null;
  /** @type {LogHead[]} */
  logs = [];

  /** @returns {LineReport[]} */
  get failures() {
    return this.lines.filter(({ failure }) => failure !== null);
  }

  /** @returns {LineReport[]} */
  get unchecked() {
    return this.lines.filter(({ unchecked }) => unchecked !== null);
  }

  /** @returns {boolean} only if every line was checked whole and nothing was wrong */
  get verified() {
    return this.lines.length > 0 && this.failures.length === 0 && this.unchecked.length === 0;
  }

  /** How the run ended, if the file is about one. @returns {string} */
  get state() {
    return this.isSearch ? "" : this.sections.map(({ state }) => state).find(Boolean) ?? "";
  }

  /** @returns {string} */
  get summary() {
    const count = this.lines.filter(({ isSkipped }) => !isSkipped).length;
    if (this.failures.length > 0) {
      return `NOT VERIFIED: ${this.failures.length} of ${count} lines failed ${placesOf(this.failures)}.`;
    }
    if (!this.verified) {
      return `NOT VERIFIED: ${this.unchecked.length} of ${count} lines could not be checked here ${placesOf(this.unchecked)}.`;
    }
    const counts = [...this.counts].map(([kind, number]) => `${number} ${kind}`).join(", ");
    const about = this.state ? `the run: ${this.state}` : `${this.sections.length} ${this.sections.length === 1 ? "chain" : "chains"}`;
    return `VERIFIED: ${count} lines (${counts}); ${about}.`;
  }
}

// So many lines are named; more would hide the sentence.
const NAMED = 10;

/** @param {LineReport[]} lines @returns {string} */
function placesOf(lines) {
  const numbers = lines.slice(0, NAMED).map(({ line }) => line).join(", ");
  return `(line ${numbers}${lines.length > NAMED ? ", …" : ""})`;
}
