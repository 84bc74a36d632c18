/**
 * Tenuo warrants: reading one, and verifying a chain of them against pinned roots.
 *
 *     SignedWarrant = [1, payload, Signature]        a chain is a list of those, root first
 *     message       = "tenuo-warrant-v1" || 01 || payload
 *     payload       = map with integer keys, see FIELD
 */

import { readActing } from "./acting.js";
import { equal, fromText, concat, sha256, toHex } from "./bytes.js";
import { decodeLoosely, encode } from "./cbor.js";
import { matches, parseConstraint } from "./constraints.js";
import { verify } from "./ed25519.js";
import { Refusal } from "./refusal.js";
import { asByteList, asBytes, asCount, asEd25519, asList, asMap, asText, asTextMap } from "./shape.js";
import { NO_TERMS, readTerms } from "./terms.js";

/** @typedef {import("./bytes.js").Bytes} Bytes */
/** @typedef {import("./cbor.js").Value} Value */
/** @typedef {import("./constraints.js").Constraint} Constraint */
/** @typedef {{ constraints: Map<string, Constraint>, allowsUnknown: boolean }} Capability */
/** @typedef {({ when: "always" } | { when: "matches" | "unless", constraint: Constraint }) & { source: Value }} GateRule */
/** @typedef {{ rules: Map<string, GateRule> | null, message: string }} Gate  rules null: the whole tool */
/** @typedef {{ field: string, sentence: string }} Problem */
/**
 * Times are UTC seconds since 1970.
 * @typedef {object} Warrant
 * @property {Bytes} payload
 * @property {Bytes} signature
 * @property {string} id "tnu_wrt_" and 32 hexadecimal digits
 * @property {Map<string, Capability>} capabilities
 * @property {Set<string>} tools what it may call, or (an issuer's warrant) hand on
 * @property {Bytes} holder
 * @property {Bytes} issuer
 * @property {number} issuedAt
 * @property {number} expiresAt
 * @property {number} depth
 * @property {number} maximumDepth
 * @property {Bytes | null} parentHash
 * @property {Map<string, Gate>} gates
 * @property {import("./terms.js").Terms} terms those of the root hold for the whole chain
 * @property {import("./acting.js").Acting | null} acting that of the root holds for the whole chain
 * @property {Bytes[]} requiredApprovers
 * @property {number} minimumApprovals
 */

export const CONTEXT = concat(fromText("tenuo-warrant-v1"), Uint8Array.of(1));
export const GATES = "tenuo.approval_gates";
const TERMS = "countersign.terms";
const ACTING = "countersign.acting";
const MAXIMUM_CHAIN = 65;
export const CLOCK_TOLERANCE_SECONDS = 60;
const ISSUER_TYPE = 1;
export const FIELD = {
  version: 0, id: 1, type: 2, tools: 3, holder: 4, issuer: 5, issuedAt: 6, expiresAt: 7, maximumDepth: 8, parentHash: 9,
  extensions: 10, issuableTools: 11, requiredApprovers: 15, minimumApprovals: 16, depth: 18,
};

/** @param {Bytes} bytes @returns {Warrant} its form is checked, its signature is not */
export function parseWarrant(bytes) {
  const [version, payload, signature, ...rest] = asList("warrant", decodeLoosely(bytes));
  if (version !== 1n || !(payload instanceof Uint8Array) || rest.length > 0) {
    throw new Refusal("warrant", "The warrant is not of a form that is known here.");
  }
  const fields = asMap("warrant", decodeLoosely(payload));
  if (fields.get(FIELD.version) !== 1n) throw new Refusal("warrant.version", "The warrant's version is not known here.");
  const capabilities = parseCapabilities(fields.get(FIELD.tools) ?? new Map());
  const isIssuer = fields.get(FIELD.type) === BigInt(ISSUER_TYPE);
  const requiredApprovers = asList("warrant.required_approvers", fields.get(FIELD.requiredApprovers) ?? [])
    .map((key) => asEd25519("warrant.required_approvers", key, 32));
  const gates = readGates(fields.get(FIELD.extensions));
  const terms = extension("warrant.terms", TERMS, fields.get(FIELD.extensions));
  const acting = extension("warrant.acting", ACTING, fields.get(FIELD.extensions));
  return {
    payload,
    signature: asEd25519("warrant.signature", signature, 64),
    id: `tnu_wrt_${toHex(asBytes("warrant.id", fields.get(FIELD.id), 16))}`,
    capabilities,
    tools: isIssuer ? parseNames(fields.get(FIELD.issuableTools)) : new Set(capabilities.keys()),
    holder: asEd25519("warrant.holder", fields.get(FIELD.holder), 32),
    issuer: asEd25519("warrant.issuer", fields.get(FIELD.issuer), 32),
    issuedAt: asCount("warrant.issued_at", fields.get(FIELD.issuedAt)),
    expiresAt: asCount("warrant.expires_at", fields.get(FIELD.expiresAt)),
    depth: asCount("warrant.depth", fields.get(FIELD.depth)),
    maximumDepth: asCount("warrant.max_depth", fields.get(FIELD.maximumDepth)),
    parentHash: fields.has(FIELD.parentHash) ? asByteList("warrant.parent_hash", fields.get(FIELD.parentHash)) : null,
    gates,
    terms: terms ? readTerms(terms) : NO_TERMS,
    acting: acting ? readActing(acting) : null,
    requiredApprovers,
    minimumApprovals: asCount("warrant.min_approvals", fields.get(FIELD.minimumApprovals) ?? BigInt(requiredApprovers.length)),
  };
}

/** @param {Value | undefined} value @returns {Set<string>} */
function parseNames(value) {
  return new Set(asList("warrant.tools", value).map((name) => asText("warrant.tools", name)));
}

/** @param {Value} value @returns {Map<string, Capability>} */
function parseCapabilities(value) {
  return mapValues(asTextMap("warrant.tools", value), (capability) => {
    const parts = asTextMap("warrant.tools", capability);
    const constraints = asTextMap("warrant.constraints", parts.get("constraints"));
    return {
      constraints: mapValues(constraints, (item) => parseConstraint("warrant.constraints", item)),
      allowsUnknown: parts.get("allow_unknown") === true,
    };
  });
}

/** @param {Value | undefined} extensions @returns {Map<string, Gate>} */
function readGates(extensions) {
  const encoded = extension("warrant.gates", GATES, extensions);
  return encoded ? mapValues(asTextMap("warrant.gates", decodeLoosely(encoded)), parseGate) : new Map();
}

/** @param {string} field @param {string} name @param {Value | undefined} extensions @returns {Bytes | null} */
function extension(field, name, extensions) {
  const encoded = extensions === undefined ? undefined : asTextMap("warrant.extensions", extensions).get(name);
  return encoded === undefined ? null : asByteList(field, encoded);
}

/** @param {Value} value @returns {Gate} */
function parseGate(value) {
  const parts = asTextMap("warrant.gates", value);
  const rules = parts.get("args") ?? null;
  return {
    rules: rules === null ? null : mapValues(asTextMap("warrant.gates", rules), parseGateRule),
    message: asText("warrant.gates", parts.get("message") ?? ""),
  };
}

/** @param {Value} value @returns {GateRule} */
function parseGateRule(value) {
  if (value === "all") return { when: "always", source: value };
  if (Array.isArray(value)) return { when: "matches", constraint: parseConstraint("warrant.gates", value), source: value };
  const parts = asTextMap("warrant.gates", value);
  if (parts.size !== 1) throw new Refusal("warrant.gates", "A gate of the warrant is not of a form that is known here.");
  return { when: "unless", constraint: parseConstraint("warrant.gates", parts.get("exempt")), source: value };
}

/** @template A, B @param {Map<string, A>} entries @param {(value: A) => B} convert @returns {Map<string, B>} */
function mapValues(entries, convert) {
  return new Map([...entries].map(([key, value]) => [key, convert(value)]));
}

/**
 * Verify a chain, root first. Constraints a child narrows are the worker's to compare; the leaf's
 * are what a person is shown.
 * @param {Bytes[]} chain @param {{ pinnedRoots: Bytes[], now: number }} trust `now` in UTC seconds
 * @returns {Promise<{ warrants: Warrant[], leaf: Warrant | null, problems: Problem[] }>} leaf null: nothing could be read
 */
export async function verifyChain(chain, { pinnedRoots, now }) {
  /** @type {Warrant[]} */
  let warrants;
  try {
    // 1. There is a chain, and every warrant in it can be read.
    if (chain.length < 1 || chain.length > MAXIMUM_CHAIN) {
      throw new Refusal("warrant_chain", `The chain does not have 1 to ${MAXIMUM_CHAIN} warrants.`);
    }
    warrants = chain.map(parseWarrant);
  } catch (error) {
    if (!(error instanceof Refusal)) throw error;
    const field = error.field === "bytes" ? "warrant_chain" : error.field;
    return { warrants: [], leaf: null, problems: [{ field, sentence: error.message }] };
  }
  /** @type {Problem[]} */
  const problems = [];
  const require = (/** @type {boolean} */ holds, /** @type {string} */ field, /** @type {string} */ sentence) => {
    if (!holds) problems.push({ field, sentence });
  };
  for (const [index, warrant] of warrants.entries()) {
    const name = warrants.length === 1 ? "The warrant" : `Warrant ${index + 1} of the chain`;
    const parent = warrants[index - 1];
    // 2. It is signed by the issuer it names.
    const signed = await verify(warrant.issuer, warrant.signature, concat(CONTEXT, warrant.payload));
    require(signed, "warrant.signature", `${name} is not signed by the issuer it names.`);
    // 3. It is in force.
    require(now < warrant.expiresAt, "warrant.expires_at", `${name} has expired.`);
    require(warrant.issuedAt <= now + CLOCK_TOLERANCE_SECONDS, "warrant.issued_at",
      `${name} begins in the future: check this device's clock.`);
    if (parent) await requireLinked(require, name, warrant, parent);
    else {
      // 4. The chain begins at a root this browser pinned.
      require(pinnedRoots.some((root) => equal(root, warrant.issuer)), "warrant.issuer",
        "The chain does not begin at a root that this browser pinned when its key was made.");
      require(warrant.depth === 0 && warrant.parentHash === null, "warrant.depth",
        "The first warrant of the chain is not a root warrant.");
    }
  }
  return { warrants, leaf: warrants.at(-1) ?? null, problems };
}

/**
 * 5. A child comes from its parent and allows no more than it.
 * @param {(holds: boolean, field: string, sentence: string) => void} require
 * @param {string} name @param {Warrant} warrant @param {Warrant} parent
 */
async function requireLinked(require, name, warrant, parent) {
  require(equal(warrant.issuer, parent.holder), "warrant.issuer", `${name} was not issued by its parent's holder.`);
  require(warrant.parentHash !== null && equal(warrant.parentHash, await sha256(parent.payload)),
    "warrant.parent_hash", `${name} names another parent.`);
  require(warrant.depth === parent.depth + 1 && warrant.depth <= parent.maximumDepth &&
    warrant.maximumDepth <= parent.maximumDepth, "warrant.depth", `${name} is deeper than its parent allows.`);
  require(warrant.expiresAt <= parent.expiresAt, "warrant.expires_at", `${name} outlives its parent.`);
  require([...warrant.tools].every((tool) => parent.tools.has(tool)), "warrant.tools",
    `${name} allows a tool that its parent does not.`);
  require([...parent.gates].every(([tool, gate]) => !warrant.tools.has(tool) || keepsGate(warrant.gates.get(tool), gate)),
    "warrant.gates", `${name} drops a gate of its parent.`);
  const added = warrant.requiredApprovers.filter((key) => !hasKey(parent.requiredApprovers, key)).length;
  require(parent.requiredApprovers.length === 0 ||
    (parent.requiredApprovers.every((key) => hasKey(warrant.requiredApprovers, key)) &&
      warrant.minimumApprovals - added >= parent.minimumApprovals), "warrant.required_approvers",
    `${name} could be approved by fewer of its parent's approvers than its parent needs.`);
}

/** @param {Gate | undefined} gate @param {Gate} inherited @returns {boolean} */
function keepsGate(gate, inherited) {
  if (!gate) return false;
  const { rules } = gate;
  if (rules === null) return true;
  return inherited.rules !== null && [...inherited.rules].every(([argument, rule]) => {
    const kept = rules.get(argument);
    return kept !== undefined && equal(encode(kept.source), encode(rule.source));
  });
}

/** @param {Bytes[]} keys @param {Bytes} key @returns {boolean} */
export function hasKey(keys, key) {
  return keys.some((other) => equal(other, key));
}

/**
 * Whether the capability allows these arguments, by name and constraint.
 * @param {Capability} capability @param {Map<string, Value>} values
 * @returns {{ allowed: boolean | null, argument: string }} null: the worker must decide `argument`
 */
export function allows({ constraints, allowsUnknown }, values) {
  if (constraints.size > 0 && !allowsUnknown) {
    const extra = [...values.keys()].find((name) => !constraints.has(name));
    if (extra !== undefined) return { allowed: false, argument: extra };
  }
  let undecided = "";
  for (const [argument, constraint] of constraints) {
    const value = values.get(argument);
    const answer = value === undefined ? false : matches(constraint, value);
    if (answer === false) return { allowed: false, argument };
    if (answer === null) undecided ||= argument;
  }
  return { allowed: undecided ? null : true, argument: undecided };
}

/**
 * Whether the gate stops a call with these arguments. One rule that fires is enough, and a
 * missing argument fires.
 * @param {Gate} gate @param {Map<string, Value>} values
 * @returns {{ fires: boolean | null, argument: string }} null: the worker must decide; "" the whole tool
 */
export function fires({ rules }, values) {
  if (rules === null) return { fires: true, argument: "" };
  let undecided = "";
  for (const [argument, rule] of rules) {
    const answer = ruleFires(rule, values.get(argument));
    if (answer === true) return { fires: true, argument };
    if (answer === null) undecided ||= argument;
  }
  return { fires: undecided ? null : false, argument: undecided };
}

/** @param {GateRule} rule @param {Value | undefined} value @returns {boolean | null} */
function ruleFires(rule, value) {
  if (rule.when === "always" || value === undefined) return true;
  const answer = matches(rule.constraint, value);
  if (answer === null) return null;
  return rule.when === "unless" ? !answer : answer;
}
