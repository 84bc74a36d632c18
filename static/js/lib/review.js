/**
 * The review: what this browser checks before a person can sign.
 *
 * The server is not believed. From the warrant chain, the arguments' bytes and the roots pinned
 * when the key was made, everything is computed again; what the page shows comes from the bytes
 * that are hashed. One problem, and there is no `subject`: nothing can be signed.
 */

import { MAXIMUM_POLICY_VERSION, MAXIMUM_REASON } from "./approval.js";
import { equal, fromBase64, fromHex } from "./bytes.js";
import { decode, encode } from "./cbor.js";
import { displayDigest, readDisplay } from "./display.js";
import { Refusal } from "./refusal.js";
import { hashedBytes, requestHash } from "./request-hash.js";
import { asText, asTextMap } from "./shape.js";
import { viewEntries } from "./values.js";
import { visible } from "./visible-text.js";
import { describeGate, viewChain } from "./warrant-view.js";
import { allows, fires, hasKey, verifyChain } from "./warrant.js";

/** @typedef {import("./approval.js").Binding} Binding */
/** @typedef {import("./bytes.js").Bytes} Bytes */
/** @typedef {import("./cbor.js").Value} Value */
/** @typedef {import("./warrant.js").Problem} Problem */
/** @typedef {import("./warrant.js").Warrant} Warrant */
/** @typedef {{ name: string, ok: boolean, sentence: string }} Check */
/** @typedef {{ publicKey: Bytes | null, pinnedRoots: Bytes[], now: number }} Trust  `now` in UTC seconds */
/**
 * What the server says, read but not believed.
 * @typedef {object} Claim
 * @property {Binding} binding
 * @property {string} tool
 * @property {Bytes} requestHash
 * @property {Bytes} argumentsCbor
 * @property {Bytes} display
 * @property {Bytes[]} warrantChain
 * @property {string} externalId
 * @property {number} expiresAt UTC seconds
 * @property {number} lifetime seconds
 */
/**
 * What may be signed, and nothing else may.
 * @typedef {object} Subject
 * @property {Binding} binding
 * @property {string} tool
 * @property {Bytes} requestHash
 * @property {Bytes} hashedBytes what `requestHash` is the SHA-256 of
 * @property {string} externalId
 * @property {number} lifetime seconds that an approval may live
 * @property {number} expiresAt UTC seconds, of request or warrant, whichever ends first
 */
/**
 * @typedef {object} Review
 * @property {import("./values.js").EntryView[] | null} arguments from the bytes that are hashed; null: unreadable
 * @property {import("./display.js").Display | null} display from the bytes whose digest is signed; null: unreadable
 * @property {Map<string, Value> | null} values the same, as values
 * @property {Warrant | null} leaf the warrant that the call is made under; null: unreadable
 * @property {import("./warrant-view.js").WarrantView | null} warrant null: unreadable
 * @property {string} gate why the call stopped, as this browser reads the warrant
 * @property {Check[]} checks
 * @property {Problem[]} problems any of them makes signing impossible
 * @property {Subject | null} subject null if there is a problem
 */

const LONGEST_LIFETIME_SECONDS = 24 * 60 * 60;

class Findings {
  /** @type {Check[]} */
  checks = [];
  /** @type {Problem[]} */
  problems = [];

  /** @param {string} name @param {string} field @param {boolean} ok @param {string} good @param {string} bad */
  add(name, field, ok, good, bad) {
    this.checks.push({ name, ok, sentence: ok ? good : bad });
    if (!ok) this.problems.push({ field, sentence: bad });
  }
}

/**
 * @param {unknown} signing the server's "signing" JSON @param {Trust} trust
 * @returns {Promise<Review>} never throws for anything a server can send
 */
export async function review(signing, trust) {
  const findings = new Findings();
  /** @type {Claim} */
  let claim;
  try {
    claim = readClaim(signing);
  } catch (error) {
    if (!(error instanceof Refusal)) throw error;
    findings.add("request", error.field, false, "", `The server's data cannot be read. ${error.message}`);
    return {
      arguments: null, display: null, values: null, leaf: null, warrant: null, gate: "", ...findings, subject: null,
    };
  }
  // 1. The chain verifies up to a root this browser pinned.
  const { warrants, leaf, problems } = await verifyChain(claim.warrantChain, trust);
  findings.problems.push(...problems);
  const verified = problems.length === 0;
  findings.checks.push({
    name: "chain",
    ok: verified,
    sentence: verified
      ? "The warrant is signed, unexpired, and comes from the root this browser pinned."
      : `The warrant does not verify here. ${problems[0]?.sentence}`,
  });
  // 2. The arguments are canonical: their bytes can be read in one way only.
  const values = checkArguments(claim, findings);
  // 8. What is shown beside the call is what is signed.
  const display = await checkDisplay(claim, findings);
  if (leaf) await checkCall(claim, warrants, leaf, values, trust, findings);
  if (leaf) checkPolicy(claim, warrants, leaf, display, findings);
  checkTimes(claim, trust, findings);
  const isSound = leaf !== null && findings.problems.length === 0;
  return {
    arguments: values && viewEntries(values),
    display,
    values,
    leaf,
    warrant: leaf && (await viewChain(warrants, claim.tool, trust.publicKey)),
    gate: leaf ? gateSentence(claim.tool, leaf) : "",
    checks: findings.checks,
    problems: findings.problems,
    subject: isSound ? subjectOf(claim, leaf) : null,
  };
}

/** @param {unknown} signing @returns {Claim} */
function readClaim(signing) {
  if (typeof signing !== "object" || signing === null) throw new Refusal("signing", "signing is not an object.");
  const json = /** @type {Record<string, unknown>} */ (signing);
  const text = (/** @type {string} */ field, maximum = 1000) => {
    const value = asText(field, json[field], maximum);
    if (value === "") throw new Refusal(field, `${field} is empty.`);
    return value;
  };
  const seconds = (/** @type {string} */ field) => {
    const value = json[field];
    if (typeof value !== "number" || !Number.isSafeInteger(value) || value < 0) {
      throw new Refusal(field, `${field} is not a whole number of seconds.`);
    }
    return value;
  };
  const chain = json.warrant_chain;
  if (!Array.isArray(chain)) throw new Refusal("warrant_chain", "warrant_chain is not a list.");
  return {
    binding: {
      requestId: text("request_id"),
      namespace: text("namespace"),
      workflowId: text("workflow_id"),
      runId: text("run_id"),
      displayDigest: fromHex(text("display_digest"), "display_digest"),
      policyVersion: asText("policy_version", json.policy_version, MAXIMUM_POLICY_VERSION),
    },
    tool: text("tool"),
    requestHash: fromHex(text("request_hash"), "request_hash"),
    argumentsCbor: fromBase64(/** @type {string} */ (json.arguments_cbor), "arguments_cbor"),
    display: fromBase64(/** @type {string} */ (json.display), "display"),
    warrantChain: chain.map((item) => fromBase64(item, "warrant_chain")),
    externalId: text("external_id", 320),
    expiresAt: seconds("expires_at"),
    lifetime: seconds("signature_lifetime_seconds"),
  };
}

/** @param {Claim} claim @param {Findings} findings @returns {Map<string, Value> | null} */
function checkArguments({ argumentsCbor }, findings) {
  const good = "The arguments shown are the bytes that are signed.";
  try {
    const values = asTextMap("arguments_cbor", decode(argumentsCbor));
    findings.add("arguments", "arguments_cbor", equal(encode(values), argumentsCbor), good,
      "The arguments do not encode to the bytes they came in.");
    return values;
  } catch (error) {
    if (!(error instanceof Refusal)) throw error;
    findings.add("arguments", "arguments_cbor", false, good, `The arguments cannot be read. ${error.message}`);
    return null;
  }
}

/** @param {Claim} claim @param {Findings} findings @returns {Promise<import("./display.js").Display | null>} */
async function checkDisplay({ binding, display }, findings) {
  const good = "The agent's words, the gate's message and the calls before are shown as they are signed.";
  try {
    const shown = readDisplay(display);
    findings.add("display", "display_digest", equal(await displayDigest(display), binding.displayDigest), good,
      "The agent's words, the gate's message or the calls before are not those that the gate sent.");
    return shown;
  } catch (error) {
    if (!(error instanceof Refusal)) throw error;
    findings.add("display", error.field, false, good, `What the agent says and did cannot be read. ${error.message}`);
    return null;
  }
}

/**
 * @param {Claim} claim @param {Warrant[]} warrants @param {Warrant} leaf
 * @param {import("./display.js").Display | null} display @param {Findings} findings
 */
function checkPolicy({ binding }, warrants, leaf, display, findings) {
  // 9. The policy that is signed is the one in the root warrant, and the gate waits for as many people.
  const policy = warrants[0]?.terms.policyVersion ?? "";
  findings.add("policy", "policy_version", binding.policyVersion === policy,
    policy ? `The policy is ${visible(policy)}, as the warrant says.` : "The warrant names no policy.",
    `The warrant was made under ${visible(policy) || "no policy"}, the server names ${visible(binding.policyVersion) || "none"}.`);
  if (!display) return;
  findings.add("people", "threshold", display.threshold === leaf.minimumApprovals,
    "The gate waits for as many people as the warrant asks for.",
    "The gate says that another number of people is needed than the warrant asks for.");
}

/**
 * @param {Claim} claim @param {Warrant[]} warrants @param {Warrant} leaf @param {Map<string, Value> | null} values
 * @param {Trust} trust @param {Findings} findings
 */
async function checkCall(claim, warrants, leaf, values, { publicKey }, findings) {
  const tool = visible(claim.tool);
  // 3. The warrant allows this tool with these arguments.
  const capability = leaf.capabilities.get(claim.tool);
  findings.add("tool", "tool", capability !== undefined, `The warrant allows ${tool}.`,
    `The warrant does not allow ${tool} at all.`);
  if (capability && values) checkConstraints(capability, values, findings);
  // 4. The warrant's gate stops this call: a signature is really needed.
  checkGate(claim.tool, leaf, values, findings);
  // 5. The request hash is the hash of exactly this warrant, tool, arguments and holder.
  const hash = await requestHash(leaf.id, claim.tool, claim.argumentsCbor, leaf.holder);
  findings.add("hash", "request_hash", equal(hash, claim.requestHash),
    "The request hash, computed here, is the one the server named.",
    "The request hash computed here is not the one the server named: tool, arguments or warrant were changed.");
  // 6. The warrant names this browser's key as an approver, and the key is nobody else's in it.
  const named = publicKey !== null && hasKey(leaf.requiredApprovers, publicKey);
  const isParty = publicKey !== null && hasKey(warrants.flatMap(({ holder, issuer }) => [holder, issuer]), publicKey);
  findings.add("approver", "required_approvers", named && !isParty,
    "The warrant names this browser's key as an approver.",
    isParty ? "This browser's key is an agent's or an issuer's: it cannot approve."
      : "The warrant does not name this browser's key as an approver.");
}

/** @param {import("./warrant.js").Capability} capability @param {Map<string, Value>} values @param {Findings} findings */
function checkConstraints(capability, values, findings) {
  const { allowed, argument } = allows(capability, values);
  const name = visible(argument);
  findings.add("constraints", `arguments.${argument}`, allowed !== false,
    allowed === null
      ? `The arguments are within the warrant, but only the worker can check ${name}.`
      : "The arguments are within the warrant.",
    `The warrant does not allow the argument ${name} as it is: the worker would refuse the call.`);
}

/** @param {string} tool @param {Warrant} leaf @param {Map<string, Value> | null} values @param {Findings} findings */
function checkGate(tool, leaf, values, findings) {
  const gate = leaf.gates.get(tool);
  const outcome = gate && values ? fires(gate, values) : { fires: gate ? null : false, argument: "" };
  findings.add("gate", "gate", outcome.fires !== false,
    outcome.fires === null
      ? "The warrant has a gate for this tool; the worker decides whether it stops this call."
      : "The warrant's gate stops this call until people sign.",
    "The warrant has no gate that stops this call: it needs no signature, so somebody wants one for nothing.");
}

/** @param {Claim} claim @param {Trust} trust @param {Findings} findings */
function checkTimes({ expiresAt, lifetime }, { now }, findings) {
  // 7. There is still time, and the signature will not outlive what anybody could need.
  findings.add("time", "expires_at", now < expiresAt, "The request is still open by this device's clock.",
    "The request has expired by this device's clock.");
  findings.add("lifetime", "signature_lifetime_seconds", lifetime > 0 && lifetime <= LONGEST_LIFETIME_SECONDS,
    "The signature will be short lived.", "The server asks for a signature that lives longer than a day, or not at all.");
}

/** @param {string} tool @param {Warrant} leaf @returns {string} */
function gateSentence(tool, leaf) {
  const gate = leaf.gates.get(tool);
  if (!gate) return "";
  const people = leaf.minimumApprovals === 1 ? "1 signature is" : `${leaf.minimumApprovals} signatures are`;
  return `${visible(tool)}: ${describeGate(gate).join("; ")}. ${people} needed, of ${leaf.requiredApprovers.length} approvers' keys.`;
}

/** @param {Claim} claim @param {Warrant} leaf @returns {Subject} */
function subjectOf(claim, leaf) {
  return {
    binding: claim.binding,
    tool: claim.tool,
    requestHash: claim.requestHash,
    hashedBytes: hashedBytes(leaf.id, claim.tool, claim.argumentsCbor, leaf.holder),
    externalId: claim.externalId,
    lifetime: claim.lifetime,
    expiresAt: Math.min(claim.expiresAt, leaf.expiresAt),
  };
}

/** @returns {Bytes} 16 bytes that were never used before */
export function newNonce() {
  return crypto.getRandomValues(new Uint8Array(16));
}

/**
 * @param {Subject} subject @param {{ reason: string, now: number, nonce: Bytes }} choice
 * @returns {import("./approval.js").ApprovalTerms}
 */
export function approvalTerms(subject, { reason, now, nonce }) {
  return {
    requestHash: subject.requestHash,
    nonce,
    externalId: subject.externalId,
    approvedAt: now,
    expiresAt: Math.min(now + subject.lifetime, subject.expiresAt),
    binding: subject.binding,
    reason: asText("reason", reason, MAXIMUM_REASON),
  };
}

/**
 * @param {Subject} subject @param {{ reason: string, now: number, nonce: Bytes, proposed?: Bytes | null }} choice
 * @returns {import("./denial.js").DenialTerms}
 */
export function denialTerms(subject, { reason, now, nonce, proposed = null }) {
  return {
    requestHash: subject.requestHash,
    nonce,
    externalId: subject.externalId,
    deniedAt: now,
    reason,
    binding: subject.binding,
    proposedArguments: proposed,
  };
}
