/**
 * What the policy says about deciding, from a warrant's extension "countersign.terms"; the twin of
 * audit/statements/terms.py. Those of the chain's root hold: only an issuer that is trusted wrote them.
 */

import { decode } from "./cbor.js";
import { Refusal } from "./refusal.js";
import { asCount, asList, asText, asTextMap } from "./shape.js";

/** @typedef {import("./bytes.js").Bytes} Bytes */
/**
 * @typedef {object} Terms
 * @property {string} policy its name; empty without one
 * @property {number} version of the policy
 * @property {Bytes} policyDigest SHA-256 of its text, or empty
 * @property {string} policyVersion such as "incident-response@3"; empty without a policy
 * @property {number} approvalSeconds the longest life of an approval, or 0 if the policy does not say
 * @property {boolean} oneDenialEnds
 * @property {string[]} barredPeople external ids of people who must not approve
 */

const FIELDS = "approval_seconds,barred_people,one_denial_ends,policy,policy_digest,policy_version";
const MAXIMUM_BARRED = 20;

/** @type {Terms} those of a warrant that was minted elsewhere */
export const NO_TERMS = {
  policy: "", version: 0, policyDigest: new Uint8Array(), policyVersion: "", approvalSeconds: 0, oneDenialEnds: false, barredPeople: [],
};

/** @param {Bytes} bytes @returns {Terms} */
export function readTerms(bytes) {
  const facts = asTextMap("warrant.terms", decode(bytes));
  const digest = facts.get("policy_digest");
  const oneDenialEnds = facts.get("one_denial_ends");
  const barred = asList("warrant.terms", facts.get("barred_people"));
  const isDigest = digest instanceof Uint8Array && (digest.length === 0 || digest.length === 32);
  if ([...facts.keys()].join() !== FIELDS || typeof oneDenialEnds !== "boolean" || !isDigest || barred.length > MAXIMUM_BARRED) {
    throw new Refusal("warrant.terms", "The policy's terms in the warrant are not of a form that is known here.");
  }
  const policy = asText("warrant.terms", facts.get("policy"), 64);
  const version = asCount("warrant.terms", facts.get("policy_version"));
  return {
    policy,
    version,
    policyDigest: digest,
    policyVersion: policy && `${policy}@${version}`,
    approvalSeconds: asCount("warrant.terms", facts.get("approval_seconds")),
    oneDenialEnds,
    barredPeople: barred.map((person) => asText("warrant.terms", person, 320)),
  };
}
