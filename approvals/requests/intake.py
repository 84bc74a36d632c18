"""What a gate sends, checked before it becomes a request. Everything here may come from an attacker."""

from __future__ import annotations

import base64
import binascii
import dataclasses
import hashlib
import json
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import lru_cache
from typing import Any

from tenuo.exceptions import TenuoError
from tenuo_core import Authorizer, PublicKey, approval_requirement, py_compute_request_hash

from approvals.contracts import CallRecord, CallVerdict, GateRequest, ReceiptRecord
from approvals.errors import (
    ApprovalNotNeeded,
    HashMismatch,
    MalformedInput,
    NobodyCanApprove,
    RequestExpired,
    TooLarge,
    UntrustedWarrant,
)
from approvals.requests.chain import WarrantChain, parse
from approvals.requests.identifiers import is_request_id
from approvals.signing.display import MAXIMUM_BYTES, Display, fitted
from approvals.texts import is_plain, storable
from audit.statements import cbor

MAXIMUM_WHY_AGAIN = 500
_IDENTIFIERS = {"namespace": 255, "workflow_id": 1000, "run_id": 64, "workflow_type": 1000, "tool": 200}
_TEXTS = (
    "request_id", "arguments_cbor", "request_hash", "gate_message", "reasoning", "display_digest", "policy_version",
    "supersedes", "why_again",
    *_IDENTIFIERS,
)  # fmt: skip


@dataclass(frozen=True, slots=True)
class CheckedRequest:
    """A gate's request that is true as far as signatures, hashes and bounds can tell."""

    chain: WarrantChain
    arguments: dict[str, Any]
    arguments_cbor: bytes
    request_hash: bytes
    threshold: int
    required_approvers: frozenset[bytes]
    expires_at: datetime
    display: Display
    policy_version: str
    earlier_denials: int
    why_again: str


def check_form(gate_request: GateRequest) -> bytes:
    """Return the SHA-256 by which the same content is known again; check the types and identifiers first."""
    for field in _TEXTS:
        if not isinstance(getattr(gate_request, field), str):
            raise MalformedInput(f"{field} is not text.", field=field)
    if not is_request_id(gate_request.request_id):
        raise MalformedInput("A request id has 8 to 64 letters, digits, hyphens and underscores.", field="request_id")
    for field, maximum in _IDENTIFIERS.items():
        value = getattr(gate_request, field)
        if not is_plain(value) or len(value) > maximum:
            raise MalformedInput(f"{field} is not a printable text of 1 to {maximum} characters.", field=field)
    _require_reason_again(gate_request)
    for field in ("opened_at_ms", "expires_at"):
        if type(getattr(gate_request, field)) is not int:
            raise MalformedInput(f"{field} is not a whole number.", field=field)
    if not 0 <= gate_request.opened_at_ms < 2**42:
        raise MalformedInput("opened_at_ms is not a time in milliseconds.", field="opened_at_ms")
    _require_list("warrant_chain", gate_request.warrant_chain, str)
    _require_list("history", gate_request.history, CallRecord)
    if not isinstance(gate_request.gate_receipt, ReceiptRecord | None):
        raise MalformedInput("gate_receipt is not a receipt.", field="gate_receipt")
    try:
        content = json.dumps(dataclasses.asdict(gate_request), sort_keys=True)
    except (TypeError, ValueError, RecursionError) as error:
        raise MalformedInput("The history cannot be read.", field="history") from error
    return hashlib.sha256(content.encode()).digest()


def check(
    gate_request: GateRequest, *, trusted_roots: list[bytes], now: datetime, lifetime_seconds: int
) -> CheckedRequest:
    """Check everything that ``gate_request`` claims. ``lifetime_seconds`` is the longest that people may take.

    Raises an ``ApprovalError`` naming the field.
    """
    chain = parse(gate_request.warrant_chain)
    _verify(chain, trusted_roots)
    arguments_cbor, arguments = _arguments(gate_request.arguments_cbor)
    _require_gate(chain, gate_request.tool, arguments)
    required_approvers, threshold = _approvers(chain)
    return CheckedRequest(
        chain=chain,
        arguments=arguments,
        arguments_cbor=arguments_cbor,
        request_hash=_request_hash(gate_request, chain, arguments, arguments_cbor),
        threshold=threshold,
        required_approvers=required_approvers,
        expires_at=_expiry(gate_request, chain, now, lifetime_seconds),
        display=_display(gate_request, threshold),
        policy_version=_policy_version(gate_request, chain),
        earlier_denials=sum(line.verdict == CallVerdict.DENIED for line in gate_request.history),
        why_again=storable(gate_request.why_again, MAXIMUM_WHY_AGAIN),
    )


def _require_reason_again(gate_request: GateRequest) -> None:
    if gate_request.supersedes and not is_request_id(gate_request.supersedes):
        raise MalformedInput("supersedes is not the id of a request.", field="supersedes")
    if bool(gate_request.supersedes) != bool(gate_request.why_again.strip()):
        raise MalformedInput("Whoever asks again names the request before and says why.", field="why_again")


def _require_list(field: str, value: object, kind: type) -> None:
    if not isinstance(value, list) or not all(isinstance(item, kind) for item in value):
        raise MalformedInput(f"{field} is not a list of what it must hold.", field=field)


def _base64(field: str, text: str) -> bytes:
    try:
        return base64.b64decode(text, validate=True)
    except (binascii.Error, ValueError) as error:
        raise MalformedInput(f"{field} is not standard base64.", field=field) from error


def _verify(chain: WarrantChain, trusted_roots: list[bytes]) -> None:
    try:
        _authorizer(tuple(trusted_roots)).verify_chain(chain.warrants)
    except TenuoError as error:
        raise UntrustedWarrant(
            f"The warrant is not valid here: {error}. Start the agent under a warrant that this service issued.",
            field="warrant_chain",
        ) from error


@lru_cache(maxsize=8)
def _authorizer(trusted_roots: tuple[bytes, ...]) -> Authorizer:
    return Authorizer(trusted_roots=[PublicKey.from_bytes(root) for root in trusted_roots])


def _arguments(encoded: str) -> tuple[bytes, dict[str, Any]]:
    if len(encoded) > cbor.MAXIMUM_BYTES * 4 // 3 + 4:
        raise TooLarge(f"The arguments are longer than {cbor.MAXIMUM_BYTES} bytes.", field="arguments_cbor")
    data = _base64("arguments_cbor", encoded)
    try:
        arguments = cbor.decode(data)
    except cbor.MalformedBytes as error:
        raise MalformedInput(f"The arguments cannot be read. {error}", field="arguments_cbor") from error
    if not isinstance(arguments, dict):
        raise MalformedInput("The arguments are not a map of names and values.", field="arguments_cbor")
    return data, arguments


def _require_gate(chain: WarrantChain, tool: str, arguments: dict[str, Any]) -> None:
    try:
        requirement = approval_requirement(chain.leaf, tool, arguments)
    except TenuoError as error:
        raise UntrustedWarrant(f"The warrant's gates cannot be evaluated: {error}.", field="warrant_chain") from error
    if requirement.status != "required":
        raise ApprovalNotNeeded(
            f"The warrant does not ask for an approval of {tool} with these arguments.", field="tool"
        )


def _approvers(chain: WarrantChain) -> tuple[frozenset[bytes], int]:
    required, threshold = chain.required_approvers, chain.leaf.approval_threshold()
    if threshold < 1 or len(required - chain.barred_keys) < threshold:
        raise NobodyCanApprove(
            "The warrant asks for approvals, but names too few approvers who are neither agent nor issuer.",
            field="warrant_chain",
        )
    return required, threshold


def _request_hash(
    gate_request: GateRequest, chain: WarrantChain, arguments: dict[str, Any], arguments_cbor: bytes
) -> bytes:
    """Return the hash as Tenuo computes it from the values and the browser from the bytes: both must agree."""
    leaf, tool = chain.leaf, gate_request.tool
    holder = leaf.authorized_holder
    seen_by_browser = hashlib.sha256(cbor.encode([leaf.id, tool, arguments_cbor, holder.to_bytes()])).digest()
    try:
        seen_by_tenuo = py_compute_request_hash(leaf.id, tool, arguments, holder)
    except TenuoError as error:
        raise MalformedInput(f"The arguments cannot be hashed: {error}.", field="arguments_cbor") from error
    if not gate_request.request_hash == seen_by_browser.hex() == seen_by_tenuo.hex():
        raise HashMismatch("The request hash does not belong to this call and warrant.", field="request_hash")
    return seen_by_browser


def _expiry(gate_request: GateRequest, chain: WarrantChain, now: datetime, lifetime_seconds: int) -> datetime:
    ends = [int(datetime.fromisoformat(warrant.expires_at()).timestamp()) for warrant in chain.warrants]
    seconds = min(gate_request.expires_at, int(now.timestamp()) + lifetime_seconds, *ends)
    if seconds <= now.timestamp():
        raise RequestExpired("The time to decide about this call is over already.", field="expires_at")
    return datetime.fromtimestamp(seconds, UTC)


def _display(gate_request: GateRequest, threshold: int) -> Display:
    """Return what people will be shown. It is exactly what the gate sent and hashed, or it is refused."""
    for line in gate_request.history:
        _require_call(line)
    display = Display(
        workflow_type=gate_request.workflow_type,
        threshold=threshold,
        gate_message=gate_request.gate_message,
        reasoning=gate_request.reasoning,
        history=tuple(gate_request.history),
    )
    stored = fitted(display)
    for field in ("gate_message", "reasoning", "history"):
        if getattr(stored, field) != getattr(display, field):
            raise MalformedInput(
                f"{field} cannot be kept as it is: it is too long (all that is shown may have {MAXIMUM_BYTES} bytes), "
                "or has characters that cannot be stored. Use the gate plugin of this version, which cuts it.",
                field=field,
            )
    if gate_request.display_digest != display.digest.hex():
        raise HashMismatch(
            "The display digest is not that of the gate's message, reasoning and history.", field="display_digest"
        )
    return display


def _require_call(line: CallRecord) -> None:
    texts = (line.tool, line.verdict, line.code, line.detail, line.arguments_cbor)
    if not all(isinstance(text, str) for text in texts) or line.verdict not in set(CallVerdict):
        raise MalformedInput("A line of the history is not a call with its verdict.", field="history")
    if type(line.at_ms) is not int or not 0 <= line.at_ms < 2**48:
        raise MalformedInput("A line of the history has no time.", field="history")
    _base64("history", line.arguments_cbor)


def _policy_version(gate_request: GateRequest, chain: WarrantChain) -> str:
    if gate_request.policy_version != chain.terms.policy_label:
        raise MalformedInput("The policy version is not the one in the root warrant.", field="policy_version")
    return chain.terms.policy_label
