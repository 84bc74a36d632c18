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
