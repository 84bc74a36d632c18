"""Reviews: what the server tells the page, right and wrong."""

from __future__ import annotations

import base64
from typing import Any

import tenuo_core as tenuo

from audit.statements import cbor
from tests.vectors.parts import (
    ARGUMENTS,
    BINDING,
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
from tests.vectors.warrants import chain, linked, payloads


def signing(length: int = 1, tool: str = TOOL, arguments: dict[str, Any] | None = None, **changes: Any) -> Vector:
    holders = ["agent", "helper", "second_helper"]
    leaf_id = "tnu_wrt_" + (bytes([0xA0 + length - 1]) * 16).hex()
    values = ARGUMENTS if arguments is None else arguments
    attested = tenuo.py_build_approval_context_attestation(
        tenuo_key("stranger"), leaf_id, tool, values, tenuo_key(holders[length - 1]).public_key
    )
    facts = {
        **BINDING.to_facts(),
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
