/** What verification found, line by line. */

import { titleOf } from "./steps.js";

/** @typedef {{ step: number, name: string, text: string }} Check one step that passed, in words */
/** @typedef {{ step: number, name: string, sentence: string }} Failure */

/** What was checked of one line. */
export class LineReport {
  entry = "unreadable";
  /** @type {Check[]} */
  checks = [];
  /** @type {Failure | null} */
  failure = null;
  /** @type {Failure | null} what this verifier could not check: the line is neither right nor wrong */
  unchecked = null;

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

  /** @param {{ step: number, message: string }} error */
  leave({ step, message }) {
    this.unchecked ??= { step, name: titleOf(step), sentence: message };
  }
}

/** What verification found. `state` is how the run ended, or "open" if the file does not say. */
export class Report {
  /** @param {{ chain: string, lines: LineReport[], state?: string, counts?: Map<string, number>, notes?: string[] }} found */
  constructor({ chain, lines, state = "open", counts = new Map(), notes = [] }) {
    this.chain = chain;
    this.lines = lines;
    this.state = state;
    this.counts = counts;
    this.notes = notes;
  }

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

  /** @returns {string} */
  get summary() {
    const places = (/** @type {LineReport[]} */ lines) => `(line ${lines.map(({ line }) => line).join(", ")})`;
    if (this.failures.length > 0) {
      return `NOT VERIFIED: ${this.failures.length} of ${this.lines.length} lines failed ${places(this.failures)}.`;
    }
    if (!this.verified) {
      return `NOT VERIFIED: ${this.unchecked.length} of ${this.lines.length} lines could not be checked here ${places(this.unchecked)}.`;
    }
    const counts = [...this.counts].map(([kind, number]) => `${number} ${kind}`).join(", ");
    return `VERIFIED: ${this.lines.length} lines (${counts}); the run: ${this.state}.`;
  }
}
