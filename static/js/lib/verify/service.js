/** Chains of the service's own, and what one of them says of people's keys (step 14). */

import { equal, toHex } from "../bytes.js";
import { parseEndorsement, verifyChain } from "../key-endorsements.js";
import { Refusal } from "../refusal.js";
import { ELSEWHERE } from "./kinds.js";
import { checkPublication } from "./publications.js";
import { ROTATIONS, checkRotation } from "./rotation.js";
import { Refused, Step, require } from "./steps.js";

/** @typedef {import("../bytes.js").Bytes} Bytes */
/** @typedef {import("../key-endorsements.js").KeyEndorsement} KeyEndorsement */
/** @typedef {import("./fields.js").Fields} Fields */
/** @typedef {import("./reading.js").Entry} Entry */
/** @typedef {{ data: Bytes, said: KeyEndorsement }} Statement */

const KEYS = "keys";
const NAMES = new Set([KEYS, "people", "policies", "rings"]);
const BEGINNINGS = ["payloads.", "exports."];
const MAXIMUM_LINKS = 8;

/** @param {string} chain @returns {boolean} whether it is one of the service's own, and no incident */
export function isServiceChain(chain) {
  return NAMES.has(chain) || BEGINNINGS.some((beginning) => chain.startsWith(beginning));
}

/** What is known so far of a chain of the service's own, gone through in order. */
export class ServiceChain {
  hasEndorsements = false;
  /** Who stands behind the keys, in hexadecimal, of security administrators. @type {Map<string, Statement>} */
  #administrators = new Map();
  /** When keys, in hexadecimal, were revoked. @type {Map<string, number>} */
  #revoked = new Map();

  /** @param {string} name @param {Bytes[]} peopleRoots without any, whose keys they are is not checked */
  constructor(name, peopleRoots) {
    this.name = name;
    this.peopleRoots = peopleRoots;
  }

  /** @param {Entry} entry that passed the steps before @returns {Promise<string>} what was found, if there is anything to say */
  async check(entry) {
    require(ELSEWHERE.has(entry.kind), Step.PLACE, "What happens in an incident is recorded in its own chain.");
    if (this.name === "policies" && entry.kind === "policy.published") return checkPublication(entry, Step.PEOPLE);
    if (this.name === "policies" && ROTATIONS.includes(entry.kind)) return checkRotation(entry, Step.PEOPLE);
    if (this.name !== KEYS) return "";
    const details = entry.details.forStep(Step.PEOPLE);
    switch (entry.kind) {
      case "people_root.established": return this.#checkRoot(details, entry.atMs);
      case "key.endorsed": return this.#checkEndorsed(details, entry.atMs);
      case "key.revoked": {
        const key = toHex(details.data("key", 32));
        this.#revoked.set(key, this.#revoked.get(key) ?? entry.atMs);
        return "";
      }
      default: return "";
    }
  }

  /** @param {Fields} details @param {number} atMs @returns {Promise<string>} */
  async #checkRoot(details, atMs) {
    const [root, key, person] = [details.data("people_root", 32), details.data("key", 32), details.text("person")];
    let found = "";
    for (const data of details.listOfData("endorsements")) {
      const said = await readable(data);
      require(equal(said.endorserKey, root) && equal(said.key, key) && said.person === person, Step.PEOPLE,
        "An endorsement is by another root, or about another key, than the entry says.");
      found = await this.#checkLed({ data, said }, atMs);
    }
    return found;
  }

  /** @param {Fields} details @param {number} atMs @returns {Promise<string>} */
  async #checkEndorsed(details, atMs) {
    const data = details.data("endorsement");
    const said = await readable(data);
    const isSame = equal(said.key, details.data("key", 32)) && said.person === details.text("person") && said.role === details.text("role")
      && said.strength === details.text("strength") && equal(said.endorserKey, details.data("endorser_key", 32));
    require(isSame, Step.PEOPLE, "The endorsement says something else than the entry.");
    return this.#checkLed({ data, said }, atMs);
  }

  /** @param {Statement} statement @param {number} atMs @returns {Promise<string>} */
  async #checkLed({ data, said }, atMs) {
    this.hasEndorsements = true;
    const key = toHex(said.key);
    require(!this.#revoked.has(key), Step.PEOPLE, "The key had been revoked when it was endorsed.");
    if (this.peopleRoots.length === 0) return "";
    try {
      const limits = { nowMs: atMs, revoked: this.#revoked };
      const { person } = await verifyChain([data, ...this.#above(said)], said.key, said.role, this.peopleRoots, limits);
      if (said.role === "security_administrator" && !this.#administrators.has(key)) this.#administrators.set(key, { data, said });
      return `endorsed, from a people root, as that of ${person}`;
    } catch (error) {
      if (error instanceof Refusal) throw new Refused(Step.PEOPLE, `The key of '${said.person}' is not endorsed. ${error.message}`);
      throw error;
    }
  }

  /** @param {KeyEndorsement} said @returns {Bytes[]} what leads from its endorser up to a people root */
  #above(said) {
    /** @type {Bytes[]} */
    const found = [];
    let above = this.#administrators.get(toHex(said.endorserKey));
    while (above && found.length < MAXIMUM_LINKS - 1) {
      found.push(above.data);
      above = this.#administrators.get(toHex(above.said.endorserKey));
    }
    return found;
  }
}

/** @param {Bytes} data @returns {Promise<KeyEndorsement>} */
async function readable(data) {
  try {
    return await parseEndorsement(data);
  } catch (error) {
    if (error instanceof Refusal) throw new Refused(Step.PEOPLE, `The endorsement does not verify. ${error.message}`);
    throw error;
  }
}
