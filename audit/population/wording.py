"""What an entry says, for files that people and programs read: names in plain, bytes in hexadecimal.

Whoever may not see what agents said and were given gets a fixed list of an entry's details; what is not on it, also
of kinds that come later, is left out.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from audit.ledger.queries import UNREADABLE
from audit.models import Attachment, LedgerEntry
from audit.population.errors import BrokenOff
from audit.statements import cbor, statements
from audit.statements.entries import entry_hash
from audit.statements.kinds import EntryKind
from audit.verify.approvals import read_approval, read_denial
from audit.verify.steps import Refused, Step

# What an entry says besides content. Whole values: maps are of names, people, keys and digests.
_PLAIN = frozenset({
    "activity_id", "agent", "approvers", "attempt", "by", "code", "count", "decided_at_ms", "ends_request", "endorser",
    "endorser_key", "error_type", "export", "expires_at", "form", "incident", "key", "keys", "namespace", "number",
    "people_root", "periods", "person", "policy", "policy_version", "request_hash", "request_id", "role", "root",
    "run_id", "runs", "status", "step_up", "strength", "threshold", "tool", "warrant_id", "worker", "worker_sequence",
    "workflow_id",
})  # fmt: skip
# Of these a person wrote the reason. Of others an agent or its workflow may have.
_PEOPLES_REASONS = (EntryKind.WARRANT_REVOKED, EntryKind.KEY_REVOKED, EntryKind.RING_KEY_RETIRED)
_FIRST_BYTES_OF_MAPS = range(0xA0, 0xC0)  # no text in UTF-8 begins so


def details_of(entry: LedgerEntry) -> dict[str, Any] | None:
    """Return what ``entry`` says; None if it was removed when its time was over.

    Raises ``BrokenOff`` if it does not open, or is not the entry that its columns speak of.
    """
    try:
        if not entry.envelope:
            return None
        envelope = statements.parse(entry.envelope)
    except UNREADABLE as error:
        raise BrokenOff(f"Entry {entry.sequence} of {entry.chain_id} cannot be read. {error}") from error
    facts = envelope.facts
    said = (entry_hash(envelope.statement), facts["at"], facts["chain"], facts["kind"], facts["sequence"])
    if said != (bytes(entry.entry_hash), entry.at_ms, entry.chain_id, entry.kind, entry.sequence):
        raise BrokenOff(
            f"Entry {entry.sequence} of {entry.chain_id} is not what is stored beside it of its hash, kind or time: "
            "somebody changed the database. manage.py verify_ledger says what else."
        )
    details: dict[str, Any] = facts["details"]
    return details


def shown(kind: str, details: dict[str, Any], *, content: bool) -> dict[str, Any]:
    """Return what may be shown of ``details`` as JSON has it; ``content`` says whether all of it."""
    visible = _PLAIN | {"reason"} if kind in _PEOPLES_REASONS else _PLAIN
    return {name: _readable(value) for name, value in details.items() if content or name in visible}


def reason_of(entry: LedgerEntry, details: dict[str, Any], *, content: bool) -> str:
    """Return the reason that somebody gave: a person's for everybody, an agent's as ``content`` says."""
    try:
        if entry.kind == EntryKind.APPROVAL_GRANTED:
            return read_approval(details["approval"], Step.DECISION).reason
        if entry.kind == EntryKind.APPROVAL_DENIED:
            return read_denial(details["denial"], Step.DECISION).reason
    except (Refused, KeyError) as error:
        raise BrokenOff(f"Entry {entry.sequence} of {entry.chain_id} holds no decision. {error}") from error
    return str(shown(entry.kind, details, content=content).get("reason", ""))


def attached(entry: LedgerEntry, attachments: Iterable[Attachment], *, content: bool) -> dict[str, Any]:
    """Return what is stored beside ``entry``: {name: {"content": value} | {"erased": true} | {"hidden": true}}."""
    return {attachment.name: _attached(entry, attachment, content) for attachment in attachments}


def _attached(entry: LedgerEntry, attachment: Attachment, content: bool) -> dict[str, Any]:
    if attachment.erased_at is not None:
        return {"erased": True}
    if not content:
        return {"hidden": True}
    try:
        return {"content": _readable(_decoded(attachment.content or b""))}
    except UNREADABLE as error:
        raise BrokenOff(
            f"{attachment.name} of entry {entry.sequence} of {entry.chain_id} cannot be read. {error}"
        ) from error


def _decoded(data: bytes) -> Any:
    if data and data[0] in _FIRST_BYTES_OF_MAPS:
        try:
            return cbor.decode(data)
        except cbor.MalformedBytes:
            return data
    try:
        return data.decode()
    except UnicodeDecodeError:
        return data


def _readable(value: Any) -> Any:
    if isinstance(value, bytes):
        return value.hex()
    if isinstance(value, dict):
        return {name: _readable(item) for name, item in value.items()}
    if isinstance(value, list):
        return [_readable(item) for item in value]
    return value
