/**
 * Step 6: warrants. Tenuo's rules, from the trusted roots, at the time the warrant was issued.
 *
 *     SignedWarrant = [1, payload, Signature]        message = "tenuo-warrant-v1" || 01 || payload
 *     payload       = map with integer keys, in ascending order, see FIELD
 *
 * Apart from ../warrant.js, which a person's browser verifies warrants with: this one is for auditors, judges by the
 * time of the event, and refuses to judge what it does not know.
 */

import { readActing } from "../acting.js";
import { concat, equal, fromText, sha256, toHex, toText } from "../bytes.js";
import { decode, decodeLoosely, encode } from "../cbor.js";
import { parseConstraint } from "../constraints.js";
import { verify } from "../ed25519.js";
import { Refusal } from "../refusal.js";
import { asByteList, asBytes, asCount, asEd25519, asList, asMap, asTextMap } from "../shape.js";
import { NO_TERMS, readTerms } from "../terms.js";
import { widening } from "./constraints.js";
import { NotChecked, Refused, Step, require } from "./steps.js";

/** @typedef {import("../bytes.js").Bytes} Bytes */
/** @typedef {import("../cbor.js").Value} Value */
/** @typedef {import("../constraints.js").Constraint} Constraint */
/** @typedef {import("../terms.js").Terms} Terms */
/** @typedef {import("./constraints.js").Capability} Capability */
/** @typedef {"all" | { unless: boolean, constraint: Constraint }} Rule when the gate fires, of one argument */
/** @typedef {{ rules: Map<string, Rule> | null, source: Map<string, Value> }} Gate  rules null: the whole tool */
/**
 * Times are UTC seconds since 1970.
 * @typedef {object} Warrant
 * @property {Bytes} bytes
 * @property {Bytes} payload
 * @property {Bytes} signature
 * @property {string} id "tnu_wrt_" and 32 hexadecimal digits
 * @property {Map<string, Capability>} capabilities
 * @property {Bytes} holder
 * @property {Bytes} issuer
 * @property {number} issuedAt
 * @property {number} expiresAt
 * @property {number} depth
 * @property {number} maximumDepth
 * @property {Bytes | null} parentHash
 * @property {Map<string, Bytes>} extensions
 * @property {Map<string, Gate>} gates
 * @property {Bytes[]} approvers
 * @property {number} threshold
 */

const CONTEXT = concat(fromText("tenuo-warrant-v1"), Uint8Array.of(1));
const FIELD = {
  version: 0, id: 1, type: 2, tools: 3, holder: 4, issuer: 5, issuedAt: 6, expiresAt: 7, maximumDepth: 8, parentHash: 9,
  extensions: 10, approvers: 15, threshold: 16, depth: 18,
};
const KNOWN = new Set(Object.values(FIELD));
const GATES = "tenuo.approval_gates";
const TERMS = "countersign.terms";
const ACTING = "countersign.acting";
const NAMESPACE = "countersign.namespace";
const SAME_PERSON = "countersign.same_person";
const MAXIMUM_CHAIN = 65;
const MAXIMUM_DEPTH = 64;
const MAXIMUM_BYTES = 65536;
const CLOCK_TOLERANCE = 30;

/** @param {string} what @returns {never} */
function unknown(what) {
  throw new NotChecked(Step.WARRANTS, `not checked here: ${what}. Use python -m audit.verify`);
}

/**
 * @param {Bytes[]} chain root first
 * @returns {Promise<Warrant[]>} each signed by the issuer it names; no more is checked
 */
export async function parseChain(chain) {
  require(chain.length > 0, Step.WARRANTS, "There is no warrant.");
  if (chain.length > MAXIMUM_CHAIN) unknown(`a chain of more than ${MAXIMUM_CHAIN} warrants`);
  try {
    const warrants = chain.map(parse);
    for (const { issuer, signature, payload } of warrants) {
      const signed = await verify(issuer, signature, concat(CONTEXT, payload));
      if (!signed) throw new Refusal("warrant", "it is not signed by the issuer it names.");
    }
    return warrants;
  } catch (error) {
    if (error instanceof Refusal) throw new Refused(Step.WARRANTS, `A warrant cannot be read: ${error.message}`);
    throw error;
  }
}

/** @param {Bytes} bytes @returns {Warrant} */
function parse(bytes) {
  if (bytes.length > MAXIMUM_BYTES) unknown("a warrant of more than 64 KiB");
  const [version, payload, signature, ...rest] = asList("warrant", decodeLoosely(bytes));
  if (version !== 1n || !(payload instanceof Uint8Array) || rest.length > 0) {
    throw new Refusal("warrant", "The warrant is not of a form that is known here.");
  }
  const fields = asMap("warrant", decodeLoosely(payload));
  const keys = [...fields.keys()];
  if (fields.get(FIELD.version) !== 1n) throw new Refusal("warrant", "The warrant's version is not known here.");
  if (fields.get(FIELD.type) !== 0n) unknown("a warrant that is no execution warrant");
  if (keys.some((key, index) => !KNOWN.has(Number(key)) || Number(key) <= Number(keys[index - 1] ?? -1))) {
    unknown("a warrant with fields that are not known, or not in order");
  }
  const extensions = new Map([...asTextMap("warrant", fields.get(FIELD.extensions) ?? new Map())]
    .map(([name, data]) => [name, asByteList("warrant", data)]));
  const approvers = asList("warrant", fields.get(FIELD.approvers) ?? []).map((key) => asEd25519("warrant", key, 32));
  return {
    bytes, payload, extensions, approvers,
    signature: asEd25519("warrant", signature, 64),
    id: `tnu_wrt_${toHex(asBytes("warrant", fields.get(FIELD.id), 16))}`,
    capabilities: parseCapabilities(fields.get(FIELD.tools)),
    holder: asEd25519("warrant", fields.get(FIELD.holder), 32),
    issuer: asEd25519("warrant", fields.get(FIELD.issuer), 32),
    issuedAt: asCount("warrant", fields.get(FIELD.issuedAt)),
    expiresAt: asCount("warrant", fields.get(FIELD.expiresAt)),
    depth: asCount("warrant", fields.get(FIELD.depth) ?? 0n),
    maximumDepth: asCount("warrant", fields.get(FIELD.maximumDepth) ?? BigInt(MAXIMUM_DEPTH)),
    parentHash: fields.has(FIELD.parentHash) ? asByteList("warrant", fields.get(FIELD.parentHash)) : null,
    gates: parseGates(extensions.get(GATES)),
    threshold: asCount("warrant", fields.get(FIELD.threshold) ?? BigInt(approvers.length)),
  };
}

/** @param {Value | undefined} value @returns {Map<string, Capability>} */
function parseCapabilities(value) {
  const capabilities = new Map([...asTextMap("warrant", value)].map(([tool, capability]) => {
    const { constraints, allow_unknown: allowsUnknown = false, ...more } = Object.fromEntries(asTextMap("warrant", capability));
    if (tool === "*" || Object.keys(more).length > 0 || typeof allowsUnknown !== "boolean") unknown(`what the warrant says of '${tool}'`);
    const parsed = [...asTextMap("warrant", constraints)].map(
      ([name, constraint]) => /** @type {[string, Constraint]} */ ([name, parseConstraint("warrant", constraint)]));
    return /** @type {[string, Capability]} */ ([tool, { constraints: new Map(parsed), allowsUnknown }]);
  }));
  return capabilities;
}

/** @param {Bytes | undefined} encoded @returns {Map<string, Gate>} */
function parseGates(encoded) {
  if (!encoded || encoded.length === 0) return new Map();
  const gates = [...asTextMap("warrant", decodeLoosely(encoded))];
  return new Map(gates.map(([tool, gate]) => [tool, parseGate(asTextMap("warrant", gate).get("args"))]));
}

/** @param {Value | undefined} rules @returns {Gate} */
function parseGate(rules) {
  if (rules === undefined) throw new Refusal("warrant", "A gate of the warrant does not say what it is of.");
  if (rules === null) return { rules, source: new Map() };
  const source = asTextMap("warrant", rules);
  return { rules: new Map([...source].map(([name, rule]) => [name, parseRule(rule)])), source };
}

/** @param {Value} value @returns {Rule} */
function parseRule(value) {
  if (value === "all") return value;
  if (Array.isArray(value)) return { unless: false, constraint: parseConstraint("warrant", value) };
  const parts = asTextMap("warrant", value);
  if (parts.size !== 1) throw new Refusal("warrant", "A gate of the warrant is not of a form that is known here.");
  return { unless: true, constraint: parseConstraint("warrant", parts.get("exempt")) };
}

/**
 * Why a chain, whose signatures were verified, does not hold at a moment, in a sentence; empty if it does.
 * @param {Warrant[]} chain @param {Set<string>} roots @param {number} at UTC seconds @returns {Promise<string>}
 */
export async function problemOf(chain, roots, at) {
  const [root] = chain;
  if (!root || !roots.has(toHex(root.issuer))) return "The root warrant's issuer is not trusted.";
  for (const [index, warrant] of chain.entries()) {
    const name = `The warrant ${warrant.id}`;
    if (at >= warrant.expiresAt) return `${name} has expired.`;
    if (warrant.issuedAt > at + CLOCK_TOLERANCE) return `${name} was issued in the future.`;
    const parent = chain[index - 1];
    const problem = parent ? await linkProblem(name, warrant, parent) : "";
    if (problem) return problem;
  }
  return "";
}

/** @param {string} name @param {Warrant} warrant @param {Warrant} parent @returns {Promise<string>} */
async function linkProblem(name, warrant, parent) {
  if (!equal(warrant.issuer, parent.holder)) return `${name} was not issued by its parent's holder.`;
  if (!warrant.parentHash || !equal(warrant.parentHash, await sha256(parent.payload))) return `${name} names another parent.`;
  if (warrant.depth !== parent.depth + 1 || warrant.depth > parent.maximumDepth || warrant.depth > warrant.maximumDepth) {
    return `${name} is deeper than its parent allows.`;
  }
  if (warrant.maximumDepth > parent.maximumDepth) return `${name} may be handed on further than its parent.`;
  if (warrant.expiresAt > parent.expiresAt) return `${name} outlives its parent.`;
  if (warrant.issuedAt < parent.issuedAt) return `${name} was issued before its parent.`;
  for (const [tool, capability] of warrant.capabilities) {
    const own = parent.capabilities.get(tool);
    if (!own) return `${name} allows the tool '${tool}', which its parent does not.`;
    const wider = widening(own, capability);
    if (wider) return `${name} allows more of '${tool}' than its parent: ${wider}.`;
    if (dropsGate(warrant.gates.get(tool), parent.gates.get(tool))) return `${name} drops the gate of '${tool}'.`;
  }
  return "";
}

/** @param {Gate | undefined} gate @param {Gate | undefined} inherited @returns {boolean} */
function dropsGate(gate, inherited) {
  if (!inherited) return false;
  if (!gate) return true;
  if (gate.rules === null) return false;
  if (inherited.rules === null) return true;
  for (const [argument, rule] of inherited.source) {
    const kept = gate.source.get(argument);
    if (kept === undefined) return true;
    if (!equal(encode(kept), encode(rule))) unknown("a gate that a child warrant changes");
  }
  return false;
}

/** @param {Warrant[]} chain @returns {string} how a child weakens who must approve; empty if none does */
export function weakening(chain) {
  for (const [index, child] of chain.entries()) {
    const parent = chain[index - 1];
    if (!parent || parent.approvers.length === 0) continue;
    const [inherited, named] = [hexSet(parent.approvers), hexSet(child.approvers)];
    if (![...inherited].every((key) => named.has(key))) return `The warrant ${child.id} drops an approver that its parent names.`;
    const added = [...named].filter((key) => !inherited.has(key)).length;
    if (child.threshold - added < parent.threshold) {
      return `The warrant ${child.id} could be approved by fewer of its parent's approvers than its parent needs.`;
    }
  }
  return "";
}

/** @param {Bytes[]} keys @returns {Set<string>} */
function hexSet(keys) {
  return new Set(keys.map(toHex));
}

/** Warrants of one incident, root first, that verified from a trusted root. */
export class WarrantChain {
  /** @param {Warrant[]} warrants */
  constructor(warrants) {
    this.warrants = warrants;
    this.root = /** @type {Warrant} */ (warrants[0]);
    this.leaf = /** @type {Warrant} */ (warrants.at(-1));
  }

  /** @returns {Set<string>} the keys whose signatures open this warrant's gates, in hexadecimal */
  get approverKeys() {
    return hexSet(this.leaf.approvers);
  }

  /** @param {number} step on whose behalf they are read @returns {Terms} the root's terms for deciding */
  terms(step) {
    const data = this.root.extensions.get(TERMS);
    return data ? reading(step, "The warrant's terms cannot be read.", () => readTerms(data)) : NO_TERMS;
  }

  /** @returns {import("../acting.js").Acting | null} for whom the root lets its agent work */
  get acting() {
    const data = this.root.extensions.get(ACTING);
    return data ? reading(Step.WARRANTS, "For whom the agent works cannot be read.", () => readActing(data)) : null;
  }

  /** @returns {Map<string, string>} each key of a person with several, and the first of them, in hexadecimal */
  get firstKeys() {
    const data = this.root.extensions.get(SAME_PERSON);
    return data ? reading(Step.DECISION, "The warrant's same_person cannot be read.", () => readFirstKeys(data)) : new Map();
  }

  /** @returns {Set<string>} every issuer's and holder's key: none of them may approve */
  get parties() {
    return hexSet(this.warrants.flatMap(({ issuer, holder }) => [issuer, holder]));
  }
}

/** @template T @param {number} step @param {string} sentence @param {() => T} read @returns {T} */
function reading(step, sentence, read) {
  try {
    return read();
  } catch (error) {
    if (error instanceof Refusal) throw new Refused(step, `${sentence} ${error.message}`);
    throw error;
  }
}

/** @param {Bytes} data @returns {Map<string, string>} */
function readFirstKeys(data) {
  /** @type {Map<string, string>} */
  const firstKeys = new Map();
  for (const group of asList("same_person", decode(data))) {
    const keys = asList("same_person", group).map((key) => toHex(asBytes("same_person", key, 32)));
    const [first] = keys;
    if (first === undefined || keys.length < 2) throw new Refusal("same_person", "It names a person with fewer than two keys.");
    for (const key of keys) {
      if ((firstKeys.get(key) ?? first) !== first) throw new Refusal("same_person", "It gives a key to two people.");
      firstKeys.set(key, first);
    }
  }
  return firstKeys;
}

/** @param {Warrant[]} chain @param {string} namespace @returns {boolean} whether its calls may run there */
export function runsIn(chain, namespace) {
  const bound = chain[0]?.extensions.get(NAMESPACE);
  if (!bound) return true;
  try {
    return toText(bound) === namespace;
  } catch {
    return false;
  }
}

/** Verifies warrant chains of one incident, each once, and finds them again by the leaf's id. */
export class Register {
  /** @type {Map<string, Promise<Warrant[]>>} */
  #parsed = new Map();
  /** @type {Map<string, Promise<WarrantChain>>} */
  #verified = new Map();
  /** @type {Map<string, NotChecked>} */
  #unchecked = new Map();

  /** @param {Set<string>} roots @param {string} name of the incident */
  constructor(roots, name) {
    this.roots = roots;
    this.name = name;
  }

  /** @param {Bytes[]} chain @returns {Promise<Warrant[]>} as `parseChain` */
  parsed(chain) {
    const key = chain.map(toHex).join();
    const known = this.#parsed.get(key) ?? parseChain(chain);
    this.#parsed.set(key, known);
    return known;
  }

  /** Step 6. @param {Bytes[]} chain @returns {Promise<WarrantChain>} */
  verified(chain) {
    const key = chain.map(toHex).join();
    const known = this.#verified.get(key) ?? this.#verify(chain);
    this.#verified.set(key, known);
    return known;
  }

  /** @param {string} id @returns {Promise<WarrantChain[]>} the verified chains that end in this warrant */
  async withLeaf(id) {
    const unchecked = this.#unchecked.get(id);
    if (unchecked) throw unchecked;
    const settled = await Promise.allSettled(this.#verified.values());
    return settled.flatMap((one) => (one.status === "fulfilled" && one.value.leaf.id === id ? [one.value] : []));
  }

  /** @param {Bytes[]} data @returns {Promise<WarrantChain>} */
  async #verify(data) {
    const chain = new WarrantChain(await this.parsed(data));
    this.requireRoot(chain.warrants);
    try {
      const problem = await problemOf(chain.warrants, this.roots, chain.leaf.issuedAt);
      require(!problem, Step.WARRANTS, `The warrant chain does not verify from a trusted root: ${problem}`);
    } catch (error) {
      if (!(error instanceof NotChecked)) throw error;
      const inStep = new NotChecked(Step.WARRANTS, error.message);
      this.#unchecked.set(chain.leaf.id, inStep);
      throw inStep;
    }
    const weaker = weakening(chain.warrants);
    require(!weaker, Step.WARRANTS, weaker);
    return chain;
  }

  /** @param {Warrant[]} warrants */
  requireRoot(warrants) {
    const id = warrants[0]?.id;
    require(id === this.name, Step.WARRANTS, `The root warrant is ${id}, but the chain is named ${this.name}.`);
  }
}
