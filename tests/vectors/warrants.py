"""Warrants that Tenuo made, chains of them, and what they say of arguments."""

from __future__ import annotations

import hashlib
import struct
from collections.abc import Callable
from itertools import pairwise
from typing import Any

import cbor2
import tenuo_core as tenuo

from approvals.cli.words import describe
from audit.statements import cbor
from audit.statements.acting import EXTENSION as ACTING
from audit.statements.acting import Acting
from audit.statements.terms import EXTENSION
from tests.vectors.parts import (
    EXPIRES_AT,
    ISSUED_AT,
    NOW,
    TERMS,
    TOOL,
    WARRANT_CONTEXT,
    Vector,
    flip_inside,
    flipped,
    key,
    public,
    tenuo_key,
)

ACTING_FOR_ADA = Acting("incident-agent", "local:ada")


def payload_of(warrant: Any) -> dict[int, Any]:
    data = cbor2.loads(bytes(warrant.to_bytes()))[1]
    payload = dict(cbor2.loads(data))
    assert encoded(payload) == data, "Tenuo writes its payloads otherwise than this generator"
    return payload


def encoded(value: Any) -> bytes:
    """Return CBOR as Tenuo writes it: keys in the order given, floats in their shortest form."""
    data = cbor2.dumps(value)
    for number in floats_in(value):
        data = data.replace(b"\xfb" + struct.pack(">d", number), cbor.encode(number))
    return data


def floats_in(value: Any) -> list[float]:
    if isinstance(value, float):
        return [value]
    items = value.values() if isinstance(value, dict) else value if isinstance(value, list) else []
    return [number for item in items for number in floats_in(item)]


def envelope(payload: dict[int, Any], signer: str) -> bytes:
    data = encoded(payload)
    return cbor2.dumps([1, data, [1, key(signer).sign(WARRANT_CONTEXT + data)]])


def root_warrant() -> Any:
    any_value = tenuo.Wildcard()
    return tenuo.Warrant.issue(
        tenuo_key("root"),
        {
            "read_logs": {"service": any_value},
            TOOL: {"name": any_value, "environment": tenuo.OneOf(["production", "staging"])},
            "scale_service": {"name": any_value, "replicas": tenuo.Range(1, 10)},
        },
        3600,
        tenuo_key("agent").public_key,
        None,
        None,
        [tenuo_key("maria").public_key, tenuo_key("jonas").public_key],
        1,
        {
            TOOL: {
                "args": {"environment": {"exempt": tenuo.OneOf(["staging"])}},
                "message": "Restarting production needs a person.",
            },
            "scale_service": None,
        },
    )


def handed_on(parent: Any, holder: str, *, parent_holder: str, tools: list[str]) -> Any:
    builder = parent.attenuate_builder()
    builder.inherit_all()
    builder.retain_tools(tools)
    builder.with_holder(tenuo_key(holder).public_key)
    builder.with_ttl(1800)
    return builder.delegate(tenuo_key(parent_holder))


def payloads(length: int) -> list[dict[int, Any]]:
    """Return the payloads of a chain that tenuo made, with fixed identifiers and times, not yet linked."""
    warrants = [root_warrant()]
    if length > 1:
        warrants.append(handed_on(warrants[0], "helper", parent_holder="agent", tools=["read_logs", TOOL]))
    if length > 2:
        warrants.append(handed_on(warrants[1], "second_helper", parent_holder="helper", tools=[TOOL]))
    made = [payload_of(warrant) for warrant in warrants]
    for index, payload in enumerate(made):
        payload[1] = bytes([0xA0 + index]) * 16
        payload[6] = ISSUED_AT
        payload[7] = EXPIRES_AT - 60 * index
    with_terms(made[0], TERMS.to_bytes())
    return made


def with_terms(payload: dict[int, Any], terms: bytes) -> None:
    payload[10] = dict(sorted({**payload[10], EXTENSION: list(terms)}.items()))


def with_acting(payload: dict[int, Any], acting: bytes) -> None:
    payload[10] = dict(sorted({**payload[10], ACTING: list(acting)}.items()))


def chain_for_a_person(acting: bytes = ACTING_FOR_ADA.to_bytes()) -> list[bytes]:
    return changed_chain(1, lambda made: with_acting(made[0], acting))


SIGNERS = ["root", "agent", "helper"]


def linked(made: list[dict[int, Any]], signers: list[str] | None = None) -> list[bytes]:
    """Return the chain's envelopes, each naming its parent's hash and signed by its issuer."""
    for parent, child in pairwise(made):
        child[9] = list(hashlib.sha256(encoded(parent)).digest())
        child.update(sorted(child.items()))
    ordered = [dict(sorted(payload.items())) for payload in made]
    return [envelope(payload, signer) for payload, signer in zip(ordered, signers or SIGNERS, strict=False)]


def gates(payload: dict[int, Any]) -> dict[str, Any]:
    return dict(cbor2.loads(bytes(payload[10]["tenuo.approval_gates"])))


def with_gates(payload: dict[int, Any], changed: dict[str, Any]) -> None:
    payload[10] = {**payload[10], "tenuo.approval_gates": list(cbor2.dumps(changed))}


def chain(length: int = 1) -> list[bytes]:
    return linked(payloads(length))


def changed_chain(length: int, change: Callable[[list[dict[int, Any]]], object]) -> list[bytes]:
    made = payloads(length)
    change(made)
    return linked(made)


def chain_vector(envelopes: list[bytes], *, roots: list[str] | None = None, now: int = NOW) -> Vector:
    return {
        "chain": [item.hex() for item in envelopes],
        "roots": [public(root).hex() for root in (["root"] if roots is None else roots)],
        "now": now,
    }


def good_chains() -> list[Vector]:
    holders = ["agent", "helper", "second_helper"]
    return [
        {
            "name": name,
            **chain_vector(chain(length)),
            "leaf_id": "tnu_wrt_" + (bytes([0xA0 + length - 1]) * 16).hex(),
            "holder": public(holders[length - 1]).hex(),
            "tools": sorted(payloads(length)[-1][3]) if 3 in payloads(length)[-1] else [],
        }
        for length, name in ((1, "single"), (2, "handed on once"), (3, "handed on twice"))
    ] + [
        {
            "name": "for a person",
            **chain_vector(chain_for_a_person()),
            "leaf_id": "tnu_wrt_" + (bytes([0xA0]) * 16).hex(),
            "holder": public("agent").hex(),
            "tools": sorted(payloads(1)[0][3]),
            "acting": {"agent": ACTING_FOR_ADA.agent, "person": ACTING_FOR_ADA.person},
        }
    ]


def bad_chains() -> dict[str, Vector]:
    def child(change: Callable[[dict[int, Any]], None], length: int = 2) -> list[bytes]:
        return changed_chain(length, lambda made: change(made[-1]))

    def drop_gate(payload: dict[int, Any]) -> None:
        with_gates(payload, {})

    def widen_gate(payload: dict[int, Any]) -> None:
        changed = gates(payload)
        changed[TOOL]["args"]["environment"]["exempt"][1]["values"].append("production")
        with_gates(payload, changed)

    def add_tool(payload: dict[int, Any]) -> None:
        payload[3] = {**payload[3], "delete_database": {"constraints": {}}}

    two, three = chain(2), chain(3)
    other_parent = payloads(2)
    linked(other_parent)
    other_parent[1][9] = list(bytes(32))
    single = chain()[0]
    made: dict[str, tuple[str, str, Vector]] = {
        "warrant-flipped-byte": (
            "warrant.signature",
            "a bit of the holder is flipped",
            chain_vector([flip_inside(single, public("agent"))]),
        ),
        "warrant-flipped-signature": (
            "warrant.signature",
            "a bit of the signature is flipped",
            chain_vector([flipped(single, -1)]),
        ),
        "warrant-replaced-approver": (
            "warrant.signature",
            "an approver's key is replaced",
            chain_vector([single.replace(public("jonas"), public("stranger"))]),
        ),
        "warrant-other-context": (
            "warrant.signature",
            "signed without the warrant's context",
            chain_vector([resigned(payloads(1)[0], b"")]),
        ),
        "warrant-trailing-byte": ("warrant_chain", "a byte follows the warrant", chain_vector([single + b"\x00"])),
        "warrant-not-a-list": ("warrant", "the warrant is a map", chain_vector([cbor2.dumps({"a": 1})])),
        "warrant-envelope-version": (
            "warrant",
            "the envelope's version is 2",
            chain_vector([b"\x83\x02" + single[2:]]),
        ),
        **{
            f"warrant-acting-{fault}": ("warrant.acting", sentence, chain_vector(chain_for_a_person(data)))
            for fault, sentence, data in (
                ("nobody", "the agent works for nobody by name", cbor.encode({"agent": "a", "person": ""})),
                ("no-agent", "no agent is named", cbor.encode({"person": "local:ada"})),
                ("too-much", "there is one field too many", cbor.encode({"agent": "a", "person": "p", "x": 1})),
                ("long-agent", "the agent's name is too long", cbor.encode({"agent": "a" * 65, "person": "p"})),
                ("number", "the person is a number", cbor.encode({"agent": "a", "person": 1})),
            )
        },
        "chain-empty": ("warrant_chain", "there is no warrant", chain_vector([])),
        "chain-untrusted-root": (
            "warrant.issuer",
            "the root's issuer is not trusted",
            chain_vector(chain(), roots=["stranger"]),
        ),
        "chain-no-roots": ("warrant.issuer", "no root is trusted", chain_vector(chain(), roots=[])),
        "chain-missing-root": ("warrant.issuer", "the root warrant is left out", chain_vector(two[1:])),
        "chain-begins-at-child": (
            "warrant.depth",
            "a child stands first, under a trusted issuer",
            chain_vector(two[1:], roots=["root", "agent"]),
        ),
        "chain-reordered": (
            "warrant.parent_hash",
            "child and grandchild change places",
            chain_vector([three[0], three[2], three[1]]),
        ),
        "chain-middle-missing": (
            "warrant.issuer",
            "the middle warrant is left out",
            chain_vector([three[0], three[2]]),
        ),
        "chain-expired": ("warrant.expires_at", "the chain has expired", chain_vector(two, now=EXPIRES_AT + 3600)),
        "chain-other-parent": (
            "warrant.parent_hash",
            "the child names another parent",
            chain_vector(relinked(other_parent)),
        ),
        "chain-child-issued-by-stranger": (
            "warrant.issuer",
            "the child is not issued by the parent's holder",
            chain_vector(stranger_child()),
        ),
        "chain-child-outlives-parent": (
            "warrant.expires_at",
            "the child expires after its parent",
            chain_vector(child(lambda payload: payload.update({7: EXPIRES_AT + 60}))),
        ),
        "chain-child-skips-depth": (
            "warrant.depth",
            "the child's depth is 2",
            chain_vector(child(lambda payload: payload.update({18: 2}))),
        ),
        "chain-child-deeper-than-allowed": (
            "warrant.depth",
            "the parent allows no child",
            chain_vector(changed_chain(2, lambda made: [payload.update({8: 0}) for payload in made])),
        ),
        "chain-child-raises-depth": (
            "warrant.depth",
            "the child allows more depth than its parent",
            chain_vector(changed_chain(2, lambda made: made[0].update({8: 2}))),
        ),
        "chain-child-adds-tool": (
            "warrant.tools",
            "the child allows a tool that its parent does not",
            chain_vector(child(add_tool)),
        ),
        "chain-child-drops-gate": ("warrant.gates", "the child drops a gate", chain_vector(child(drop_gate))),
        "chain-child-widens-exemption": (
            "warrant.gates",
            "the child exempts production",
            chain_vector(child(widen_gate)),
        ),
        "chain-child-drops-approver": (
            "warrant.required_approvers",
            "the child drops an approver",
            chain_vector(child(lambda payload: payload.update({15: payload[15][:1]}))),
        ),
        "chain-child-replaces-approvers": (
            "warrant.required_approvers",
            "the child names other approvers",
            chain_vector(child(lambda payload: payload.update({15: [[1, public("stranger")]]}))),
        ),
        "chain-child-adds-approver": (
            "warrant.required_approvers",
            "the child adds an approver who alone is enough",
            chain_vector(child(lambda payload: payload.update({15: [*payload[15], [1, public("stranger")]]}))),
        ),
        "chain-child-lowers-threshold": (
            "warrant.required_approvers",
            "the child needs fewer approvals",
            chain_vector(changed_chain(2, lambda made: made[0].update({16: 2}))),
        ),
    }
    return {
        name: {"kind": "chain", "fault": fault, "field": field, **rest} for name, (field, fault, rest) in made.items()
    }


def resigned(payload: dict[int, Any], context: bytes) -> bytes:
    data = encoded(payload)
    return cbor2.dumps([1, data, [1, key("root").sign(context + data)]])


def relinked(made: list[dict[int, Any]]) -> list[bytes]:
    return [envelope(dict(sorted(payload.items())), signer) for payload, signer in zip(made, SIGNERS, strict=False)]


def stranger_child() -> list[bytes]:
    made = payloads(2)
    made[1][5] = [1, public("stranger")]
    return linked(made, ["root", "stranger"])


def constraint_vectors() -> list[Vector]:
    cases: list[tuple[Any, list[Any]]] = [
        (tenuo.Exact("1"), ["1", 1, 1.0, True, ["1"]]),
        (tenuo.OneOf(["production", "staging"]), ["production", "Production", "production ", "prоduction", 1, []]),
        (tenuo.NotOneOf(["a"]), ["a", "b", 1, True, ["a"]]),
        (tenuo.Range(1, 10), [1, 10, 10.0, 0, 11, 5.5, True, "5", 2**53]),
        (tenuo.Range(None, 2.5), [-5, 2.5, 2.6]),
        (tenuo.Wildcard(), [1, "x", [1], False]),
        (tenuo.Contains(["a"]), [["a", "b"], ["b"], "a", []]),
        (tenuo.Subset(["a", "b"]), [["a"], ["a", "c"], "a", [], ["a", 1]]),
        (tenuo.All([tenuo.Range(1, 5), tenuo.Range(2, 9)]), [3, 1, 7]),
        (tenuo.AnyOf([tenuo.Exact("a"), tenuo.Range(1, 2)]), ["a", 1, 3, "b"]),
        (tenuo.Not(tenuo.Exact("a")), ["a", "b", 1]),
        (tenuo.Pattern("pay-*"), ["pay-1", "x"]),
        (tenuo.Regex("^a"), ["a", "b"]),
        (tenuo.Regex(r"\A(?:a|b)\z"), ["a", "ab"]),
        (tenuo.Cidr("10.0.0.0/8"), ["10.1.2.3", "11.0.0.1"]),
        (tenuo.UrlPattern("https://*.example.com/v1/*"), ["https://a.example.com/v1/x", "x"]),
        (tenuo.UrlSafe(), ["https://example.com/"]),
        (tenuo.UrlSafe(["https"], ["example.com"], ["example.org"], [443], False), ["https://example.com/"]),
        (tenuo.Subpath("/data"), ["/data/x", "/data/../x"]),
        (tenuo.Subpath("/data", False, False), ["/DATA/x", "/data"]),
        (tenuo.Shlex(["/usr/bin/git"]), ["/usr/bin/git log", "git log"]),
        (tenuo.CEL("value > 1"), [2, 1]),
        # What comes after a rule that cannot read the value counts no more.
        (tenuo.AnyOf([tenuo.Cidr("10.0.0.0/8"), tenuo.Exact("a")]), ["a", "10.0.0.1", "b"]),
        (tenuo.AnyOf([tenuo.Exact("a"), tenuo.Cidr("10.0.0.0/8")]), ["a", "10.0.0.1"]),
        (tenuo.Not(tenuo.All([tenuo.Cidr("10.0.0.0/8"), tenuo.Exact("b")])), ["a", "10.0.0.1"]),
        (tenuo.Not(tenuo.All([tenuo.Exact("b"), tenuo.Cidr("10.0.0.0/8")])), ["a", "b"]),
        (tenuo.All([tenuo.AnyOf([tenuo.Exact("a"), tenuo.Range(1, 2)]), tenuo.NotOneOf(["b"])]), ["a", 1, "b"]),
    ]
    found = []
    for constraint, values in cases:
        warrant = tenuo.Warrant.issue(tenuo_key("root"), {"t": {"a": constraint}}, 60)
        rule = payload_of(warrant)[3]["t"]["constraints"]["a"]
        for value in values:
            allowed = warrant.check_constraints("t", {"a": value}) is None
            found.append(
                {
                    "constraint": encoded(rule).hex(),
                    "value": cbor.encode(value).hex(),
                    "matches": allowed,
                    "words": describe(rule),
                }
            )
    return found


def gate_vectors() -> list[Vector]:
    staging = tenuo.OneOf(["staging"])
    cases: list[tuple[str, Any, dict[str, Any]]] = [
        ("the whole tool", None, {"a": "x"}),
        ("any value", {"a": None}, {"a": "x"}),
        ("any value, missing", {"a": None}, {"b": "x"}),
        ("exempt value", {"a": {"exempt": staging}}, {"a": "staging"}),
        ("other value", {"a": {"exempt": staging}}, {"a": "production"}),
        ("look-alike of the exempt value", {"a": {"exempt": staging}}, {"a": "stаging"}),
        ("exempt argument missing", {"a": {"exempt": staging}}, {"b": "x"}),
        ("one of two exempt", {"a": {"exempt": staging}, "b": {"exempt": staging}}, {"a": "staging", "b": "x"}),
        ("both exempt", {"a": {"exempt": staging}, "b": {"exempt": staging}}, {"a": "staging", "b": "staging"}),
        ("match", {"a": tenuo.Exact("x")}, {"a": "x"}),
        ("no match", {"a": tenuo.Exact("x")}, {"a": "y"}),
        ("match missing", {"a": tenuo.Exact("x")}, {"b": "y"}),
        ("exempt beside match", {"a": {"exempt": staging}, "b": tenuo.Exact("x")}, {"a": "staging", "b": "x"}),
        ("exempt beside no match", {"a": {"exempt": staging}, "b": tenuo.Exact("x")}, {"a": "staging", "b": "y"}),
        ("in range", {"a": tenuo.Range(5, None)}, {"a": 7}),
        ("out of range", {"a": tenuo.Range(5, None)}, {"a": 3}),
    ]
    found = []
    for name, gate, arguments in cases:
        warrant = tenuo.Warrant.issue(
            tenuo_key("root"), {"t": {}}, 60, None, None, None, [tenuo_key("maria").public_key], 1, {"t": gate}
        )
        fires = tenuo.evaluate_approval_gates(warrant, "t", arguments)
        payload = payload_of(warrant)
        payload[1], payload[6], payload[7] = bytes(16), ISSUED_AT, EXPIRES_AT
        found.append(
            {
                "name": name,
                "warrant": envelope(payload, "root").hex(),
                "arguments": cbor.encode(arguments).hex(),
                "fires": fires,
            }
        )
    return found
