"""What a proof is made of, for those who open a line: keys, signatures, endorsements, and the place in the log.

What is said to verify was verified just then, with the key that stands beside it. Whose key it is, the evidence file
and a root from elsewhere prove.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from typing import Any

import tenuo_core

from audit.keys.contracts import Purpose, ServiceKeyMissing
from audit.keys.queries import service_public_key
from audit.ledger.contracts import Fact
from audit.models import Leaf, Log
from audit.statements import cbor, statements
from audit.statements.key_endorsements import KeyEndorsement, NotEndorsed, parse_endorsement
from audit.statements.notes import Checkpoint, MalformedNote, open_checkpoint
from audit.verify.approvals import Signed, read_approval, read_denial, read_retraction
from audit.verify.steps import Refused, Step
from audit.verify.warrants import parse

_READERS: dict[str, Callable[[bytes, Step], Signed]] = {
    "approval": read_approval,
    "denial": read_denial,
    "retraction": read_retraction,
}
_MAXIMUM_ENDORSEMENTS = 50


def receipt_facts(details: Mapping[str, Any]) -> tuple[Fact, ...]:
    """Return who signed the receipt of a call, and under which warrants, root first."""
    try:
        key = str(tenuo_core.verify_receipt(details["receipt"]).signer_key)
        warrants = parse(details["warrant_chain"])
    except Exception as error:
        return (Fact("Signature", f"does not verify here ({type(error).__name__})"),)
    return (
        Fact("Worker’s key", key),
        Fact("Signature", "verified with that key"),
        Fact("Warrants", " › ".join(warrant.id for warrant in warrants)),
    )


def decision_facts(details: Mapping[str, Any]) -> tuple[Fact, ...]:
    """Return what a person signed with, when, and who vouches for the key."""
    name = next((name for name in _READERS if isinstance(details.get(name), bytes)), "")
    if not name:
        return ()
    data: bytes = details[name]
    try:
        signed = _READERS[name](data, Step.DECISION)
        signature = _signature(name, data)
    except (Refused, ValueError, LookupError, TypeError) as error:
        return (Fact("Signature", f"does not verify: {error}"),)
    until = f", valid until {_time(signed.expires_at)}" if signed.expires_at is not None else ""
    return (
        Fact("Signature", signature.hex()),
        Fact("Signed", f"{_time(signed.signed_at)}{until}; verified with the key above"),
        Fact("Key endorsed", _endorsed(details, signed.key)),
    )


def _signature(name: str, data: bytes) -> bytes:
    if name == "approval":
        return bytes(cbor.decode_loosely(data)["signature"][1])
    return statements.parse(data).signature


def _endorsed(details: Mapping[str, Any], key: bytes) -> str:
    given = details.get("key_endorsements")
    found = [_endorsement(data) for data in given[:_MAXIMUM_ENDORSEMENTS]] if isinstance(given, list) else []
    of_key = [one for one in found if one is not None and one.key == key]
    if not of_key:
        return "by nobody, as far as this entry knows"
    return "; ".join(
        f"as {one.role.replace('_', ' ')} for {one.person} by the key {one.endorser_key.hex()}, {_time(one.at // 1000)}"
        for one in of_key
    )


def _endorsement(data: Any) -> KeyEndorsement | None:
    try:
        return parse_endorsement(data)
    except (NotEndorsed, TypeError):
        return None


def places_of(chain: str) -> dict[int, list[Fact]]:
    """Return the place of every entry of ``chain`` in its log, by sequence. One that waits for it is left out."""
    leaves = Leaf.objects.filter(entry__chain=chain).order_by("position").select_related("log", "entry")
    checkpoints: dict[int, list[Fact]] = {}
    found = {}
    for leaf in leaves.defer("entry__envelope"):
        if leaf.log_id not in checkpoints:
            checkpoints[leaf.log_id] = _checkpoint_facts(leaf.log)
        place = Fact("Place in the log", f"leaf {leaf.position} of {leaf.log.origin}, counted from 0")
        found[leaf.entry.sequence] = [place, *checkpoints[leaf.log_id]]
    return found


def _checkpoint_facts(log: Log) -> list[Fact]:
    newest = log.checkpoints.order_by("-size").first()
    if newest is None:
        return []
    try:
        checkpoint: Checkpoint = open_checkpoint(newest.note.encode(), service_public_key(Purpose.LEDGER))
    except (MalformedNote, ServiceKeyMissing) as error:
        return [Fact("Newest checkpoint", f"does not verify: {error}")]
    return [
        Fact("Newest checkpoint", f"over {checkpoint.size} entries, signed by the ledger’s key"),
        Fact("Its root", checkpoint.root.hex()),
    ]


def _time(seconds: int) -> str:
    try:
        return f"{datetime.fromtimestamp(seconds, tz=UTC):%d %b %Y, %H:%M:%S} UTC"
    except (OverflowError, ValueError, OSError):
        return "at a time that is none"
