/**
 * Whose key is it? The twin of audit/statements/key_endorsements.py, which has the rules and their numbers.
 *
 * Endorsements lead from a people root, known from outside, through security administrators to a key.
 * An endorser signs in their own browser: no key of the server can make such a statement.
 */

import { equal, toHex } from "./bytes.js";
import { Refusal } from "./refusal.js";
import { asBytes, asCount, asText, isBlank } from "./shape.js";
import { parseEnvelope, signStatement, verifyEnvelope } from "./statements.js";

/** @typedef {import("./bytes.js").Bytes} Bytes */
/** @typedef {"approver" | "policy_publisher" | "security_administrator"} EndorsedRole */
/**
 * @typedef {object} KeyEndorsement
 * @property {number} at UTC milliseconds since 1970
 * @property {Bytes} key 32 bytes
 * @property {string} person external id, such as "local:maria"
 * @property {EndorsedRole} role
 * @property {string} strength "ordinary" or "strong"
 * @property {Bytes} endorserKey 32 bytes, the key that signed
 */
/** @typedef {{ person: string, strength: string, endorsers: string[], at: number }} Endorsed */

export const KEY_ENDORSEMENT = "countersign-key-endorsement-v1";
export const PEOPLE_ROOT = "people root";
const MAXIMUM_ENDORSEMENTS = 64;
const MAXIMUM_LINKS = 8;
const MAXIMUM_PERSON = 320;
const CLOCK_TOLERANCE_MS = 60_000;
const FIELDS = ["at", "key", "person", "role", "strength", "version"];
const ROLES = ["approver", "policy_publisher", "security_administrator"];

/**
 * @param {{ at: number, key: Bytes, person: string, role: EndorsedRole, strength: string }} terms
 * @param {import("./ed25519.js").Signer} signer @returns {Promise<Bytes>} the envelope
 */
export async function signEndorsement({ at, key, person, role, strength }, signer) {
  return signStatement(KEY_ENDORSEMENT, { at: BigInt(at), key, person, role, strength }, signer);
}

/** @param {Bytes} bytes @returns {Promise<KeyEndorsement>} its signature is verified */
export async function parseEndorsement(bytes) {
  const envelope = parseEnvelope(bytes);
  const { facts } = envelope;
  if ([...facts.keys()].join() !== FIELDS.join()) {
    throw new Refusal("statement", "The endorsement does not have the fields it must have.");
  }
  const role = asText("role", facts.get("role"), 64);
  const strength = asText("strength", facts.get("strength"), 16);
  const person = asText("person", facts.get("person"), MAXIMUM_PERSON);
  if (!ROLES.includes(role)) throw new Refusal("role", "The endorsement is for a role that is not known here.");
  if (strength !== "ordinary" && strength !== "strong") {
    throw new Refusal("strength", "The endorsement names a strength that is not known here.");
  }
  if (isBlank(person)) throw new Refusal("person", "The endorsement names nobody.");
  const endorsement = {
    at: asCount("at", facts.get("at")),
    key: asBytes("key", facts.get("key"), 32),
    person,
    role: /** @type {EndorsedRole} */ (role),
    strength,
    endorserKey: envelope.signerKey,
  };
  if (!(await verifyEnvelope(KEY_ENDORSEMENT, envelope))) {
    throw new Refusal("signature", "The signature does not belong to this statement and key.");
  }
  return endorsement;
}

/**
 * @param {Bytes[]} chain envelopes, in any order @param {Bytes} key @param {EndorsedRole} role
 * @param {Bytes[]} peopleRoots @param {{ nowMs?: number, revoked?: Map<string, number> }} [limits] `revoked`: when
 *     (ms since 1970) keys, in hexadecimal, were revoked
 * @returns {Promise<Endorsed>} whose key it is
 * @throws {Refusal} naming what is wrong
 */
export async function verifyChain(chain, key, role, peopleRoots, limits = {}) {
  if (chain.length > MAXIMUM_ENDORSEMENTS) {
    throw new Refusal("endorsements", `More than ${MAXIMUM_ENDORSEMENTS} endorsements came at once.`);
  }
  const seen = new Map(chain.map((bytes) => [toHex(bytes), bytes]));
  const statements = await Promise.all([...seen.values()].map(parseEndorsement)); // 1
  const search = new Search(peopleRoots, limits);
  search.settle(statements);
  return search.result(statements, key, role);
}

/** Settles statements from the people roots downwards, one link at a time. */
class Search {
  /** @type {Map<string, KeyEndorsement>} */
  administrators = new Map();
  /** @type {KeyEndorsement[]} */
  settled = [];

  /** @param {Bytes[]} roots @param {{ nowMs?: number, revoked?: Map<string, number> }} limits */
  constructor(roots, { nowMs = Number.MAX_SAFE_INTEGER - CLOCK_TOLERANCE_MS, revoked = new Map() }) {
    this.roots = new Set(roots.map(toHex));
    this.nowMs = nowMs;
    this.revoked = revoked;
  }

  /** @param {KeyEndorsement[]} statements */
  settle(statements) {
    /** @type {Map<string, string>} */
    const people = new Map();
    let waiting = [...statements];
    for (let link = 0; link < MAXIMUM_LINKS; link++) {
      const fresh = waiting.filter((statement) => !this.refusal(statement));
      for (const statement of fresh) {
        const id = toHex(statement.key);
        if ((people.get(id) ?? statement.person) !== statement.person) { // 5
          throw new Refusal("person", "One key is endorsed for two people.");
        }
        people.set(id, statement.person);
        if (statement.role === "security_administrator" && !this.administrators.has(id)) {
          this.administrators.set(id, statement);
        }
      }
      this.settled.push(...fresh);
      waiting = waiting.filter((statement) => !fresh.includes(statement));
    }
  }

  /** @param {KeyEndorsement[]} statements @param {Bytes} key @param {EndorsedRole} role @returns {Endorsed} */
  result(statements, key, role) {
    const found = this.settled.filter((one) => equal(one.key, key) && one.role === role);
    const [first] = found;
    if (!first) throw this.reason(statements, key, role);
    const oldest = found.reduce((earlier, one) => (one.at < earlier.at ? one : earlier), first);
    return {
      person: oldest.person,
      strength: found.some((one) => one.strength === "ordinary") ? "ordinary" : "strong",
      endorsers: [...new Set(found.map((one) => this.endorser(one)))],
      at: oldest.at,
    };
  }

  /** @param {KeyEndorsement} statement @returns {Refusal | null} why it does not count, or not yet */
  refusal(statement) {
    if (statement.at > this.nowMs + CLOCK_TOLERANCE_MS) {
      return new Refusal("at", "The endorsement was made later than what it is for.");
    }
    const id = toHex(statement.endorserKey);
    if (this.roots.has(id)) return null;
    const endorser = this.administrators.get(id);
    if (!endorser || statement.at + CLOCK_TOLERANCE_MS < endorser.at) { // 2
      return new Refusal("endorser", "The endorser's key is no people root and was not endorsed as a security administrator's.");
    }
    if (endorser.person === statement.person) return new Refusal("person", "Nobody endorses a key of their own."); // 3
    if (statement.at >= (this.revoked.get(id) ?? statement.at + 1)) { // 4
      return new Refusal("endorser", "The endorser's key had been revoked when it signed.");
    }
    return null;
  }

  /** @param {KeyEndorsement[]} statements @param {Bytes} key @param {EndorsedRole} role @returns {Refusal} */
  reason(statements, key, role) {
    const own = statements.filter((one) => equal(one.key, key));
    if (own.length === 0) return new Refusal("key", "Nobody endorsed this key.");
    const [first] = own.filter((one) => one.role === role);
    if (!first) return new Refusal("role", `The key is endorsed, but not as ${role}.`);
    return this.refusal(first)
      ?? new Refusal("endorsements", `The key is more than ${MAXIMUM_LINKS} endorsements from a people root.`);
  }

  /** @param {KeyEndorsement} statement @returns {string} */
  endorser(statement) {
    const id = toHex(statement.endorserKey);
    return this.roots.has(id) ? PEOPLE_ROOT : this.administrators.get(id)?.person ?? "";
  }
}
