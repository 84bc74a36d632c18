/** The kinds of ledger entries, and which are no part of an incident. The twin of audit/statements/kinds.py. */

export const Kind = {
  WARRANT_MINTED: "warrant.minted",
  WARRANT_ATTENUATED: "warrant.attenuated",
  WARRANT_REVOKED: "warrant.revoked",
  CALL_ALLOWED: "call.allowed",
  CALL_DENIED: "call.denied",
  CALL_GATED: "call.gated",
  APPROVAL_REQUESTED: "approval.requested",
  APPROVAL_GRANTED: "approval.granted",
  APPROVAL_DENIED: "approval.denied",
  APPROVAL_RETRACTED: "approval.retracted",
  APPROVAL_EXPIRED: "approval.expired",
  APPROVAL_WITHDRAWN: "approval.withdrawn",
  APPROVAL_SUPERSEDED: "approval.superseded",
  CALL_RESULT: "call.result",
  RUN_COMPLETED: "run.completed",
};

/** Kinds that are recorded in chains of their own, with the sentence that says so. @type {Map<string, string>} */
export const ELSEWHERE = new Map([
  ...["key.enrolled", "key.revoked", "key.endorsed", "people_root.established", "passkey.added", "passkey.removed"].map(
    (kind) => /** @type {[string, string]} */ ([kind, "People's keys are recorded in a chain of their own, not in an incident's."])),
  ...["role.granted", "role.revoked", "person.disabled", "person.enabled"].map(
    (kind) => /** @type {[string, string]} */ ([kind, "What people may do is recorded in a chain of its own, not in an incident's."])),
  ...[
    "policy.published", "policy.retired", "namespace.stopped", "namespace.resumed",
    "agent.stopped", "agent.resumed", "issuer.announced", "issuer.activated", "issuer.retired",
    "payload.decoded", "payload.encoded", "ring.key_made", "ring.key_retired", "ring.exported", "history.exported",
    "evidence.exported", "payload.erased", "retention.applied",
  ].map(
    (kind) => /** @type {[string, string]} */ ([kind, "Policies, rings, decoded payloads and exports are recorded in chains of their own."])),
]);

export const KINDS = new Set([...Object.values(Kind), ...ELSEWHERE.keys()]);
