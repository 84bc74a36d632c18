/** What is known so far of the incident, while its entries are gone through in order. */

import { beginningOf } from "./ledger.js";
import { Register } from "./warrants.js";

/** @typedef {import("../bytes.js").Bytes} Bytes */
/** @typedef {import("./approvals.js").Address} Address */
/** @typedef {import("./warrants.js").WarrantChain} WarrantChain */
/** @typedef {"open" | "denied" | "expired" | "withdrawn" | "superseded"} Standing */
/**
 * One request to people. Keys and approvals are hexadecimal.
 * @typedef {object} Request
 * @property {Address} address
 * @property {Bytes} requestHash
 * @property {string} tool
 * @property {WarrantChain} chain
 * @property {number} expiresAt
 * @property {Bytes} displayDigest
 * @property {string} policyVersion
 * @property {number | null} stepUpSeconds how old a second factor may be; null: none was asked for
 * @property {Standing} standing
 * @property {Map<string, import("./approvals.js").Signed>} grants approvals so far
 * @property {Map<string, string>} denials the key that signed, with its person
 * @property {Set<string>} retracted approvals that were taken back
 */

/** The state that the steps share. Without `peopleRoots` nobody checks whose keys the approvers' are. */
export class Case {
  hasDecisions = false;
  runStatus = "";
  /** Who hands the incident's warrant on, to which agent's key. @type {{ key: Bytes, person: string, agent: Bytes } | null} */
  handingOn = null;
  /** @type {Map<string, string>} */
  approvers = new Map();
  /** @type {Map<string, Request>} */
  requests = new Map();
  /** @type {Set<string>} */
  decided = new Set();
  /** @type {Map<string, string>} */
  spent = new Map();
  /** @type {Set<string>} */
  attempts = new Set();
  /** @type {Set<string>} */
  receipts = new Set();
  /** @type {Set<string>} */
  workerSequences = new Set();
  /** @type {Set<string>} */
  ran = new Set();
  /** @type {Map<string, number>} */
  executed = new Map();
  /** @type {string[]} */
  notes = [];
  /** @type {Map<string, number>} */
  counts = new Map();

  /**
   * @param {{ roots: Set<string>, peopleRoots: Bytes[], endorsed: import("./trust.js").Endorsed, name: string,
   *   approvalLifetime: number }} given
   */
  constructor({ roots, peopleRoots, endorsed, name, approvalLifetime }) {
    this.roots = roots;
    this.peopleRoots = peopleRoots;
    this.endorsed = endorsed;
    this.approvalLifetime = approvalLifetime;
    this.place = beginningOf(name);
    this.warrants = new Register(roots, name);
  }

  /** @param {string} id @returns {Request} one that an earlier step of the same line has found */
  request(id) {
    const found = this.requests.get(id);
    if (!found) throw new Error(`no request ${id}`);
    return found;
  }
}
