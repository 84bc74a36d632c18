"""Approvals and denials: good ones, and one bad one for each fault."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import cbor2
import tenuo_core as tenuo

from approvals.signing import approval, denial
from approvals.signing.binding import Binding
from audit.statements import cbor
from audit.statements.statements import Context, message, sign
from tests.vectors.parts import (
    ARGUMENTS,
    BINDING,
    DISPLAY,
    EXTERNAL_ID,
    NOW,
    TOOL,
    WARRANT_CONTEXT,
    Vector,
    flip_inside,
    flipped,
    key,
    public,
    seed,
    tenuo_key,
)


def request_hash(tool: str = TOOL, arguments: dict[str, Any] | None = None, leaf_id: str | None = None) -> bytes:
    return bytes(
        tenuo.py_compute_request_hash(
            leaf_id or "tnu_wrt_" + (b"\xa0" * 16).hex(), tool, arguments or ARGUMENTS, tenuo_key("agent").public_key
        )
    )


def terms(**changes: Any) -> approval.ApprovalTerms:
    facts: dict[str, Any] = {
        "request_hash": request_hash(),
        "nonce": bytes(range(16)),
        "external_id": EXTERNAL_ID,
        "approved_at": NOW,
        "expires_at": NOW + 900,
        "binding": BINDING,
        "reason": "",
    }
    return approval.ApprovalTerms(**{**facts, **changes})


def signed(payload: bytes, who: str = "maria") -> bytes:
    return approval.assemble(payload, public(who), key(who).sign(approval.signed_message(payload)))


def binding_json(binding: Binding) -> Vector:
    return {**binding.to_facts(), "display_digest": binding.display_digest.hex()}


def good_approvals() -> list[Vector]:
    cases = {
        "without a reason": terms(),
        "with a reason": terms(reason="Logs show a leak; a restart is safe."),
        "not only ASCII": terms(reason="läuft über 🚨\nzweite Zeile", external_id="local:jürgen"),
        "long reason": terms(reason="x" * 2000),
        "small numbers": terms(nonce=bytes(16), approved_at=0, expires_at=23),
        "far expiry": terms(expires_at=2**33),
    }
    return [
        {
            "name": name,
            "seed": seed("maria").hex(),
            "terms": {
                "request_hash": item.request_hash.hex(),
                "nonce": item.nonce.hex(),
                "external_id": item.external_id,
                "approved_at": item.approved_at,
                "expires_at": item.expires_at,
                "binding": binding_json(item.binding),
                "reason": item.reason,
            },
            "payload": approval.encode_payload(item).hex(),
            "signed": signed(approval.encode_payload(item)).hex(),
        }
        for name, item in cases.items()
    ]


def raw_payload(**changes: Any) -> bytes:
    """Return the payload of ``terms()`` with top-level fields replaced, added, or (None) left out."""
    facts = {**cbor2.loads(approval.encode_payload(terms())), **changes}
    return cbor2.dumps({name: value for name, value in facts.items() if value is not None})


def extension(**changes: Any) -> list[int]:
    facts = {**BINDING.to_facts(), "decision": "approve", "reason": "", **changes}
    return list(cbor.encode({name: value for name, value in facts.items() if value is not None}))


def bad_approvals() -> dict[str, Vector]:
    good = approval.encode_payload(terms())
    other = replace(BINDING, request_id="req_02")
    other_run = replace(BINDING, run_id="0198c0de-0000-7000-8000-000000000002")
    other_display = replace(BINDING, display_digest=replace(DISPLAY, reasoning="Something else.").digest)
    other_policy = replace(BINDING, policy_version="incident-response@3")
    whole = signed(good)
    made: dict[str, tuple[str, str, bytes]] = {
        "flipped-signature": ("signature", "a bit of the signature is flipped", flipped(whole, -1)),
        "flipped-hash": (
            "signature",
            "a bit of the request hash is flipped",
            signed_over(raw_payload(request_hash=list(flipped(request_hash(), 0))), good),
        ),
        "other-signer": (
            "signature",
            "the key is not the signer's",
            approval.assemble(good, public("jonas"), key("maria").sign(approval.signed_message(good))),
        ),
        "signed-as-denial": (
            "signature",
            "signed under the context of denials",
            approval.assemble(good, public("maria"), key("maria").sign(message(Context.DENIAL, good))),
        ),
        "signed-as-warrant": (
            "signature",
            "signed under the context of warrants",
            approval.assemble(good, public("maria"), key("maria").sign(WARRANT_CONTEXT + good)),
        ),
        "other-request": (
            "request_id",
            "bound to another request",
            signed(approval.encode_payload(terms(binding=other))),
        ),
        "other-run": ("run_id", "bound to another run", signed(approval.encode_payload(terms(binding=other_run)))),
        "other-display": (
            "display_digest",
            "bound to other words of the agent",
            signed(approval.encode_payload(terms(binding=other_display))),
        ),
        "other-policy": (
            "policy_version",
            "bound to another version of the policy",
            signed(approval.encode_payload(terms(binding=other_policy))),
        ),
        "short-display": (
            "display_digest",
            "its extension names 31 bytes of a digest",
            signed(raw_payload(extensions={approval.EXTENSION: extension(display_digest=bytes(31))})),
        ),
        "no-policy-version": (
            "policy_version",
            "its extension names no policy version",
            signed(raw_payload(extensions={approval.EXTENSION: extension(policy_version=None)})),
        ),
        "other-arguments": (
            "request_hash",
            "of a call with other arguments",
            signed(approval.encode_payload(terms(request_hash=request_hash(arguments={**ARGUMENTS, "name": "x"})))),
        ),
        "other-tool": (
            "request_hash",
            "of a call of another tool",
            signed(approval.encode_payload(terms(request_hash=request_hash(tool="scale_service")))),
        ),
        "no-extension": ("payload", "not bound to any request", signed(raw_payload(extensions=None))),
        "other-extension": (
            "extensions",
            "bound by an extension nobody knows",
            signed(raw_payload(extensions={"other": [160]})),
        ),
        "two-extensions": (
            "extensions",
            "has an extension too many",
            signed(raw_payload(extensions={approval.EXTENSION: extension(), "other": [160]})),
        ),
        "says-deny": (
            "decision",
            "its extension says deny",
            signed(raw_payload(extensions={approval.EXTENSION: extension(decision="deny")})),
        ),
        "extension-incomplete": (
            "run_id",
            "its extension names no run",
            signed(raw_payload(extensions={approval.EXTENSION: extension(run_id=None)})),
        ),
        "extension-too-much": (
            "approval",
            "its extension says more than it may",
            signed(raw_payload(extensions={approval.EXTENSION: extension(also="this")})),
        ),
        "short-nonce": ("nonce", "the nonce has 15 bytes", signed(raw_payload(nonce=[0] * 15))),
        "short-hash": ("request_hash", "the request hash has 31 bytes", signed(raw_payload(request_hash=[0] * 31))),
        "hash-as-bytes": (
            "request_hash",
            "the request hash is a byte string",
            signed(raw_payload(request_hash=bytes(32))),
        ),
        "negative-time": ("approved_at", "the time is negative", signed(raw_payload(approved_at=-1))),
        "time-as-float": ("expires_at", "the time is a float", signed(raw_payload(expires_at=1.5))),
        "payload-version": ("version", "the payload's version is 2", signed(raw_payload(version=2))),
        "long-reason": (
            "reason",
            "the reason has 2001 characters",
            signed(approval.encode_payload(terms(reason="x" * 2001))),
        ),
        "keys-reordered": (
            "payload",
            "the payload's keys are sorted",
            signed(cbor2.dumps(cbor2.loads(good), canonical=True)),
        ),
        "long-version": (
            "approval",
            "the version is longer than it needs to be",
            whole.replace(b"version\x01", b"version\x18\x01", 1),
        ),
        "trailing-byte": ("approval", "a byte follows the approval", whole + b"\x00"),
        "not-cbor": ("approval", "the bytes are no CBOR", b"\xff\xff"),
    }
    expected = {"request_hash": request_hash().hex(), **binding_json(BINDING)}
    return {
        f"approval-{name}": {
            "kind": "approval",
            "fault": fault,
            "field": field,
            "bytes": data.hex(),
            "expected": expected,
        }
        for name, (field, fault, data) in made.items()
    }


def signed_over(payload: bytes, really_signed: bytes) -> bytes:
    return approval.assemble(payload, public("maria"), key("maria").sign(approval.signed_message(really_signed)))


def denial_facts(**changes: Any) -> dict[str, Any]:
    facts: dict[str, Any] = {
        "request_hash": request_hash(),
        "nonce": bytes(range(16)),
        "external_id": EXTERNAL_ID,
        "denied_at": NOW,
        "reason": "The runbook it follows came from a log line.",
        "binding": BINDING,
    }
    return dict(denial.facts(**{**facts, **changes}))


def good_denials() -> list[Vector]:
    cases = {"plain": denial_facts(), "not only ASCII": denial_facts(reason="nö 🚫", external_id="local:jürgen")}
    found = []
    for name, facts in cases.items():
        envelope_ = sign(Context.DENIAL, facts, key("maria"))
        shown = {name: value.hex() if isinstance(value, bytes) else value for name, value in facts.items()}
        found.append(
            {
                "name": name,
                "seed": seed("maria").hex(),
                "facts": shown,
                "statement": envelope_.statement.hex(),
                "signed": envelope_.to_bytes().hex(),
            }
        )
    return found


def statement_envelope(context: bytes, facts: dict[str, Any], who: str = "maria") -> bytes:
    """Return an envelope whose statement is encoded and signed as given, right or wrong."""
    statement = cbor.encode(facts)
    return cbor.encode(
        {"statement": statement, "signer_key": public(who), "signature": key(who).sign(context + statement)}
    )


def bad_denials() -> dict[str, Vector]:
    context = Context.DENIAL.encode() + b"\x00"
    good = sign(Context.DENIAL, denial_facts(), key("maria")).to_bytes()
    facts = {"version": 1, **denial_facts()}

    def changed(**changes: Any) -> bytes:
        return statement_envelope(
            context, {name: value for name, value in {**facts, **changes}.items() if value is not None}
        )

    made: dict[str, tuple[str, str, bytes]] = {
        "flipped-signature": (
            "signature",
            "a bit of the signature is flipped",
            flip_inside(good, cbor.decode(good)["signature"]),
        ),
        "signed-as-approval": (
            "signature",
            "signed under Tenuo's context of approvals",
            statement_envelope(approval.signed_message(b""), facts),
        ),
        "signed-as-enrolment": (
            "signature",
            "signed under the context of enrolments",
            statement_envelope(Context.ENROLMENT.encode() + b"\x00", facts),
        ),
        "context-without-zero": (
            "signature",
            "the context does not end with a zero byte",
            statement_envelope(Context.DENIAL.encode(), facts),
        ),
        "other-signer": ("signature", "the key is not the signer's", good.replace(public("maria"), public("jonas"))),
        "other-request": ("request_id", "bound to another request", changed(request_id="req_02")),
        "other-display": ("display_digest", "bound to other words of the agent", changed(display_digest=bytes(32))),
        "other-policy": ("policy_version", "bound to another policy version", changed(policy_version="other@2")),
        "short-display": ("display_digest", "the display digest has 31 bytes", changed(display_digest=bytes(31))),
        "no-policy-version": ("statement", "it names no policy version", changed(policy_version=None)),
        "other-arguments": (
            "request_hash",
            "of a call with other arguments",
            changed(request_hash=request_hash(arguments={**ARGUMENTS, "name": "x"})),
        ),
        "blank-reason": ("reason", "the reason is blank", changed(reason=" \n")),
        "long-reason": ("reason", "the reason has 2001 characters", changed(reason="x" * 2001)),
        "no-reason": ("statement", "there is no reason", changed(reason=None)),
        "says-too-much": ("statement", "it says more than it may", changed(also="this")),
        "short-nonce": ("nonce", "the nonce has 15 bytes", changed(nonce=bytes(15))),
        "version": ("version", "the statement's version is 2", changed(version=2)),
        "trailing-byte": ("envelope", "a byte follows the envelope", good + b"\x00"),
        "is-an-approval": ("envelope", "the bytes are an approval", signed(approval.encode_payload(terms()))),
    }
    expected = {"request_hash": request_hash().hex(), **binding_json(BINDING)}
    return {
        f"denial-{name}": {"kind": "denial", "fault": fault, "field": field, "bytes": data.hex(), "expected": expected}
        for name, (field, fault, data) in made.items()
    }
