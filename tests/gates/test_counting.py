"""The gate counts people: on its own, with whatever a signal may bring, in any order."""

from __future__ import annotations

import time
from typing import Any

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from hypothesis import given, settings
from hypothesis import strategies as st

from approvals.contracts import Decision, GateRequest
from approvals.signing.binding import Binding
from audit.statements.quorum import Quorum
from tests.gates.people import approve, decision, deny, public
from workers.gates.verdicts import Gate

NOW = int(time.time())
HASH = b"\x01" * 32
ADA, ADAS_PHONE, GRACE, BOB, STRANGER = (Ed25519PrivateKey.from_private_bytes(bytes([n]) * 32) for n in range(1, 6))
KEYS = (ADA, ADAS_PHONE, GRACE, BOB)
PERSON = {public(ADA): "ada", public(ADAS_PHONE): "ada", public(GRACE): "grace", public(BOB): "bob"}
REQUEST = GateRequest(
    request_id="apr_1", namespace="default", workflow_id="run", run_id="1", workflow_type="Agent", tool="restart",
    arguments_cbor="", request_hash=HASH.hex(), warrant_chain=[], gate_message="", reasoning="", opened_at_ms=0,
    expires_at=NOW + 600, display_digest=bytes(32).hex(), policy_version="",
)  # fmt: skip


def gate(threshold: int = 2, **options: Any) -> Gate:
    """Return a gate that Ada, with two keys, Grace and Bob may open."""
    quorum = Quorum(
        keys=frozenset(public(key) for key in KEYS),
        threshold=threshold,
        one_denial_ends=options.pop("one_denial_ends", False),
        first_keys={public(ADAS_PHONE): public(ADA), public(ADA): public(ADA)},
    )
    return Gate(
        binding=Binding("apr_1", "default", "run", "1", bytes(32), ""),
        request_hash=HASH,
        quorum=quorum,
        signature_lifetime_seconds=900,
        **options,
    )


def denied(*keys: Ed25519PrivateKey) -> Decision:
    return decision(REQUEST, denials=tuple(deny(REQUEST, key, f"No, says {key_name(key)}.") for key in keys))


def approved(*keys: Ed25519PrivateKey) -> Decision:
    return decision(REQUEST, approvals=tuple(approve(REQUEST, key) for key in keys))


def key_name(key: Ed25519PrivateKey) -> str:
    return PERSON.get(public(key), "somebody")


def test_denials_end_it_when_too_few_are_left() -> None:
    waiting = gate()
    waiting.offer(denied(ADA), int(time.time()))
    assert not waiting.is_settled
    waiting.offer(denied(ADAS_PHONE), int(time.time()))
    assert not waiting.is_settled, "Ada denied twice"
    waiting.offer(denied(GRACE), int(time.time()))
    assert (waiting.is_denied, waiting.is_approved) == (True, False)
    assert [signed.reason for signed in waiting.denials.values()] == ["No, says ada.", "No, says grace."]


def test_one_denial_ends_it_where_the_warrant_says_so() -> None:
    waiting = gate(one_denial_ends=True)
    waiting.offer(denied(BOB), int(time.time()))
    assert waiting.is_denied


def test_two_keys_of_one_person_approve_once() -> None:
    waiting = gate()
    waiting.offer(approved(ADA, ADAS_PHONE), int(time.time()))
    assert not waiting.is_settled
    waiting.offer(approved(GRACE), int(time.time()))
    assert waiting.is_approved


def test_a_denial_takes_the_place_of_its_persons_approval_and_stays() -> None:
    waiting = gate()
    waiting.offer(approved(ADA), int(time.time()))
    waiting.offer(denied(ADAS_PHONE), int(time.time()))
    waiting.offer(approved(GRACE, ADA), int(time.time()))
    assert not waiting.is_settled
    assert list(waiting.approvals) == [public(GRACE)]
    waiting.offer(approved(BOB), int(time.time()))
    assert waiting.is_approved


@pytest.mark.parametrize("message", [denied(STRANGER), approved(STRANGER)], ids=["denial", "approval"])
def test_a_stranger_counts_for_nothing(message: Decision) -> None:
    waiting = gate(threshold=1)
    waiting.offer(message, int(time.time()))
    assert not waiting.is_settled
    assert not waiting.denials


OFFERS = st.lists(st.tuples(st.sampled_from(["approve", "deny"]), st.sampled_from([*KEYS, STRANGER])), max_size=12)


@settings(max_examples=60, deadline=None)
@given(offers=OFFERS, threshold=st.integers(1, 3), one_denial_ends=st.booleans(), size=st.integers(1, 4))
def test_whatever_comes_it_opens_for_enough_people_or_ends_by_enough_denials(
    offers: list[tuple[str, Ed25519PrivateKey]], threshold: int, one_denial_ends: bool, size: int
) -> None:
    waiting = gate(threshold, one_denial_ends=one_denial_ends)
    said_yes: set[str] = set()
    said_no: set[str] = set()
    verdict = ""
    for start in range(0, len(offers), size):
        batch = offers[start : start + size]
        # As the gate reads a signal: denials first.
        for kind, key in sorted(batch, key=lambda offer: offer[0] == "approve"):
            person = PERSON.get(public(key))
            if verdict or person is None:
                continue
            if kind == "deny":
                said_no.add(person)
                said_yes.discard(person)
                verdict = "denied" if one_denial_ends or 3 - len(said_no) < threshold else ""
            elif person not in said_no:
                said_yes.add(person)
                verdict = "approved" if len(said_yes) >= threshold else ""
        message = decision(
            REQUEST,
            approvals=tuple(approve(REQUEST, key) for kind, key in batch if kind == "approve"),
            denials=tuple(deny(REQUEST, key) for kind, key in batch if kind == "deny"),
        )
        waiting.offer(message, int(time.time()))
        waiting.offer(message, int(time.time()))  # a signal may come twice
        assert (waiting.is_approved, waiting.is_denied) == (verdict == "approved", verdict == "denied")
        signers = {PERSON[key] for key in waiting.approvals}
        assert not waiting.is_approved or len(signers) >= threshold
        assert signers.isdisjoint(PERSON[signed.approver_key] for signed in waiting.denials.values())
