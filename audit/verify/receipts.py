"""Step 7: a worker's receipt, and the call it speaks of."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import tenuo_core

from audit.statements import cbor
from audit.statements.kinds import EntryKind
from audit.verify.fields import Fields
from audit.verify.reading import Entry
from audit.verify.steps import Refused, Step, require

_OUTCOMES = {EntryKind.CALL_ALLOWED: "allow", EntryKind.CALL_DENIED: "deny", EntryKind.CALL_GATED: "deny"}
GATE_CODES = frozenset({"approval-required", "insufficient-approvals", "invalid-approval", "approval-expired"})


@dataclass(frozen=True, slots=True)
class Call:
    """One decision of a worker, as its receipt signs it. ``arguments`` is None if they were erased."""

    tool: str
    arguments: dict[str, Any] | None
    warrants: list[tenuo_core.Warrant]
    proof: bytes
    decided_at: int  # UTC seconds
    code: str
    request_hash: bytes

    @property
    def leaf(self) -> tenuo_core.Warrant:
        return self.warrants[-1]


def check_receipt(
    kind: EntryKind,
    details: Fields,
    arguments: dict[str, Any] | None,
    warrants: list[tenuo_core.Warrant],
    receipts_keys: frozenset[bytes],
) -> Call:
    """Step 7. Return the call that ``details`` speak of. Raises ``Refused``."""
    details = details.for_step(Step.RECEIPT)
    payload = _verified(details.data("receipt"))
    signer = bytes.fromhex(payload.signer_key)
    endorsed = signer in receipts_keys
    require(endorsed, Step.RECEIPT, "The receipt is signed by a key that no trusted root endorsed for receipts.")
    outcome = payload.outcome == _OUTCOMES[kind]
    require(outcome, Step.RECEIPT, f"The receipt says {payload.outcome!r}, but the entry says {kind.value}.")
    gated = (payload.decision_code in GATE_CODES) == (kind is EntryKind.CALL_GATED)
    require(gated, Step.RECEIPT, f"The receipt's code {payload.decision_code!r} does not belong to {kind.value}.")
    tool = details.text("tool")
    require(payload.action == tool, Step.RECEIPT, f"The receipt is of {payload.action!r}, not of {tool!r}.")
    same_warrants = payload.warrant_chain == tenuo_core.encode_warrant_stack(warrants)
    require(same_warrants, Step.RECEIPT, "The receipt was made over other warrants.")
    proof = details.data("proof_of_possession")
    _check_proof(payload, proof, kind)
    _check_time_and_request(payload, details)
    request_hash = bytes.fromhex(payload.request_hash)
    if arguments is not None:
        own = compute_request_hash(warrants[-1], tool, arguments, Step.RECEIPT)
        require(own == request_hash, Step.RECEIPT, "The receipt is of other arguments: its request hash differs.")
    return Call(tool, arguments, warrants, proof, payload.timestamp, payload.decision_code or "", request_hash)


def read_arguments(entry: Entry, step: Step) -> dict[str, Any] | None:
    """Return the call's arguments, decoded from canonical CBOR (1, 1.0 and true stay different); None if erased."""
    require("arguments" in entry.salted, step, "The arguments are not attached.")
    content = entry.content("arguments")
    return None if content is None else decode_arguments(content, step)


def decode_arguments(content: bytes, step: Step) -> dict[str, Any]:
    """Return the arguments in ``content``. Raises ``Refused``."""
    try:
        arguments = cbor.decode(content)
    except cbor.MalformedBytes as error:
        raise Refused(step, f"The arguments cannot be read. {error}") from error
    require(isinstance(arguments, dict), step, "The arguments are not a map.")
    return dict(arguments)


def compute_request_hash(warrant: tenuo_core.Warrant, tool: str, arguments: dict[str, Any], step: Step) -> bytes:
    """Return Tenuo's 32-byte hash of a call under ``warrant`` by its holder."""
    try:
        return bytes(tenuo_core.py_compute_request_hash(warrant.id, tool, arguments, warrant.authorized_holder))
    except Exception as error:
        raise Refused(step, f"Tenuo cannot hash the arguments: {error}.") from error


def _verified(receipt: bytes) -> tenuo_core.ReceiptPayload:
    try:
        payload = tenuo_core.verify_receipt(receipt)
    except Exception as error:
        # What Tenuo says of it is for programmers, and may be about something else.
        sentence = "The receipt cannot be read, or its signature does not belong to it."
        raise Refused(Step.RECEIPT, sentence) from error
    try:
        payload.check_conditional_requirements()
    except Exception as error:
        raise Refused(Step.RECEIPT, "The receipt lacks what a receipt of its outcome must say.") from error
    return payload


def _check_proof(payload: tenuo_core.ReceiptPayload, proof: bytes, kind: EntryKind) -> None:
    # On a denial Tenuo leaves the proof out unless it was established before the refusal.
    optional = kind is not EntryKind.CALL_ALLOWED and payload.pop_signature is None
    same = optional or payload.pop_signature == proof.hex()
    require(same, Step.RECEIPT, "The receipt was made for another proof of possession.")


def _check_time_and_request(payload: tenuo_core.ReceiptPayload, details: Fields) -> None:
    decided_at = details.integer("decided_at_ms") // 1000
    require(payload.timestamp == decided_at, Step.RECEIPT, "The receipt was made at another time than the entry says.")
    request_id = details.text("request_id") or details.text("activity_id")
    same = payload.request_id == request_id
    require(same, Step.RECEIPT, f"The receipt is of {payload.request_id!r}, not of {request_id!r}.")
