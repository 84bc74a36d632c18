"""Genuine evidence: every one of these files verifies."""

from __future__ import annotations

import json
from typing import Any

import cbor2
import tenuo_core

from audit.statements import cbor
from audit.statements.acting import EXTENSION as ACTING
from audit.statements.acting import Acting
from audit.statements.kinds import EntryKind
from audit.statements.quorum import EXTENSION as SAME_PERSON
from audit.statements.quorum import same_person
from tests.audit.evidence import LEAD, public
from tests.vectors.evidence_story import (
    READ,
    RESTART,
    TWO_MAY_DENY,
    Story,
    key,
    logs_alone,
    told,
    whole,
    with_terms,
)

# Constraints that the verifier in JavaScript does not evaluate, and says so: it reports neither VERIFIED nor a fault.
UNCHECKED_IN_JAVASCRIPT = {"constraint-by-expression"}


def approved() -> tuple[Story, bytes]:
    """A person approves the restart, and it runs."""
    return told(whole())


def denied() -> tuple[Story, bytes]:
    """A person denies the restart."""
    story = Story()
    story.minted()
    story.gated()
    story.requested()
    story.refused(story.deny())
    story.completed()
    return told(story)


def approved_by_two() -> tuple[Story, bytes]:
    """The warrant asks for two people, and two approve."""
    story = Story(threshold=2).asked()
    given = [story.approve(), story.approve(key=story.other)]
    for approval in given:
        story.granted(approval)
    story.restarted(*given)
    story.completed()
    return told(story)


def gated_again_with_too_few() -> tuple[Story, bytes]:
    """One of two approvals came along, and the gate stopped the call again."""
    story = Story(threshold=2)
    approval = story.approved()
    code = "insufficient-approvals"
    options: dict[str, Any] = {"approvals": (approval,), "code": code, "request_id": "request-1"}
    details = story.call_details("restart_service", RESTART, verdict="gated", **options)
    story.add(EntryKind.CALL_GATED, details, {"arguments": cbor.encode(RESTART)})
    return told(story)


def exempt_from_the_gate() -> tuple[Story, bytes]:
    """A restart of staging needs nobody."""
    story = Story()
    story.minted()
    story.allowed("restart_service", {**RESTART, "environment": "staging"})
    return told(story)


def refused_by_the_worker_itself() -> tuple[Story, bytes]:
    """The worker refuses an approval that was used before."""
    story = Story()
    approval = story.approved()
    story.restarted(approval)
    options: dict[str, Any] = {"approvals": (approval,), "request_id": "request-1", "code": "approval-replayed"}
    story.denied("restart_service", RESTART, **options)
    return told(story)


def key_revoked_later() -> tuple[Story, bytes]:
    """A key that was revoked after its approval was used: what was decided before stays."""
    story = Story().ran()
    story.requested("request-2")
    approval = story.approve(request_id="request-2")
    story.granted(approval, "request-2")
    options: dict[str, Any] = {"approvals": (approval,), "request_id": "request-2", "code": "approver-key-revoked"}
    story.denied("restart_service", RESTART, **options)
    return told(story)


def silence_and_withdrawal() -> tuple[Story, bytes]:
    """One request expires, one is withdrawn."""
    story = Story().asked()
    story.requested("request-2")
    expired = {"request_id": "request-1", "expires_at": story.now + 3600}
    story.add(EntryKind.APPROVAL_EXPIRED, expired, at=story.now + 3600)
    story.add(EntryKind.APPROVAL_WITHDRAWN, {"request_id": "request-2", "reason": "no longer needed"})
    story.completed()
    return told(story)


def asked_again() -> tuple[Story, bytes]:
    """A request is superseded by one about the same call."""
    story = Story().asked()
    story.requested("request-2")
    facts = {"request_id": "request-1", "reason": "asked again", "by": "request-2"}
    story.add(EntryKind.APPROVAL_SUPERSEDED, facts)
    return told(story)


def still_open() -> tuple[Story, bytes]:
    """The incident goes on."""
    story = Story()
    story.minted()
    return told(story)


def attachment_erased() -> tuple[Story, bytes]:
    """The arguments of a call were erased; everything else still verifies, and the report says so."""
    story = whole()
    lines = story.lines()
    stored = json.loads(lines[6])
    stored["attachments"]["arguments"] = None
    lines[6] = (json.dumps(stored, sort_keys=True, separators=(",", ":")) + "\n").encode()
    return told(story, lines)


def retried_by_temporal() -> tuple[Story, bytes]:
    """Temporal runs an approved call a second time: the same activity, the next attempt."""
    story = Story()
    approval = story.approved()
    story.restarted(approval)
    first = story.statements[-1]["details"]["activity_id"]
    story.restarted(approval, activity_id=first)
    story.statements[-1]["details"]["attempt"] = 2
    return told(story)


def denied_by_one_approved_by_another() -> tuple[Story, bytes]:
    """One denial does not end a request where others may still approve."""
    story = Story(terms=TWO_MAY_DENY).asked()
    story.refused(story.deny(), ends_request=False)
    approval = story.approve(key=story.other)
    story.granted(approval)
    story.restarted(approval)
    story.result()
    return told(story)


def denied_by_all() -> tuple[Story, bytes]:
    """The second denial ends the request."""
    story = Story(terms=TWO_MAY_DENY).asked()
    story.refused(story.deny(), ends_request=False)
    story.refused(story.deny(key=story.other), ends_request=True)
    return told(story)


def one_person_with_two_keys_denies() -> tuple[Story, bytes]:
    """The warrant says that two keys are one person's: that person's denial ends the request."""
    lead, other = key(25), key(26)
    own = same_person([(public(lead), LEAD), (public(other), LEAD)])
    story = Story(terms=TWO_MAY_DENY, extensions={SAME_PERSON: own})
    story.people = dict.fromkeys(story.people, LEAD)
    story.key_endorsements[2] = story.endorse(story.administrator, story.other, LEAD)
    story.asked()
    story.refused(story.deny(), ends_request=True)
    return told(story)


def taken_back_and_given_anew() -> tuple[Story, bytes]:
    """A person takes an approval back, and approves again."""
    story = Story()
    story.taken_back(story.approved())
    second = story.approve()
    story.granted(second)
    story.restarted(second)
    story.result()
    return told(story)


def confirmed_with_a_passkey() -> tuple[Story, bytes]:
    """The request asked for a fresh second factor, and the decision names it."""
    story = Story()
    story.minted()
    story.requested(step_up_seconds=300)
    story.granted(story.approve(), step_up={"method": "passkey", "at": story.now - 20})
    return told(story)


def for_a_person() -> tuple[Story, bytes]:
    """The agent works for a person, whom the warrant bars from approving."""
    acting = Acting("incident-agent", "local:ada").to_bytes()
    terms = with_terms(barred_people=("local:ada",))
    return told(Story(extensions={ACTING: acting}, terms=terms).ran())


def handed_on_to_a_helper() -> tuple[Story, bytes]:
    """The agent hands a narrower warrant on, and the helper calls under both."""
    story = Story()
    story.minted()
    story.handed_on(logs_alone, key(29))
    story.forged("read_logs", READ)
    return told(story)


def handed_on_and_told() -> tuple[Story, bytes]:
    """The agent hands a narrower warrant on, and the ledger says what it lost."""
    story = Story()
    story.minted()
    story.handed_on_and_told(logs_alone)
    story.forged("read_logs", READ)
    return told(story)


def constraints_of_many_kinds() -> tuple[Story, bytes]:
    """Arguments that are bound by lists, ranges, sets and combinations of them."""

    def bound(payload: dict[int, Any]) -> None:
        payload[3] = {"read_logs": {"constraints": constraints}}

    plain = tenuo_core.Warrant.issue(
        tenuo_core.SigningKey.from_bytes(bytes([21]) * 32),
        capabilities={
            "read_logs": {
                "service": tenuo_core.NotOneOf(["ledger"]),
                "lines": tenuo_core.Range(1, 100),
                "tags": tenuo_core.Contains(["a"]),
                "zones": tenuo_core.Subset(["x", "y"]),
                "level": tenuo_core.All([tenuo_core.OneOf(["info", "warn"]), tenuo_core.Not(tenuo_core.Exact("warn"))]),
                "mode": tenuo_core.AnyOf([tenuo_core.Exact("tail"), tenuo_core.Exact("head")]),
            }
        },
        ttl_seconds=60,
        holder=tenuo_core.SigningKey.from_bytes(bytes([24]) * 32).public_key,
    )
    constraints = cbor2.loads(bytes(plain.payload_bytes))[3]["read_logs"]["constraints"]
    story = Story(change=bound)
    story.minted()
    arguments = {
        "service": "payments",
        "lines": 50,
        "tags": ["a", "b"],
        "zones": ["x"],
        "level": "info",
        "mode": "tail",
    }
    story.allowed("read_logs", arguments)
    story.denied("read_logs", {**arguments, "lines": 101}, code="constraint-violation")
    story.denied("read_logs", {**arguments, "more": 1}, code="constraint-violation")
    return told(story)


def constraint_by_expression() -> tuple[Story, bytes]:
    """An argument is bound by a regular expression, which is not evaluated in JavaScript."""

    def bound(payload: dict[int, Any]) -> None:
        payload[3] = {"read_logs": {"constraints": {"service": [5, {"pattern": "^pay.*$"}], "lines": [16, None]}}}

    story = Story(change=bound)
    story.minted()
    story.allowed("read_logs", {"service": "payments", "lines": 50})
    return told(story)


GOOD = [
    approved,
    denied,
    approved_by_two,
    gated_again_with_too_few,
    exempt_from_the_gate,
    refused_by_the_worker_itself,
    key_revoked_later,
    silence_and_withdrawal,
    asked_again,
    still_open,
    attachment_erased,
    retried_by_temporal,
    denied_by_one_approved_by_another,
    denied_by_all,
    one_person_with_two_keys_denies,
    taken_back_and_given_anew,
    confirmed_with_a_passkey,
    for_a_person,
    handed_on_to_a_helper,
    handed_on_and_told,
    constraints_of_many_kinds,
    constraint_by_expression,
]
