/** Step 8: every decision is taken again, with the same inputs, at the same time. */

import { concat, fromText, toHex } from "../bytes.js";
import { encode } from "../cbor.js";
import { verify } from "../ed25519.js";
import { isFor, readApproval, readMap } from "./approvals.js";
import { holds, violation } from "./constraints.js";
import { Kind } from "./kinds.js";
import { NotChecked, Refused, Step, require } from "./steps.js";
import { problemOf, runsIn } from "./warrants.js";

/** @typedef {import("../bytes.js").Bytes} Bytes */
/** @typedef {import("../cbor.js").Value} Value */
/** @typedef {import("./approvals.js").Signed} Signed */
/** @typedef {import("./reading.js").Entry} Entry */
/** @typedef {import("./receipts.js").Arguments} Arguments */
/** @typedef {import("./receipts.js").Call} Call */
/** @typedef {import("./warrants.js").Warrant} Warrant */
/** @typedef {{ isGate: boolean, sentence: string }} Refusal why a call is not allowed */

// Refusals that do not follow from the warrant: the gate's own checks, revocation, a proof seen before.
const OWN_REFUSALS = new Set([
  "approval-by-a-party", "approval-unbound", "approvers-weakened", "approval-replayed", "approval-lifetime",
  "approval-lapsed", "approval-store-down", "approval-floor", "approver-key-revoked", "approver-barred",
  "approver-not-endorsed", "terms-malformed", "warrant-elsewhere", "warrant-revoked", "pop-signature-invalid",
]);
const POP_CONTEXT = fromText("tenuo-warrant-v1tenuo-pop-v1");
const WINDOW = 30; // seconds
// How many windows after and before its own a proof counts, for first attempts and for Temporal's retries.
const FIRST = { later: 2, earlier: 2 };
const RETRY = { later: 240, earlier: 239 };
const CLOCK_TOLERANCE = 30;

/** @param {Warrant} warrant @param {string} tool @param {Arguments} args @returns {boolean} whether people must sign */
function gateFires(warrant, tool, args) {
  const gate = warrant.gates.get(tool);
  if (!gate) return false;
  const fires = gate.rules === null || [...gate.rules].some(([name, rule]) => {
    const value = args.values.get(name);
    if (value === undefined || rule === "all") return true;
    return holds(rule.constraint, value) !== rule.unless;
  });
  if (fires && warrant.approvers.length === 0) {
    throw new NotChecked(Step.CALL, "not checked here: a gate that nobody may open. Use python -m audit.verify");
  }
  return fires;
}

/** @param {Call} call @returns {boolean | null} null if the arguments were erased */
export function isGated({ warrants, tool, args }) {
  return args === null ? null : gateFires(leafOf(warrants), tool, args);
}

/** @param {Warrant[]} warrants @returns {Warrant} */
function leafOf(warrants) {
  return /** @type {Warrant} */ (warrants.at(-1));
}

/**
 * Step 8. @param {Entry} entry @param {Call} call @param {Set<string>} roots
 * @returns {Promise<string>} what was found
 */
export async function checkCall(entry, call, roots) {
  if (call.args === null) return "not decided again, because the arguments were erased";
  const approvals = await readApprovals(entry);
  if (entry.kind === Kind.CALL_ALLOWED) return checkAllowed(entry, call, roots, approvals);
  if (entry.kind === Kind.CALL_GATED) return checkGated(entry, call, roots, approvals);
  return checkDenied(entry, call, roots, approvals);
}

/** @param {Entry} entry @param {Call} call @param {Set<string>} roots @param {Signed[]} approvals */
async function checkAllowed(entry, call, roots, approvals) {
  const namespace = entry.details.forStep(Step.CALL).text("namespace");
  require(runsIn(call.warrants, namespace), Step.CALL,
    `The call ran in namespace '${namespace}'; its warrant is for an incident elsewhere.`);
  const refusal = await decide(entry, call, roots, approvals, call.decidedAt);
  // A worker decides up to a second before it signs; at the edge of an expiry that second matters.
  const allowed = refusal === null || (await decide(entry, call, roots, approvals, call.decidedAt - 1)) === null;
  require(allowed, Step.CALL, `The call was not allowed by its warrant at that time: ${refusal?.sentence}.`);
  return "allowed again by the warrant";
}

/** @param {Entry} entry @param {Call} call @param {Set<string>} roots @param {Signed[]} approvals */
async function checkGated(entry, call, roots, approvals) {
  require(isGated(call) === true, Step.CALL, "The warrant has no gate that stops this call.");
  const refusal = await decide(entry, call, roots, [], call.decidedAt);
  require(refusal !== null && (call.proof.length === 0 || refusal.isGate), Step.CALL,
    `Without signatures the call does not stop at a gate, but: ${refusal?.sentence ?? "it passes"}.`);
  const insufficient = (await decide(entry, call, roots, approvals, call.decidedAt)) !== null;
  require(insufficient, Step.CALL, "With the signatures it carried, the call was allowed and not stopped.");
  return "stopped again at its gate";
}

/** @param {Entry} entry @param {Call} call @param {Set<string>} roots @param {Signed[]} approvals */
async function checkDenied(entry, call, roots, approvals) {
  const refusal = await decide(entry, call, roots, approvals, call.decidedAt);
  if (refusal !== null) return `refused again: ${refusal.sentence}`;
  require(OWN_REFUSALS.has(call.code), Step.CALL,
    `The warrant allowed this call at that time, but the receipt says '${call.code}'.`);
  return `refused by the worker itself (${call.code})`;
}

/**
 * Decide as Tenuo does: the chain, the tool, its arguments, the proof of possession, the gate, the approvals.
 * @param {Entry} entry @param {Call} call @param {Set<string>} roots @param {Signed[]} approvals
 * @param {number} at UTC seconds @returns {Promise<Refusal | null>} null if the call is allowed
 */
async function decide(entry, call, roots, approvals, at) {
  const { warrants, tool, args } = call;
  const leaf = leafOf(warrants);
  const windows = entry.details.forStep(Step.CALL).integer("attempt") > 1 ? RETRY : FIRST;
  const problem = await problemOf(warrants, roots, at);
  if (problem) return refused(problem.replace(/\.$/, ""));
  const capability = leaf.capabilities.get(tool);
  if (!capability) return refused(`Tool '${tool}' is not authorized`);
  const values = /** @type {Arguments} */ (args);
  const violated = violation(capability, values.values);
  if (violated) return refused(violated);
  if (!(await isProven(call, values, at, windows))) return refused("Proof-of-Possession verification failed");
  if (!gateFires(leaf, tool, values)) return null;
  if (approvals.length === 0) return { isGate: true, sentence: `Approval required for tool '${tool}'` };
  const named = new Set(leaf.approvers.map(toHex));
  if (approvals.some(({ signedAt }) => signedAt > at + CLOCK_TOLERANCE)) {
    throw new NotChecked(Step.CALL, "not checked here: an approval that was signed later. Use python -m audit.verify");
  }
  const valid = approvals.filter((one) => named.has(one.key) && isFor(one, call.requestHash, at));
  const given = new Set(valid.map(({ key }) => key));
  return given.size >= leaf.threshold ? null : refused(`${given.size} valid approvals, where ${leaf.threshold} are needed`);
}

/** @param {string} sentence @returns {Refusal} */
function refused(sentence) {
  return { isGate: false, sentence };
}

/**
 * Whether the holder proved possession of its key: it signed "tenuo-warrant-v1" "tenuo-pop-v1" and CBOR of the warrant's
 * id, the tool, the arguments as pairs, and the time rounded down to 30 s.
 * @param {Call} call @param {Arguments} args @param {number} at @param {{ later: number, earlier: number }} windows
 */
async function isProven({ warrants, tool, proof }, args, at, { later, earlier }) {
  const { id, holder } = leafOf(warrants);
  if (proof.length !== 64) return false;
  const pairs = [...args.values].map(([name, value]) => /** @type {Value} */ ([name, value]));
  const now = Math.floor(at / WINDOW);
  // The nearest first.
  const candidates = Array.from({ length: later + earlier + 1 }, (_, index) => now - later + index)
    .sort((a, b) => Math.abs(a - now) - Math.abs(b - now));
  for (const window of candidates.filter((one) => one >= 0)) {
    const challenge = encode([id.replace("tnu_wrt_", ""), tool, pairs, BigInt(window * WINDOW)]);
    if (await verify(holder, proof, concat(POP_CONTEXT, challenge))) return true;
  }
  return false;
}

/** @param {Entry} entry @returns {Promise<Signed[]>} */
async function readApprovals(entry) {
  const data = entry.details.forStep(Step.CALL).listOfData("approvals");
  if (entry.kind === Kind.CALL_ALLOWED) {
    const readable = data.every((item) => readMap(item, Step.CALL).get("approval_version") === 1n);
    require(readable, Step.CALL, "An approval of the call cannot be read: its version is not known here.");
  }
  const read = await Promise.allSettled(data.map((item) => readApproval(item, Step.CALL)));
  const failed = read.find((one) => one.status === "rejected");
  if (failed && !(failed.reason instanceof Refused)) throw failed.reason;
  // What an agent sent along with a refused call may be anything; what let a call run is judged in step 9.
  return read.flatMap((one) => (one.status === "fulfilled" ? [one.value] : []));
}
