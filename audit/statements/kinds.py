"""The kinds of ledger entries. Values are stored and signed; none is ever reused."""

from __future__ import annotations

from enum import StrEnum


class EntryKind(StrEnum):
    """What a ledger entry says happened."""

    WARRANT_MINTED = "warrant.minted"
    WARRANT_ATTENUATED = "warrant.attenuated"
    WARRANT_REVOKED = "warrant.revoked"
    CALL_ALLOWED = "call.allowed"
    CALL_DENIED = "call.denied"
    CALL_GATED = "call.gated"
    APPROVAL_REQUESTED = "approval.requested"
    APPROVAL_GRANTED = "approval.granted"
    APPROVAL_DENIED = "approval.denied"
    APPROVAL_RETRACTED = "approval.retracted"
    APPROVAL_EXPIRED = "approval.expired"
    APPROVAL_WITHDRAWN = "approval.withdrawn"
    APPROVAL_SUPERSEDED = "approval.superseded"
    CALL_RESULT = "call.result"
    RUN_COMPLETED = "run.completed"
    POLICY_PUBLISHED = "policy.published"
    POLICY_RETIRED = "policy.retired"
    NAMESPACE_STOPPED = "namespace.stopped"
    NAMESPACE_RESUMED = "namespace.resumed"
    AGENT_STOPPED = "agent.stopped"
    AGENT_RESUMED = "agent.resumed"
    ISSUER_ANNOUNCED = "issuer.announced"
    ISSUER_ACTIVATED = "issuer.activated"
    ISSUER_RETIRED = "issuer.retired"
    KEY_ENROLLED = "key.enrolled"
    KEY_REVOKED = "key.revoked"
    KEY_ENDORSED = "key.endorsed"
    PEOPLE_ROOT_ESTABLISHED = "people_root.established"
    ROLE_GRANTED = "role.granted"
    ROLE_REVOKED = "role.revoked"
    PERSON_DISABLED = "person.disabled"
    PERSON_ENABLED = "person.enabled"
    PASSKEY_ADDED = "passkey.added"
    PASSKEY_REMOVED = "passkey.removed"
    PAYLOAD_DECODED = "payload.decoded"
    PAYLOAD_ENCODED = "payload.encoded"
    RING_KEY_MADE = "ring.key_made"
    RING_KEY_RETIRED = "ring.key_retired"
    RING_EXPORTED = "ring.exported"
    HISTORY_EXPORTED = "history.exported"
    EVIDENCE_EXPORTED = "evidence.exported"
    PAYLOAD_ERASED = "payload.erased"
    RETENTION_APPLIED = "retention.applied"


# What was decided, in a word, by the kinds that decide.
DECISIONS = {
    EntryKind.CALL_ALLOWED: "allowed",
    EntryKind.CALL_DENIED: "denied",
    EntryKind.CALL_GATED: "gated",
    EntryKind.APPROVAL_GRANTED: "granted",
    EntryKind.APPROVAL_DENIED: "denied",
    EntryKind.APPROVAL_RETRACTED: "retracted",
    EntryKind.APPROVAL_EXPIRED: "expired",
    EntryKind.APPROVAL_WITHDRAWN: "withdrawn",
    EntryKind.APPROVAL_SUPERSEDED: "superseded",
}
