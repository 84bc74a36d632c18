"""Drafts of the warrant that a person hands on to an agent, for the browser that is to sign them."""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from typing import Any

import cbor2

from audit.statements.terms import Terms
from tests.vectors.parts import EXPIRES_AT, ISSUED_AT, NOW, TOOL, Vector, key, public, seed
from tests.vectors.warrants import WARRANT_CONTEXT, encoded, envelope, gates, payloads, with_gates, with_terms

Payload = dict[int, Any]
WHO = "local:maria"
_APPROVERS = "warrant.required_approvers"
BARRING = Terms("incident-response", 2, bytes(32), 600, one_denial_ends=True, barred_people=(WHO,))


def parent(change: Callable[[Payload], object] = lambda payload: None) -> Payload:
    """Return the payload of the warrant that Maria holds."""
    made = payloads(1)[0]
    made |= {4: [1, public("maria")], 8: 1, 15: [[1, public("jonas")]], 16: 1}
    with_terms(made, BARRING.to_bytes())
    change(made)
    return dict(sorted(made.items()))


def child(above: Payload, change: Callable[[Payload], object] = lambda payload: None) -> Payload:
    """Return the payload with which she hands it on to the agent."""
    made = {
        **above,
        1: b"\xb0" * 16,
        3: dict(above[3]),
        4: [1, public("agent")],
        5: [1, public("maria")],
        9: list(hashlib.sha256(encoded(above)).digest()),
        10: {"tenuo.approval_gates": above[10]["tenuo.approval_gates"]},
        18: 1,
    }
    change(made)
    return dict(sorted(made.items()))


def draft(above: Payload, below: Payload, *, root: str = "root") -> Vector:
    return {
        "parent": envelope(above, root).hex(),
        "draft": encoded(below).hex(),
        "seed": seed("maria").hex(),
        "person": WHO,
        "agent_key": public("agent").hex(),
        "roots": [public("root").hex()],
        "now": NOW,
    }


def without_scaling(payload: Payload) -> None:
    """Leave a gated tool out, with its gate, and let it end a minute sooner."""
    payload[3].pop("scale_service")
    with_gates(payload, {name: gate for name, gate in gates(payload).items() if name != "scale_service"})
    payload[7] -= 60


def good_drafts() -> list[Vector]:
    whole = child(parent())
    less = child(parent(), without_scaling)
    return [
        {"name": "all of it", **draft(parent(), whole), "signed": _signed(whole), "lost": {"tools": [], "seconds": 0}},
        {
            "name": "less of it",
            **draft(parent(), less),
            "signed": _signed(less),
            "lost": {"tools": ["scale_service"], "seconds": 60},
        },
    ]


def bad_drafts() -> dict[str, Vector]:
    def of_child(change: Callable[[Payload], object]) -> Vector:
        return draft(parent(), child(parent(), change))

    def of_parent(change: Callable[[Payload], object]) -> Vector:
        return draft(parent(change), child(parent(change)))

    def widened(payload: Payload) -> None:
        constraints = payload[3][TOOL]["constraints"]
        payload[3][TOOL] = {"constraints": {**constraints, "environment": [16, None]}}

    def add_tool(payload: Payload) -> None:
        payload[3]["format_disk"] = {"constraints": {}}

    def open_to_any(payload: Payload) -> None:
        payload[3][TOOL] = {**payload[3][TOOL], "allow_unknown": True}

    def exempting(payload: Payload) -> None:
        changed = gates(payload)
        changed[TOOL]["args"]["environment"]["exempt"][1]["values"].append("production")
        with_gates(payload, changed)

    def ungated(payload: Payload) -> None:
        with_gates(payload, {name: gate for name, gate in gates(payload).items() if name != TOOL})

    def extended(payload: Payload) -> None:
        with_terms(payload, BARRING.to_bytes())

    stranger, maria, agent = ([1, public(who)] for who in ("stranger", "maria", "agent"))
    free = Terms(barred_people=("local:somebody",)).to_bytes()
    unchanged = draft(parent(), child(parent()))
    made: dict[str, tuple[str, str, Vector]] = {
        "for-another-key": ("warrant.holder", "the holder is a stranger", of_child(put(4, stranger))),
        "for-the-signer": ("warrant.holder", "the holder is the signer", of_child(put(4, maria))),
        "by-another-key": ("warrant.issuer", "the issuer is a stranger", of_child(put(5, stranger))),
        "of-another-parent": ("warrant.parent_hash", "the parent hash is another's", of_child(put(9, [7] * 32))),
        "without-parent": ("warrant.parent_hash", "there is no parent hash", of_child(take(9))),
        "with-the-parents-id": ("warrant.id", "the id is the parent's", of_child(put(1, parent()[1]))),
        "outlives-its-parent": ("warrant.expires_at", "it ends a minute later", of_child(put(7, EXPIRES_AT + 60))),
        "over": ("warrant.expires_at", "it has ended", of_child(put(7, NOW - 1))),
        "begins-later": ("warrant.issued_at", "it begins in an hour", of_child(put(6, NOW + 3600))),
        "begins-before-its-parent": ("warrant.issued_at", "it is older", of_child(put(6, ISSUED_AT - 1))),
        "of-depth-0": ("warrant.depth", "its depth is 0", of_child(put(18, 0))),
        "of-depth-2": ("warrant.depth", "its depth is 2", of_child(put(18, 2))),
        "handed-on-further": ("warrant", "it may be handed on", of_child(put(8, 9))),
        "of-another-type": ("warrant", "it is an issuer's warrant", of_child(put(2, 1, {11: [TOOL]}))),
        "with-another-tool": ("warrant.tools", "a tool is added", of_child(add_tool)),
        "with-no-tool": ("warrant.tools", "no tool is left", of_child(put(3, {}))),
        "with-a-wider-argument": ("warrant.tools", "any environment", of_child(widened)),
        "with-any-argument": ("warrant.tools", "arguments that are not known", of_child(open_to_any)),
        "without-a-gate": ("warrant.gates", "a gate is dropped", of_child(ungated)),
        "with-a-weaker-gate": ("warrant.gates", "production is exempt", of_child(exempting)),
        "without-extensions": ("warrant.gates", "all gates are dropped", of_child(take(10))),
        "with-an-extension": ("warrant.extensions", "it brings terms of its own", of_child(extended)),
        "with-other-approvers": (_APPROVERS, "a stranger approves", of_child(put(15, [stranger]))),
        "with-more-approvers": (_APPROVERS, "a stranger approves too", of_child(put(15, [*parent()[15], stranger]))),
        "without-approvers": (_APPROVERS, "nobody approves", of_child(take(15))),
        "with-no-approvals": (_APPROVERS, "nobody has to approve", of_child(put(16, 0))),
        "with-an-unknown-field": ("warrant", "there is a field 12", of_child(put(12, 1))),
        "of-another-holders-parent": ("warrant.holder", "the parent is a stranger's", of_parent(put(4, stranger))),
        "of-a-deep-parent": ("warrant.depth", "the parent may be handed on for ever", of_parent(put(8, 64))),
        "that-lets-the-signer-approve": (
            "warrant.terms",
            "the signer is not barred",
            of_parent(lambda payload: with_terms(payload, free)),
        ),
        "that-names-the-signer": (_APPROVERS, "the signer's key approves", of_parent(put(15, [maria]))),
        "that-names-the-agent": ("warrant.holder", "the agent's key approves", of_parent(put(15, [agent]))),
        "of-a-parent-that-ended": ("warrant.expires_at", "the parent has ended", {**unchanged, "now": EXPIRES_AT + 1}),
        "of-an-untrusted-root": ("warrant.issuer", "a stranger issued the parent", _issued_by_a_stranger()),
        "unreadable": ("bytes", "it is no CBOR", {**unchanged, "draft": "ff"}),
        "no-map": ("warrant", "it is a list", {**unchanged, "draft": cbor2.dumps([1]).hex()}),
    }
    return {
        f"draft-{name}": {"kind": "draft", "field": field, "fault": fault, **vector}
        for name, (field, fault, vector) in made.items()
    }


def put(field: int, value: object, more: Payload | None = None) -> Callable[[Payload], object]:
    return lambda payload: payload.update({field: value, **(more or {})})


def take(field: int) -> Callable[[Payload], object]:
    return lambda payload: payload.pop(field)


def _issued_by_a_stranger() -> Vector:
    above = parent(lambda payload: payload.update({5: [1, public("stranger")]}))
    return draft(above, child(above), root="stranger")


def _signed(payload: Payload) -> str:
    data = encoded(payload)
    return cbor2.dumps([1, data, [1, key("maria").sign(WARRANT_CONTEXT + data)]]).hex()
