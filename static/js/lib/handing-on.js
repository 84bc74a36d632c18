/**
 * Handing a warrant on to its agent: the draft of the child, read and held against its parent before a person signs.
 *
 * The server drafts; nothing of it is believed. What the child says must be the parent's own, byte for byte, but for
 * what a child has of its own: its id, holder, issuer, times, depth and parent hash; and it may leave tools out.
 */

import { concat, equal, sha256 } from "./bytes.js";
import { decodeLoosely, encode } from "./cbor.js";
import { sign } from "./ed25519.js";
import { Refusal } from "./refusal.js";
import { asByteList, asMap, asTextMap } from "./shape.js";
import { CLOCK_TOLERANCE_SECONDS, CONTEXT, FIELD, GATES, hasKey, parseWarrant, verifyChain } from "./warrant.js";

/** @typedef {import("./bytes.js").Bytes} Bytes */
/** @typedef {import("./cbor.js").Value} Value */
/** @typedef {import("./cbor.js").ValueMap} ValueMap */
/** @typedef {import("./warrant.js").Problem} Problem */
/** @typedef {import("./warrant.js").Warrant} Warrant */
/**
 * What somebody is to hand on. Times are UTC seconds since 1970.
 * @typedef {object} Draft
 * @property {Bytes} parent the warrant that they hold, signed
 * @property {Bytes} draft the child's payload, not yet signed
 * @property {Bytes} agentKey whom it is for
 * @property {Bytes} ownKey this browser's
 * @property {string} person external id of whoever signs
 * @property {Bytes[]} pinnedRoots
 * @property {number} now
 */
/** @typedef {{ tools: string[], seconds: number }} Lost  tools that the child has no more, and how much sooner it ends */
/** @typedef {{ parent: Warrant | null, child: Warrant | null, lost: Lost | null, problems: Problem[] }} Review */

const APPROVERS = "warrant.required_approvers";
const NO_SIGNATURE = new Uint8Array(64);
const OWN = new Set([
  FIELD.id, FIELD.tools, FIELD.holder, FIELD.issuer, FIELD.issuedAt, FIELD.expiresAt, FIELD.parentHash, FIELD.extensions, FIELD.depth,
]);
/** What a child has of its parent, with the field that is named where it has something else. @type {Map<number, string>} */
const INHERITED = new Map([
  [FIELD.version, "warrant"], [FIELD.type, "warrant"], [FIELD.maximumDepth, "warrant"],
  [FIELD.requiredApprovers, APPROVERS], [FIELD.minimumApprovals, APPROVERS],
]);

/** @param {Draft} draft @returns {Promise<Review>} nothing may be signed unless `problems` is empty */
export async function reviewDraft({ parent: parentBytes, draft, agentKey, ownKey, person, pinnedRoots, now }) {
  const { leaf: parent, problems } = await verifyChain([parentBytes], { pinnedRoots, now });
  if (!parent) return { parent, child: null, lost: null, problems };
  const require = (/** @type {boolean} */ holds, /** @type {string} */ field, /** @type {string} */ sentence) => {
    if (!holds) problems.push({ field, sentence });
  };
  /** @type {Warrant | null} */
  let child = null;
  try {
    child = parseWarrant(enveloped(draft, NO_SIGNATURE));
    // 1. It is this person's to hand on, to the agent that was named, and to nobody after that.
    require(equal(parent.holder, ownKey), "warrant.holder", "The warrant was not made for this browser's key.");
    require(parent.maximumDepth === 1, "warrant.depth", "The warrant could be handed on more than once.");
    require(parent.terms.barredPeople.includes(person), "warrant.terms", "The warrant would let you approve under it.");
    require(!hasKey(parent.requiredApprovers, ownKey), APPROVERS, "Your key is among its approvers.");
    require(!equal(agentKey, ownKey) && !hasKey(parent.requiredApprovers, agentKey), "warrant.holder",
      "The agent's key is yours, or an approver's.");
    require(equal(child.holder, agentKey), "warrant.holder", "What you would sign is for another key than the agent's.");
    require(equal(child.issuer, ownKey), "warrant.issuer", "What you would sign names another key as yours.");
    // 2. It comes from this parent, and lives within it.
    require(child.id !== parent.id, "warrant.id", "It has the same id as the warrant that it comes from.");
    require(child.parentHash !== null && equal(child.parentHash, await sha256(parent.payload)), "warrant.parent_hash",
      "It names another parent.");
    require(child.depth === parent.depth + 1, "warrant.depth", "It does not stand right below its parent.");
    require(child.expiresAt <= parent.expiresAt, "warrant.expires_at", "It outlives its parent.");
    require(child.expiresAt > now, "warrant.expires_at", "Its time is over.");
    require(parent.issuedAt <= child.issuedAt && child.issuedAt <= now + CLOCK_TOLERANCE_SECONDS, "warrant.issued_at",
      "It does not begin now: check this device's clock.");
    // 3. It says nothing else than its parent, but for tools that it leaves out.
    requireSame(require, fieldsOf(parent.payload), fieldsOf(draft));
  } catch (error) {
    if (!(error instanceof Refusal)) throw error;
    problems.push({ field: error.field, sentence: error.message });
  }
  const lost = child && { tools: [...parent.tools].filter((tool) => !child.tools.has(tool)), seconds: parent.expiresAt - child.expiresAt };
  return { parent, child, lost, problems };
}

/**
 * @param {(holds: boolean, field: string, sentence: string) => void} require
 * @param {ValueMap} parent @param {ValueMap} child
 */
function requireSame(require, parent, child) {
  for (const key of child.keys()) {
    require(OWN.has(Number(key)) || INHERITED.has(Number(key)), "warrant", `It has a field ${key}, which is not known here.`);
  }
  for (const [key, name] of INHERITED) {
    require(isSame(parent.get(key), child.get(key)), name, name === APPROVERS
      ? "Others would approve than under its parent, or fewer." : `Its field ${key} is another than its parent's.`);
  }
  const [had, has] = [asTextMap("warrant.tools", parent.get(FIELD.tools)), asTextMap("warrant.tools", child.get(FIELD.tools))];
  require(has.size > 0, "warrant.tools", "It allows nothing.");
  for (const [tool, capability] of has) {
    require(isSame(had.get(tool), capability), "warrant.tools", `It allows '${tool}' otherwise than its parent.`);
  }
  const [before, after] = [gatesOf(parent), gatesOf(child)];
  for (const tool of new Set([...has.keys(), ...after.keys()])) {
    require(isSame(before.get(tool), after.get(tool)) && has.has(tool), "warrant.gates",
      `It stops '${tool}' for people otherwise than its parent.`);
  }
}

/** @param {Value | undefined} one @param {Value | undefined} other @returns {boolean} */
function isSame(one, other) {
  return one === undefined || other === undefined ? one === other : equal(encode(one), encode(other));
}

/** @param {Bytes} payload @returns {ValueMap} */
function fieldsOf(payload) {
  return asMap("warrant", decodeLoosely(payload));
}

/** @param {ValueMap} fields @returns {Map<string, Value>} the gates, and no other extension in a child */
function gatesOf(fields) {
  const extensions = asTextMap("warrant.extensions", fields.get(FIELD.extensions) ?? new Map());
  const other = fields.has(FIELD.parentHash) && [...extensions.keys()].find((name) => name !== GATES);
  if (other) throw new Refusal("warrant.extensions", "It has an extension that its parent's holder cannot give.");
  const encoded = extensions.get(GATES);
  return encoded === undefined ? new Map() : asTextMap("warrant.gates", decodeLoosely(asByteList("warrant.gates", encoded)));
}

/**
 * Sign a draft that was reviewed, and verify what came out. @param {Draft} draft @param {import("./ed25519.js").Signer} signer
 * @returns {Promise<Bytes>} the child, as its agent gets it @throws {Refusal} unless it verifies from its parent
 */
export async function signDraft(draft, signer) {
  const { problems } = await reviewDraft(draft);
  if (problems[0]) throw new Refusal(problems[0].field, problems[0].sentence);
  const signed = enveloped(draft.draft, await sign(signer, concat(CONTEXT, draft.draft)));
  const found = await verifyChain([draft.parent, signed], draft);
  if (found.problems[0]) throw new Refusal(found.problems[0].field, found.problems[0].sentence);
  return signed;
}

/** @param {Bytes} payload @param {Bytes} signature @returns {Bytes} */
function enveloped(payload, signature) {
  return encode([1n, payload, [1n, signature]]);
}
