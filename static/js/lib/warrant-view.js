/** A verified chain as a page shows it: plain text and lists, nothing to interpret. */

import { sha256, toHex } from "./bytes.js";
import { describe } from "./constraints.js";
import { visible } from "./visible-text.js";
import { hasKey } from "./warrant.js";

/** @typedef {import("./bytes.js").Bytes} Bytes */
/** @typedef {import("./warrant.js").Warrant} Warrant */
/** @typedef {{ name: string, rule: string }} RuleView */
/** @typedef {{ fingerprint: string, isOwn: boolean }} KeyView */
/**
 * Times are UTC seconds since 1970; keys are shown by fingerprint, the SHA-256 of their 32 bytes.
 * @typedef {object} WarrantView
 * @property {string} id
 * @property {KeyView} root the chain's first issuer
 * @property {KeyView} issuer
 * @property {KeyView} holder
 * @property {number} issuedAt
 * @property {number} expiresAt of the leaf; no warrant of the chain ends sooner
 * @property {{ id: string, holder: KeyView, expiresAt: number }[]} chain root first
 * @property {{ tool: string, isCalled: boolean, rules: RuleView[] }[]} capabilities
 * @property {{ tool: string, sentences: string[], message: string }[]} gates
 * @property {KeyView[]} approvers
 * @property {number} minimumApprovals
 * @property {string} policy with its version; empty if the warrant names none
 * @property {string} longestApproval how long an approval may live, in words; empty if the policy does not say
 * @property {import("./acting.js").Acting | null} acting for whom the agent works; null: on its own account
 * @property {string[]} barred people who must not approve
 * @property {string} denials what ends a request, in words
 */

/** @param {Bytes} publicKey @returns {Promise<string>} 64 hexadecimal digits */
export async function fingerprint(publicKey) {
  return toHex(await sha256(publicKey));
}

/**
 * @param {Warrant[]} warrants root first, at least one @param {string} tool the call's
 * @param {Bytes | null} ownKey @returns {Promise<WarrantView>}
 */
export async function viewChain(warrants, tool, ownKey) {
  const [first, leaf] = [warrants[0], warrants.at(-1)];
  if (!first || !leaf) throw new RangeError("a chain has at least one warrant");
  const keyView = async (/** @type {Bytes} */ key) => ({
    fingerprint: await fingerprint(key),
    isOwn: ownKey !== null && hasKey([key], ownKey),
  });
  return {
    id: leaf.id,
    root: await keyView(first.issuer),
    issuer: await keyView(leaf.issuer),
    holder: await keyView(leaf.holder),
    issuedAt: leaf.issuedAt,
    expiresAt: leaf.expiresAt,
    chain: await Promise.all(
      warrants.map(async ({ id, holder, expiresAt }) => ({ id, holder: await keyView(holder), expiresAt })),
    ),
    capabilities: [...leaf.capabilities].map(([name, capability]) => ({
      tool: visible(name),
      isCalled: name === tool,
      rules: viewRules(capability),
    })),
    gates: [...leaf.gates].map(([name, gate]) => ({
      tool: visible(name),
      sentences: describeGate(gate),
      message: visible(gate.message),
    })),
    approvers: await Promise.all(leaf.requiredApprovers.map(keyView)),
    minimumApprovals: leaf.minimumApprovals,
    policy: visible(first.terms.policyVersion),
    longestApproval: first.terms.approvalSeconds > 0 ? spanWords(first.terms.approvalSeconds) : "",
    acting: first.acting && { agent: visible(first.acting.agent), person: visible(first.acting.person) },
    barred: first.terms.barredPeople.map(visible),
    denials: first.terms.oneDenialEnds
      ? "One denial ends a request."
      : "Denials end a request once they make enough approvals impossible.",
  };
}

/** @param {number} seconds @returns {string} */
function spanWords(seconds) {
  const [minutes, rest] = [Math.floor(seconds / 60), seconds % 60];
  return [minutes > 0 && `${minutes} min`, rest > 0 && `${rest} s`].filter(Boolean).join(" ");
}

/** @param {import("./warrant.js").Capability} capability @returns {RuleView[]} */
function viewRules({ constraints, allowsUnknown }) {
  const rules = [...constraints].map(([name, rule]) => ({ name: visible(name), rule: visible(describe(rule)) }));
  if (constraints.size === 0 || allowsUnknown) rules.push({ name: "any other argument", rule: "anything" });
  return rules;
}

/** @param {import("./warrant.js").Gate} gate @returns {string[]} */
export function describeGate({ rules }) {
  if (rules === null) return ["every call needs a signature"];
  return [...rules].map(([argument, rule]) => {
    const name = visible(argument);
    if (rule.when === "always") return `every call with ${name} needs a signature`;
    const words = visible(describe(rule.constraint));
    return rule.when === "unless"
      ? `needs a signature unless ${name} is ${words}`
      : `needs a signature if ${name} is ${words}`;
  });
}
