"""The judge of chaos finds what it is there to find, and nothing where there is nothing."""

from __future__ import annotations

import base64
import secrets
import time
from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from approvals.contracts import DecisionKind
from approvals.signing import approval
from approvals.signing.binding import Binding
from chaos.effects import BEGAN, ENDED, Line
from chaos.plan import TARGETS, Call, Case, Plan, make_plan
from chaos.processes import Death
from chaos.verdict import Facts, Found, Verdict, judge

HASH = bytes(range(32))
KEYS = {name: Ed25519PrivateKey.generate() for name in ("ada", "grace", "barbara")}
SECOND_OF_ADA = Ed25519PrivateKey.generate()
YES, NO = DecisionKind.APPROVE, DecisionKind.DENY


def _public(key: Ed25519PrivateKey) -> bytes:
    return key.public_key().public_bytes_raw()


def _approval(key: Ed25519PrivateKey, request_id: str = "apr_one") -> str:
    now = int(time.time())
    terms = approval.ApprovalTerms(
        request_hash=HASH,
        nonce=secrets.token_bytes(16),
        external_id="local#1",
        approved_at=now,
        expires_at=now + 60,
        binding=Binding(request_id, "default", "case-001", "run", bytes(32), ""),
        reason="",
    )
    payload = approval.encode_payload(terms)
    signed = approval.assemble(payload, _public(key), key.sign(approval.signed_message(payload)))
    return base64.b64encode(signed).decode()


def _line(what: str, approvals: list[str], **changes: Any) -> Line:
    made = Line(what, "case-001/1", "case-001/run/7/then", 1, 4711, 100.0, "apr_one", approvals)
    return replace(made, **changes)


def _found(call: str, request_id: str, state: str, decided: dict[str, str]) -> Found:
    return Found(request_id, call, state, HASH, decided, is_delivered=True)


def good() -> Facts:
    """Two people approved one call, which ran; one denied another, which did not."""
    approved = Call("case-001/1", 2, {"ada": YES, "grace": YES})
    denied = Call("case-002/1", 1, {"ada": NO, "grace": NO, "barbara": NO})
    signed = [_approval(KEYS["ada"]), _approval(KEYS["grace"])]
    return Facts(
        plan=Plan(1, (Case("case-001", 2, (approved,), 0), Case("case-002", 1, (denied,), 0)), ()),
        results={"case-001/1": "done", "case-002/1": "APPROVAL_DENIED"},
        requests=[
            _found("case-001/1", "apr_one", "executed", {"ada": "approve", "grace": "approve"}),
            _found("case-002/1", "apr_two", "denied", {"ada": "deny"}),
        ],
        bodies=[_line(BEGAN, signed), _line(ENDED, signed, at=101.0)],
        deaths=[],
        acknowledged={"ada": {"apr_one": YES, "apr_two": NO}},
        people={_public(key): name for name, key in KEYS.items()} | {_public(SECOND_OF_ADA): "ada"},
    )


def _found_by(verdict: Verdict) -> set[str]:
    return {name for name, sentences in verdict.violations.items() if sentences}


def test_good_facts_are_no_violation() -> None:
    assert judge(good()).is_good


def _again(facts: Facts, **changes: Any) -> Facts:
    signed = facts.bodies[0].approvals
    later = {"attempt": 2, "pid": 4712, "at": 110.0, **changes}
    return replace(facts, bodies=[*facts.bodies, _line(BEGAN, signed, **later), _line(ENDED, signed, **later)])


def _with_approvals(facts: Facts, *approvals: str) -> Facts:
    return replace(facts, bodies=[replace(line, approvals=list(approvals)) for line in facts.bodies])


BAD: dict[str, tuple[str, Callable[[Facts], Facts]]] = {
    "acknowledged and gone": ("lost", lambda facts: replace(facts, acknowledged={"barbara": {"apr_one": YES}})),
    "the run did not hear": ("lost", lambda facts: replace(facts, results={**facts.results, "case-001/1": "EXPIRED"})),
    "the run waits for ever": (
        "lost",
        lambda facts: replace(facts, results={"case-001/1": "done"}),
    ),
    "it never ran": ("lost", lambda facts: replace(facts, bodies=facts.bodies[:1])),
    "two dispatches": ("doubled", lambda facts: _again(facts, dispatch="case-001/run/8/later")),
    "again for no reason": ("doubled", _again),
    "somebody else was killed": (
        "doubled",
        lambda facts: replace(_again(facts), deaths=[Death("agents' worker", 99, 105.0)]),
    ),
    "killed too late": (
        "doubled",
        lambda facts: replace(_again(facts), deaths=[Death("agents' worker", 4711, 111.0)]),
    ),
    "one person": ("without quorum", lambda facts: _with_approvals(facts, facts.bodies[0].approvals[0])),
    "two keys of one person": (
        "without quorum",
        lambda facts: _with_approvals(facts, _approval(KEYS["ada"]), _approval(SECOND_OF_ADA)),
    ),
    "a stranger": (
        "without quorum",
        lambda facts: _with_approvals(facts, _approval(KEYS["ada"]), _approval(Ed25519PrivateKey.generate())),
    ),
    "for another request": (
        "without quorum",
        lambda facts: _with_approvals(facts, _approval(KEYS["ada"]), _approval(KEYS["grace"], "apr_two")),
    ),
    "denied, and it ran": (
        "without quorum",
        lambda facts: replace(facts, bodies=[*facts.bodies, _line(BEGAN, [], call="case-002/1", request_id="apr_two")]),
    ),
    "the run is open": ("stuck", lambda facts: replace(facts, results={"case-001/1": "done"})),
    "the request is open": (
        "stuck",
        lambda facts: replace(facts, requests=[facts.requests[0], replace(facts.requests[1], state="open")]),
    ),
    "it is in the outbox": (
        "stuck",
        lambda facts: replace(facts, requests=[replace(facts.requests[0], is_delivered=False), facts.requests[1]]),
    ),
    "evidence": ("evidence", lambda facts: replace(facts, unverified=["The receipts do not verify."])),
}


@pytest.mark.parametrize("name", BAD)
def test_each_bad_fact_is_found(name: str) -> None:
    kind, spoil = BAD[name]
    assert kind in _found_by(judge(spoil(good())))


@pytest.mark.parametrize("death", [Death("agents' worker", 4711, 105.0), Death("temporal", 1, 105.0)])
def test_an_attempt_that_a_kill_cut_off_may_run_again(death: Death) -> None:
    judged = judge(replace(_again(good()), deaths=[death]))
    assert (judged.is_good, judged.again) == (True, 1)


def test_a_seed_gives_the_same_plan_in_which_everybody_dies() -> None:
    plan = make_plan(seed=7, requests=200, kills=40, pauses=(1, 2))
    assert plan == make_plan(seed=7, requests=200, kills=40, pauses=(1, 2))
    assert plan != make_plan(seed=8, requests=200, kills=40, pauses=(1, 2))
    assert len(plan.calls) == 200
    assert {kill.target for kill in plan.kills[: len(TARGETS)]} == set(TARGETS)
    assert {call.quorum for call in plan.calls.values()} == {1, 2}
    assert any(len(case.calls) > 1 for case in plan.cases)
    assert any(call.is_denied for call in plan.calls.values())
