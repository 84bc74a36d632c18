"""Entries in words: the title, reason and proof of each line of the tree."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from audit.ledger.contracts import Fact, Tone
from audit.ledger.proofs import decision_facts, receipt_facts
from audit.statements import cbor
from audit.statements.kinds import EntryKind
from audit.statements.lineage import lineage_of

_CHECK = "python -m audit.verify FILE --root ROOT, offline: the evidence file, and a root key from elsewhere"


@dataclass(frozen=True, slots=True)
class Wording:
    """What a line says of an entry. ``said`` are an agent's or a workflow's own words: content, not for everybody."""

    title: str
    tone: Tone
    detail: str = ""
    said: str = ""
    proof: tuple[Fact, ...] = ()


def word(kind: str, details: dict[str, Any]) -> Wording:
    """Return the words for an entry of ``kind``; a kind without words of its own shows its name."""
    writer = _WRITERS.get(kind)
    return writer(details) if writer else Wording(kind.replace(".", "-"), Tone.SERVICE)


def short(public_key: Any) -> str:
    """Return the first 8 digits of a key's fingerprint, or nothing if it is no key."""
    return hashlib.sha256(public_key).hexdigest()[:8] if isinstance(public_key, bytes) else ""


def rows(content: bytes) -> list[tuple[str, str]]:
    """Return stored content as (name, text) rows: a CBOR map by its keys, anything else as one row."""
    try:
        value = cbor.decode(content)
    except cbor.MalformedBytes:
        return [("", content.decode(errors="replace"))]
    if isinstance(value, dict):
        return [(name, readable(item)) for name, item in value.items()]
    return [("", readable(value))]


def readable(value: Any) -> str:
    """Return ``value`` as text in which 1, 1.0, true and "1" look different."""
    if isinstance(value, bytes):
        return f"{len(value)} bytes {value.hex()}"
    return json.dumps(value, ensure_ascii=False, default=repr)


def _call(verdict: str, tone: Tone) -> Callable[[dict[str, Any]], Wording]:
    def write(details: dict[str, Any]) -> Wording:
        approvals = details.get("approvals") or []
        signed = (
            f" ({_count(len(approvals), 'signed approval')} verified)" if approvals and tone is Tone.ALLOWED else ""
        )
        return Wording(
            title=f"{details.get('tool', '')} {verdict}{signed}",
            tone=tone,
            detail=str(details.get("code", "")) if tone is Tone.DENIED else "",
            said=str(details.get("detail", "")) if tone is Tone.DENIED else "",
            proof=(
                Fact("Decided by", f"worker {details.get('worker', '')}, receipt {details.get('worker_sequence', '')}"),
                Fact("Signed by", "the worker's receipts key, endorsed by the issuer's root key"),
                *receipt_facts(details),
                Fact("Over", "tool, request hash, warrant chain, outcome, time and the agent's proof of possession"),
                Fact("Run", f"{details.get('workflow_id', '')} · {details.get('run_id', '')}"),
                Fact("Check this with", _CHECK),
            ),
        )

    return write


def _requested(details: dict[str, Any]) -> Wording:
    return Wording(
        title=f"approval-requested for {details.get('tool', '')}",
        tone=Tone.GATE,
        detail=f"{_count(details.get('threshold', 0), 'person', 'people')} must sign",
        proof=(
            Fact("Request hash", _hex(details.get("request_hash"))),
            Fact("Over", "warrant, tool, canonical arguments and the agent's key"),
            Fact("Recorded by", "the service's ledger key"),
            Fact("Check this with", _CHECK),
        ),
    )


def _decided(word_: str, statement: str) -> Callable[[dict[str, Any]], Wording]:
    def write(details: dict[str, Any]) -> Wording:
        key = details.get("key")
        return Wording(
            title=f"{word_} (Ed25519-signed by {details.get('person', '')}, key {short(key)}…)",
            tone=Tone.PERSON,
            proof=(
                Fact("Signed by", str(details.get("person", ""))),
                Fact("Public key", _hex(key)),
                *decision_facts(details),
                Fact("Over", f"{statement}: request hash, one-time number, request, namespace, workflow, run, time"),
                Fact("Made in", "the person's own client; the server holds no key that could make it"),
                Fact("Confirmed with", _step_up(details.get("step_up"))),
                Fact("Check this with", _CHECK),
            ),
        )

    return write


def _step_up(given: Any) -> str:
    """Return how the person showed, just before, that it was them; nothing if that was not asked for."""
    if not isinstance(given, dict) or type(given.get("at")) is not int or not 0 <= given["at"] < 2**35:
        return ""
    method = {"passkey": "a passkey", "sso": "their identity provider"}.get(str(given.get("method")), "")
    return f"{method} at {datetime.fromtimestamp(given['at'], UTC):%H:%M:%S} UTC, for this request only"


def _service(title: str, field: str, *, denied: bool = False) -> Callable[[dict[str, Any]], Wording]:
    def write(details: dict[str, Any]) -> Wording:
        return Wording(
            title=title,
            tone=Tone.DENIED if denied else Tone.SERVICE,
            detail=str(details.get(field, "")),
            proof=(Fact("Recorded by", "the service's ledger key, in nobody's name"), Fact("Check this with", _CHECK)),
        )

    return write


def _withdrawn(details: dict[str, Any]) -> Wording:
    return Wording(
        title="approval-withdrawn",
        tone=Tone.SERVICE,
        said=str(details.get("reason", "")),
        proof=(Fact("Recorded by", "the service's ledger key, in nobody's name"), Fact("Check this with", _CHECK)),
    )


def _superseded(details: dict[str, Any]) -> Wording:
    return Wording(
        title="approval-superseded",
        tone=Tone.SERVICE,
        said=str(details.get("reason", "")),
        proof=(
            Fact("Asked again as", str(details.get("by", ""))),
            Fact("Recorded by", "the service's ledger key, in nobody's name"),
            Fact("Check this with", _CHECK),
        ),
    )


def _minted(details: dict[str, Any]) -> Wording:
    policy = details.get("policy") or {}
    agent = details.get("agent") or {}
    signer = details.get("signer") or {}
    handed_on = f", handed on by {signer.get('person', '')}" if signer else ""
    return Wording(
        title="incident-warrant",
        tone=Tone.SERVICE,
        detail=f"for {agent.get('name', '')}{handed_on} under {policy.get('name', '')} "
        f"version {policy.get('version', '')}",
        proof=(
            Fact("Signed by", "the issuer's root key"),
            Fact("Over", "what the agent may do, its key, the gates, the approvers and the expiry"),
            Fact("Policy digest", _hex(policy.get("digest"))),
            *([Fact("Held first by", f"{signer.get('person', '')}, key {_hex(signer.get('key'))}")] if signer else []),
            Fact("Holder", _hex(agent.get("holder"))),
            Fact("Approvers", ", ".join(str(approver.get("person")) for approver in details.get("approvers") or [])),
            Fact("Check this with", _CHECK),
        ),
    )


def _attenuated(details: dict[str, Any]) -> Wording:
    person = str(details.get("person", ""))
    removed, narrowed = _names(details.get("tools_removed")), _names(details.get("tools_narrowed"))
    lost = [
        f"{_duration(details.get('ends_earlier_seconds'))} of its lifetime",
        f"without {removed}" if removed else "",
        f"narrower: {narrowed}" if narrowed else "",
    ]
    kept = "; ".join(text for text in lost[1:] if text) or "with all its tools"
    whom = f"its agent by {person}" if person else f"{short(details.get('holder'))}…"
    return Wording(
        title="warrant-handed-on" if person else "warrant-attenuated",
        tone=Tone.PERSON if person else Tone.SERVICE,
        detail=f"handed on to {whom}: {kept}",
        # An agent could write anything into the rules of a warrant that it hands on.
        said=_narrowed(details),
        proof=(
            Fact("Signed by", f"{person}, in their browser" if person else "the holder of the warrant above it"),
            Fact("Over", "what the new holder may do, which is never more, its key and the expiry"),
            Fact("Handed on by", str(details.get("parent", ""))),
            Fact("Warrant", str(details.get("warrant", ""))),
            Fact("Holder", _hex(details.get("holder"))),
            Fact("Lost", "; ".join(text for text in lost if text)),
            Fact("Check this with", _CHECK),
        ),
    )


def _narrowed(details: dict[str, Any]) -> str:
    """Return which arguments may be less than before, and what, in words; nothing if the warrants cannot be read."""
    try:
        lost = lineage_of(details["warrant_chain"])[-1].lost
    except (KeyError, ValueError, TypeError):
        return ""
    lines = lost.narrowed if lost else ()
    return "; ".join(f"{one.tool} {one.argument} was {one.before}, is {one.after}" for one in lines)


def _names(value: Any) -> str:
    return ", ".join(str(name) for name in value) if isinstance(value, list) else ""


def _duration(seconds: Any) -> str:
    if type(seconds) is not int:
        return "nothing"
    minutes, rest = divmod(seconds, 60)
    return _count(minutes, "minute") if minutes and not rest else _count(seconds, "second")


def _result(details: dict[str, Any]) -> Wording:
    status = str(details.get("status", ""))
    return Wording(
        title=f"{details.get('tool', '')} {status}",
        tone=Tone.SERVICE,
        detail=str(details.get("error_type", "")),
        proof=(
            Fact("Recorded by", "the service's ledger key, as the workflow reported it"),
            Fact("Check this with", _CHECK),
        ),
    )


def _completed(details: dict[str, Any]) -> Wording:
    return Wording(
        title="workflow complete" if details.get("status") == "completed" else f"workflow {details.get('status', '')}",
        tone=Tone.SERVICE,
        said=str(details.get("detail", "")),
        proof=(
            Fact("Run", f"{details.get('workflow_id', '')} · {details.get('run_id', '')}"),
            Fact("Check this with", _CHECK),
        ),
    )


def _role(verb: str) -> Callable[[dict[str, Any]], Wording]:
    def write(details: dict[str, Any]) -> Wording:
        place = details.get("namespace") or "all namespaces"
        return Wording(
            title=f"role-{verb}: {details.get('role', '')} in {place} for {details.get('person', '')}",
            tone=Tone.SERVICE,
            detail=f"by {details.get('by', '')}",
            proof=(Fact("Recorded by", "the service's ledger key"),),
        )

    return write


def _person(verb: str) -> Callable[[dict[str, Any]], Wording]:
    def write(details: dict[str, Any]) -> Wording:
        return Wording(
            title=f"person-{verb}: {details.get('person', '')}",
            tone=Tone.SERVICE,
            detail=f"by {details.get('by', '')}",
            proof=(Fact("Recorded by", "the service's ledger key"),),
        )

    return write


def _count(number: int, one: str, many: str = "") -> str:
    return f"{number} {one if number == 1 else many or one + 's'}"


def _hex(value: Any) -> str:
    return value.hex() if isinstance(value, bytes) else str(value or "")


_WRITERS: dict[str, Callable[[dict[str, Any]], Wording]] = {
    EntryKind.WARRANT_MINTED: _minted,
    EntryKind.WARRANT_ATTENUATED: _attenuated,
    EntryKind.WARRANT_REVOKED: _service("warrant-revoked", "reason", denied=True),
    EntryKind.CALL_ALLOWED: _call("ALLOWED", Tone.ALLOWED),
    EntryKind.CALL_DENIED: _call("DENIED", Tone.DENIED),
    EntryKind.CALL_GATED: _call("GATE", Tone.GATE),
    EntryKind.APPROVAL_REQUESTED: _requested,
    EntryKind.APPROVAL_GRANTED: _decided("approval-granted", "Tenuo's approval payload with Countersign's binding"),
    EntryKind.APPROVAL_DENIED: _decided("approval-denied", "Countersign's denial statement"),
    EntryKind.APPROVAL_RETRACTED: _decided("approval-taken-back", "Countersign's retraction statement"),
    EntryKind.APPROVAL_EXPIRED: _service("approval-expired", "request_id"),
    EntryKind.APPROVAL_WITHDRAWN: _withdrawn,
    EntryKind.APPROVAL_SUPERSEDED: _superseded,
    EntryKind.CALL_RESULT: _result,
    EntryKind.RUN_COMPLETED: _completed,
    EntryKind.POLICY_PUBLISHED: _service("policy-published", "policy"),
    EntryKind.POLICY_RETIRED: _service("policy-retired", "policy"),
    EntryKind.NAMESPACE_STOPPED: _service("namespace-stopped", "namespace", denied=True),
    EntryKind.NAMESPACE_RESUMED: _service("namespace-resumed", "namespace"),
    EntryKind.AGENT_STOPPED: _service("agent-stopped", "agent", denied=True),
    EntryKind.AGENT_RESUMED: _service("agent-resumed", "agent"),
    EntryKind.ISSUER_ANNOUNCED: _service("issuer-announced", "issuer"),
    EntryKind.ISSUER_ACTIVATED: _service("issuer-activated", "issuer"),
    EntryKind.ISSUER_RETIRED: _service("issuer-retired", "issuer", denied=True),
    EntryKind.ROLE_GRANTED: _role("granted"),
    EntryKind.ROLE_REVOKED: _role("revoked"),
    EntryKind.PERSON_DISABLED: _person("disabled"),
    EntryKind.PERSON_ENABLED: _person("enabled"),
    EntryKind.RING_KEY_MADE: _service("ring-key-made", "namespace"),
    EntryKind.RING_KEY_RETIRED: _service("ring-key-retired", "namespace"),
    EntryKind.RING_EXPORTED: _service("ring-exported", "namespace"),
    EntryKind.PAYLOAD_DECODED: _service("payloads-decoded", "namespace"),
    EntryKind.PAYLOAD_ENCODED: _service("payloads-encoded", "namespace"),
    EntryKind.HISTORY_EXPORTED: _service("histories-exported", "namespace"),
    EntryKind.EVIDENCE_EXPORTED: _service("evidence-exported", "namespace"),
    EntryKind.PAYLOAD_ERASED: _service("payload-erased", "namespace"),
    EntryKind.RETENTION_APPLIED: _service("retention-applied", "namespace"),
}
