/** The numbered steps of audit/verify/steps.py, and the two ways in which a line does not pass one. */

/** @typedef {number} Step */

export const Step = {
  FORM: 1, LEDGER_KEY: 2, SIGNATURE: 3, PLACE: 4, ATTACHMENTS: 5, WARRANTS: 6, RECEIPT: 7, CALL: 8, APPROVALS: 9,
  REQUEST: 10, DECISION: 11, OUTCOME: 12, END: 13, PEOPLE: 14, DISPLAY: 15, TERMS: 16,
  LOG: 17, EARLIER: 18, POPULATION: 19, RECORDS: 20,
};

const TITLES = new Map(Object.entries(Step).map(([name, step]) => [step, name.toLowerCase().replace("_", " ")]));

/** @param {Step} step @returns {string} */
export function titleOf(step) {
  return TITLES.get(step) ?? "";
}

/** A step that did not pass; the message is a sentence for people. */
export class Refused extends Error {
  /** @param {Step} step @param {string} sentence */
  constructor(step, sentence) {
    super(sentence);
    this.name = "Refused";
    this.step = step;
  }
}

/** Something that this verifier cannot check, so that its line is neither right nor wrong: the file is not verified. */
export class NotChecked extends Error {
  /** @param {Step} step @param {string} sentence */
  constructor(step, sentence) {
    super(sentence);
    this.name = "NotChecked";
    this.step = step;
  }
}

/** What was given cannot be evidence at all; the message tells what to give instead. */
export class UnusableInput extends Error {}

/** @param {boolean} condition @param {Step} step @param {string} sentence @returns {asserts condition} */
export function require(condition, step, sentence) {
  if (!condition) throw new Refused(step, sentence);
}
