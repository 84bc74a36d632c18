"""The terms that a warrant carries: how they are read, whom they bar, and what is no terms."""

from __future__ import annotations

import dataclasses
from typing import Any

import cbor2
import pytest
import tenuo_core
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from audit.statements import cbor, place
from audit.statements.statements import MalformedStatement
from audit.statements.terms import EXTENSION, MAXIMUM_BARRED, Terms, read, terms_of
from tests.audit.evidence import Evidence, private_key, public
from tests.extending import with_terms

TERMS = Terms(
    policy="incident-response",
    policy_version=3,
    policy_digest=b"\x11" * 32,
    approval_seconds=300,
    one_denial_ends=True,
    barred_people=("https://id.example.com#4711", "local:ada"),
)


def facts(**changes: Any) -> dict[str, Any]:
    return {**cbor.decode(TERMS.to_bytes()), **changes}


def without(name: str) -> bytes:
    return cbor.encode({key: value for key, value in facts().items() if key != name})


def duplicated() -> bytes:
    """Return the terms as a map of seven, whose first key comes twice."""
    data = TERMS.to_bytes()
    first = b"\x70approval_seconds" + cbor.encode(300)
    assert data.startswith(b"\xa6" + first)
    return b"\xa7" + first + data[1:]


def test_terms_are_read_as_they_were_written() -> None:
    assert read(TERMS.to_bytes()) == TERMS
    assert read(Terms().to_bytes()) == Terms()


MALFORMED: list[tuple[str, bytes, str]] = [
    ("nothing", b"", "terms"),
    ("junk", b"junk", "terms"),
    ("a list", cbor.encode([1]), "terms"),
    ("a null", cbor.encode(None), "terms"),
    ("bytes after the end", TERMS.to_bytes() + b"\x00", "terms"),
    ("cut off", TERMS.to_bytes()[:-1], "terms"),
    ("unsorted keys", cbor2.dumps(dict(reversed(facts().items()))), "terms"),
    ("a long integer", TERMS.to_bytes().replace(b"policy_version\x03", b"policy_version\x18\x03"), "terms"),
    ("an endless map", b"\xbf" + TERMS.to_bytes()[1:] + b"\xff", "terms"),
    ("a key twice", duplicated(), "terms"),
    ("a key too many", cbor.encode(facts(further=1)), "terms"),
    *[(f"without {name}", without(name), "terms") for name in facts()],
    ("a policy that is no text", cbor.encode(facts(policy=1)), "policy"),
    ("a policy's name without end", cbor.encode(facts(policy="x" * 65)), "policy"),
    ("a version as text", cbor.encode(facts(policy_version="3")), "policy_version"),
    ("a version below 0", cbor.encode(facts(policy_version=-1)), "policy_version"),
    ("a short digest", cbor.encode(facts(policy_digest=b"\x11" * 31)), "policy_digest"),
    ("a digest as text", cbor.encode(facts(policy_digest="1" * 32)), "policy_digest"),
    ("a life below 0", cbor.encode(facts(approval_seconds=-300)), "approval_seconds"),
    ("a life as a fraction", cbor.encode(facts(approval_seconds=300.0)), "approval_seconds"),
    ("a life that is a flag", cbor.encode(facts(approval_seconds=True)), "approval_seconds"),
    ("a flag that is a number", cbor.encode(facts(one_denial_ends=1)), "one_denial_ends"),
    ("nobody as null", cbor.encode(facts(barred_people=None)), "barred_people"),
    ("a person instead of a list", cbor.encode(facts(barred_people="local:ada")), "barred_people"),
    ("a person who is a number", cbor.encode(facts(barred_people=["local:ada", 4711])), "barred_people"),
    ("a person without end", cbor.encode(facts(barred_people=["x" * 321])), "barred_people"),
    (
        "too many people",
        cbor.encode(facts(barred_people=[f"local:{number}" for number in range(MAXIMUM_BARRED + 1)])),
        "barred_people",
    ),
]


@pytest.mark.parametrize(("data", "field"), [case[1:] for case in MALFORMED], ids=[case[0] for case in MALFORMED])
def test_what_is_no_terms_is_refused_and_says_which_field(data: bytes, field: str) -> None:
    with pytest.raises(MalformedStatement) as refused:
        read(data)
    assert refused.value.field == field


@pytest.mark.parametrize(
    ("named", "person", "barred"),
    [
        ("local:ada", "local:ada", True),
        ("local:ada", "local:Ada", False),
        ("local:ada", "https://id.example.com#ada", False),
        ("https://id.example.com#4711", "https://id.example.com#4711", True),
        ("https://id.example.com#4711", "https://other.example.com#4711", False),
        # Named by an address by which nobody was known, who came later.
        ("ada@example.com", "local:ada@example.com", True),
        ("ada@example.com", "https://id.example.com#Ada@Example.com", True),
        ("ada@example.com", "https://id.example.com#ada@example.com.evil", False),
        ("ada@example.com", "https://id.example.com#x#ada@example.com", False),
        # A name is not enough to be somebody.
        ("ada", "local:ada", False),
        ("", "local:", False),
    ],
)
def test_whom_the_terms_bar(named: str, person: str, barred: bool) -> None:
    assert Terms(barred_people=(named,)).bars(person) is barred


def test_a_policy_shortens_a_life_and_never_lengthens_it() -> None:
    assert Terms(approval_seconds=300).lifetime(900) == 300
    assert Terms(approval_seconds=10 * 365 * 86400).lifetime(900) == 900
    assert Terms().lifetime(900) == 900


class TestInAWarrant:
    def test_tenuo_verifies_and_hands_down_a_warrant_with_terms(self) -> None:
        evidence = Evidence(terms=TERMS)
        root, helper = evidence.warrant, Ed25519PrivateKey.generate()
        builder = root.attenuate_builder()
        builder.inherit_all()
        builder.with_holder(private_key(helper).public_key)
        builder.with_ttl(60)
        child = builder.delegate(private_key(evidence.holder))
        tenuo_core.Authorizer(trusted_roots=[root.issuer]).verify_chain([root, child])
        assert bytes(child.issuer.to_bytes()) == public(evidence.holder)
        assert terms_of([root, child]) == TERMS

    def test_a_warrant_from_elsewhere_has_the_defaults(self) -> None:
        key = tenuo_core.SigningKey.generate()
        warrant = tenuo_core.Warrant.issue(
            key, capabilities={"read_logs": {"service": tenuo_core.Wildcard()}}, ttl_seconds=60, holder=key.public_key
        )
        assert terms_of([warrant]) == Terms()

    def test_whoever_hands_a_warrant_down_cannot_change_its_terms(self) -> None:
        evidence = Evidence(terms=TERMS)
        own = dataclasses.replace(TERMS, barred_people=(), approval_seconds=0)
        child = with_terms(evidence.issue(evidence.holder), own, evidence.holder)
        assert terms_of([evidence.warrant, child]) == TERMS

    def test_terms_are_added_beside_the_gates_and_change_nothing_else(self) -> None:
        evidence = Evidence()
        changed = with_terms(evidence.warrant, TERMS, evidence.root)
        before, after = (cbor2.loads(bytes(one.payload_bytes)) for one in (evidence.warrant, changed))
        assert set(after.pop(10)) == {EXTENSION, place.EXTENSION, "tenuo.approval_gates"}
        before.pop(10)
        assert before == after
