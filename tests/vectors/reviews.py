"""Reviews: what the server tells the page, right and wrong."""

from __future__ import annotations

import base64
from dataclasses import replace
from typing import Any

import tenuo_core as tenuo

from audit.statements import cbor
from tests.vectors.decisions import binding_json
from tests.vectors.parts import (
    ARGUMENTS,
    BINDING,
    DISPLAY,
    EXPIRES_AT,
    EXTERNAL_ID,
    ISSUED_AT,
    NOW,
    TOOL,
    Vector,
    flip_inside,
    public,
    seed,
    tenuo_key,
)
from tests.vectors.warrants import chain, linked, payloads, with_terms


def signing(length: int = 1, tool: str = TOOL, arguments: dict[str, Any] | None = None, **changes: Any) -> Vector:
    holders = ["agent", "helper", "second_helper"]
    leaf_id = "tnu_wrt_" + (bytes([0xA0 + length - 1]) * 16).hex()
    values = ARGUMENTS if arguments is None else arguments
    attested = tenuo.py_build_approval_context_attestation(
        tenuo_key("stranger"), leaf_id, tool, values, tenuo_key(holders[length - 1]).public_key
    )
    facts = {
        **binding_json(BINDING),
        "display": base64.b64encode(DISPLAY.to_bytes()).decode(),
        "tool": tool,
        "request_hash": attested[1]["request_hash"],
        "arguments_cbor": attested[0],
        "warrant_chain": [base64.b64encode(item).decode() for item in chain(length)],
        "external_id": EXTERNAL_ID,
        "expires_at": NOW + 600,
        "signature_lifetime_seconds": 900,
        "decision_url": "/approvals/req_01/decision/",
    }
    return {**facts, **changes}


def review_vector(said: Vector, *, who: str = "maria", roots: list[str] | None = None, now: int = NOW) -> Vector:
    return {
        "signing": said,
        "public_key": public(who).hex(),
        "seed": seed(who).hex(),
        "roots": [public(root).hex() for root in (["root"] if roots is None else roots)],
        "now": now,
    }


def good_reviews() -> list[Vector]:
    scale = {"name": "payment-service-prod", "replicas": 3}
    return [
        {"name": "restart in production", "arguments": ARGUMENTS, "holder": "agent", **review_vector(signing())},
        {
            "name": "whole tool gated",
            "arguments": scale,
            "holder": "agent",
            **review_vector(signing(tool="scale_service", arguments=scale)),
        },
        {"name": "second approver", "arguments": ARGUMENTS, "holder": "agent", **review_vector(signing(), who="jonas")},
        {"name": "handed on once", "arguments": ARGUMENTS, "holder": "helper", **review_vector(signing(2))},
        {"name": "handed on twice", "arguments": ARGUMENTS, "holder": "second_helper", **review_vector(signing(3))},
    ]


def bad_reviews() -> dict[str, Vector]:
    said = signing()
    staging = {"name": "payment-service-prod", "environment": "staging"}
    flipped_chain = [base64.b64encode(flip_inside(chain()[0], public("agent"))).decode()]
    replaced = [base64.b64encode(chain()[0].replace(public("jonas"), public("stranger"))).decode()]
    trailing = base64.b64encode(base64.b64decode(said["arguments_cbor"]) + b"\x00").decode()
    other_arguments = base64.b64encode(cbor.encode({**ARGUMENTS, "name": "payment-service-prоd"})).decode()
    two_wrong = signing(arguments={"name": "x", "environment": "production"})["arguments_cbor"]
    made: dict[str, tuple[str, str, Vector]] = {
        "tool-changed": (
            "request_hash",
            "the tool is another one of the warrant",
            review_vector({**said, "tool": "scale_service"}),
        ),
        "tool-not-in-warrant": (
            "tool",
            "the tool is not in the warrant",
            review_vector(signing(tool="delete_database", arguments={"name": "x"})),
        ),
        "tool-ungated": (
            "gate",
            "the tool has no gate",
            review_vector(signing(tool="read_logs", arguments={"service": "x"})),
        ),
        "gate-does-not-fire": (
            "gate",
            "the arguments are exempt from the gate",
            review_vector(signing(arguments=staging)),
        ),
        "arguments-changed": (
            "request_hash",
            "an argument has a look-alike letter",
            review_vector({**said, "arguments_cbor": other_arguments}),
        ),
        "arguments-swapped": (
            "request_hash",
            "the arguments are of another request",
            review_vector({**said, "arguments_cbor": two_wrong}),
        ),
        "arguments-trailing-byte": (
            "arguments_cbor",
            "a byte follows the arguments",
            review_vector({**said, "arguments_cbor": trailing}),
        ),
        "arguments-not-a-map": (
            "arguments_cbor",
            "the arguments are a list",
            review_vector({**said, "arguments_cbor": base64.b64encode(b"\x80").decode()}),
        ),
        "arguments-not-base64": (
            "arguments_cbor",
            "the arguments are not base64",
            review_vector({**said, "arguments_cbor": "%%%"}),
        ),
        "argument-not-allowed": (
            "arguments.environment",
            "an argument is outside its constraint",
            review_vector(signing(arguments={**ARGUMENTS, "environment": "Production"})),
        ),
        "argument-unknown": (
            "arguments.force",
            "an argument is not in the warrant",
            review_vector(signing(arguments={**ARGUMENTS, "force": True})),
        ),
        "argument-missing": (
            "arguments.name",
            "an argument is missing",
            review_vector(signing(arguments={"environment": "production"})),
        ),
        "hash-changed": (
            "request_hash",
            "the request hash is another one",
            review_vector({**said, "request_hash": "00" * 32}),
        ),
        "hash-upper-case": (
            "request_hash",
            "the request hash is not lower-case",
            review_vector({**said, "request_hash": said["request_hash"].upper()}),
        ),
        "warrant-flipped-byte": (
            "warrant.signature",
            "a bit of the warrant is flipped",
            review_vector({**said, "warrant_chain": flipped_chain}),
        ),
        "approvers-changed": (
            "warrant.signature",
            "the approver list was changed",
            review_vector({**said, "warrant_chain": replaced}),
        ),
        "warrant-swapped": (
            "request_hash",
            "the warrant is another good one",
            review_vector({**said, "warrant_chain": signing(2)["warrant_chain"]}),
        ),
        "chain-not-a-list": ("warrant_chain", "the chain is a text", review_vector({**said, "warrant_chain": "x"})),
        "root-not-pinned": (
            "warrant.issuer",
            "the root is not the pinned one",
            review_vector(said, roots=["stranger"]),
        ),
        "nothing-pinned": ("warrant.issuer", "nothing is pinned", review_vector(said, roots=[])),
        "key-not-named": (
            "required_approvers",
            "the key is not among the approvers",
            review_vector(said, who="stranger"),
        ),
        "key-is-the-holder": (
            "required_approvers",
            "the key is the agent's",
            review_vector(holder_approves(), who="agent"),
        ),
        "request-expired": ("expires_at", "the request has expired", review_vector(said, now=NOW + 600)),
        "warrant-expired": (
            "warrant.expires_at",
            "the warrant has expired",
            review_vector({**said, "expires_at": EXPIRES_AT + 600}, now=EXPIRES_AT),
        ),
        "warrant-not-begun": (
            "warrant.issued_at",
            "the warrant begins in the future",
            review_vector(said, now=ISSUED_AT - 3600),
        ),
        "lifetime-ten-years": (
            "signature_lifetime_seconds",
            "the signature would live ten years",
            review_vector({**said, "signature_lifetime_seconds": 315_360_000}),
        ),
        "lifetime-zero": (
            "signature_lifetime_seconds",
            "the signature would not live",
            review_vector({**said, "signature_lifetime_seconds": 0}),
        ),
        "run-missing": (
            "run_id",
            "there is no run",
            review_vector({name: value for name, value in said.items() if name != "run_id"}),
        ),
        "request-empty": ("request_id", "the request has no id", review_vector({**said, "request_id": ""})),
        "account-a-number": ("external_id", "the account is a number", review_vector({**said, "external_id": 7})),
        "display-other-words": (
            "display_digest",
            "the agent says something else than the gate sent",
            review_vector({**said, **shown(reasoning="Everything is fine.")}),
        ),
        "display-other-message": (
            "display_digest",
            "the gate says something else than it sent",
            review_vector({**said, **shown(gate_message="")}),
        ),
        "display-denied-call-left-out": (
            "display_digest",
            "a denied call is left out",
            review_vector({**said, **shown(history=DISPLAY.history[:1])}),
        ),
        "display-digest-changed": (
            "display_digest",
            "the display digest is another one",
            review_vector({**said, "display_digest": "00" * 32}),
        ),
        "display-digest-short": (
            "display_digest",
            "the display digest has 31 bytes",
            review_vector({**said, "display_digest": said["display_digest"][2:]}),
        ),
        "display-trailing-byte": (
            "display",
            "a byte follows what is shown",
            review_vector({**said, "display": base64.b64encode(DISPLAY.to_bytes() + b"\x00").decode()}),
        ),
        "display-not-base64": ("display", "what is shown is not base64", review_vector({**said, "display": "%%%"})),
        "display-of-nothing": (
            "display",
            "what is shown is an empty map",
            review_vector({**said, "display": base64.b64encode(b"\xa0").decode()}),
        ),
        "display-other-threshold": (
            "threshold",
            "the gate waits for two people where the warrant asks for one",
            review_vector({**said, **shown_and_named(threshold=2)}),
        ),
        "display-unknown-verdict": (
            "history",
            "an earlier call has a verdict that nobody knows",
            review_vector({**said, **shown_and_named(history=(replace(DISPLAY.history[0], verdict="fine"),))}),
        ),
        "display-long-reasoning": (
            "reasoning",
            "the agent says more than is ever shown",
            review_vector({**said, **shown_and_named(reasoning="x" * 20_001)}),
        ),
        "policy-changed": (
            "policy_version",
            "the policy is another version than the warrant's",
            review_vector({**said, "policy_version": "incident-response@3"}),
        ),
        "policy-left-out": (
            "policy_version",
            "no policy is named though the warrant has one",
            review_vector({**said, "policy_version": ""}),
        ),
        "terms-unreadable": (
            "warrant.terms",
            "the warrant's terms are not of a known form",
            review_vector(signing(warrant_chain=[base64.b64encode(item).decode() for item in odd_terms()])),
        ),
        "expiry-a-text": ("expires_at", "the expiry is a text", review_vector({**said, "expires_at": "soon"})),
    }
    return {
        f"review-{name}": {"kind": "review", "fault": fault, "field": field, **rest}
        for name, (field, fault, rest) in made.items()
    }


def holder_approves() -> Vector:
    made = payloads(1)
    made[0][15] = [[1, public("agent")]]
    return signing(warrant_chain=[base64.b64encode(item).decode() for item in linked(made)])


def shown(**changes: Any) -> Vector:
    """Return what a server says that shows something else, and names the gate's digest."""
    return {"display": base64.b64encode(replace(DISPLAY, **changes).to_bytes()).decode()}


def shown_and_named(**changes: Any) -> Vector:
    """Return what a server says that shows something else, and names the digest of that."""
    return {**shown(**changes), "display_digest": replace(DISPLAY, **changes).digest.hex()}


def odd_terms() -> list[bytes]:
    made = payloads(1)
    with_terms(made[0], cbor.encode({"policy": "incident-response"}))
    return linked(made)
