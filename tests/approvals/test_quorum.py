"""Several people decide: approvals and denials are counted by person, and end a request as its workflow would."""

from __future__ import annotations

import base64

import pytest

from approvals import errors
from approvals.contracts import RequestState
from approvals.decisions import services
from approvals.delivery.services import claim
from approvals.models import ApprovalRequest, Decision, Delivery
from audit.models import LedgerEntry
from audit.statements import statements, terms
from audit.statements.kinds import EntryKind
from audit.statements.quorum import EXTENSION, same_person
from audit.statements.terms import Terms
from tests.approvals import factories
from tests.approvals.factories import Approver

pytestmark = pytest.mark.django_db


@pytest.fixture
def bob(db: None) -> Approver:
    return factories.approver("bob")


def state_of(approval_request: ApprovalRequest) -> str:
    return ApprovalRequest.objects.get(pk=approval_request.pk).state


def approve(who: Approver, asked: ApprovalRequest) -> Decision:
    return services.record(person=who.person, request_id=asked.pk, approval=who.sign_approval(asked))


def deny(who: Approver, asked: ApprovalRequest, reason: str = "Not now.") -> Decision:
    signed = who.sign_denial(asked, reason=reason)
    return services.record(person=who.person, request_id=asked.pk, denial=signed)


def phone_of(who: Approver) -> Approver:
    return Approver(who.person, factories.enrol_key(who.person, name="Phone"))


def one_person(*approvers: Approver) -> dict[str, bytes]:
    """Return what a warrant says of approvers with several keys."""
    return {EXTENSION: same_person((who.public_key, who.person.external_id) for who in approvers)}


def ends_request() -> list[bool]:
    """Return what the ledger says of each denial so far."""
    entries = LedgerEntry.objects.filter(kind=EntryKind.APPROVAL_DENIED).order_by("sequence")
    return [statements.parse(bytes(entry.envelope)).facts["details"]["ends_request"] for entry in entries]


def test_a_denial_waits_while_others_can_still_approve(ada: Approver, grace: Approver, bob: Approver) -> None:
    asked = factories.open_request(ada, grace, bob, min_approvals=2)
    deny(ada, asked)
    assert state_of(asked) == RequestState.OPEN
    assert not Delivery.objects.exists()
    deny(grace, asked)
    assert state_of(asked) == RequestState.DENIED
    assert ends_request() == [False, True]
    job = claim(limit=1, lease_seconds=1)[0]
    assert len(job.decision.denials) == 2, "both reasons reach the workflow together"


def test_others_approve_what_one_person_denied(ada: Approver, grace: Approver, bob: Approver) -> None:
    asked = factories.open_request(ada, grace, bob, min_approvals=2)
    deny(ada, asked)
    approve(grace, asked)
    assert state_of(asked) == RequestState.OPEN
    approve(bob, asked)
    assert state_of(asked) == RequestState.APPROVED
    job = claim(limit=1, lease_seconds=1)[0]
    assert (len(job.decision.approvals), len(job.decision.denials)) == (2, 1)


def test_whoever_denied_cannot_approve_and_the_other_way_round(ada: Approver, grace: Approver, bob: Approver) -> None:
    asked = factories.open_request(ada, grace, bob, min_approvals=2)
    deny(ada, asked)
    with pytest.raises(errors.AlreadyDecided, match="You denied this request at"):
        approve(ada, asked)
    approve(grace, asked)
    with pytest.raises(errors.AlreadyDecided, match="You approved this request at"):
        deny(grace, asked)
    assert state_of(asked) == RequestState.OPEN


def test_a_policy_may_let_one_denial_end_it(ada: Approver, grace: Approver) -> None:
    extensions = {terms.EXTENSION: Terms(one_denial_ends=True).to_bytes()}
    asked = factories.open_request(ada, grace, extensions=extensions)
    deny(ada, asked)
    assert state_of(asked) == RequestState.DENIED
    assert ends_request() == [True]
    with pytest.raises(errors.AlreadyDecided, match="Ada denied this request at"):
        approve(grace, asked)


def test_two_keys_of_one_person_are_one_who_can_still_approve(ada: Approver, grace: Approver) -> None:
    phone = phone_of(ada)
    asked = factories.open_request(ada, phone, grace, min_approvals=2, extensions=one_person(ada, phone, grace))
    deny(ada, asked)
    assert state_of(asked) == RequestState.DENIED, "only Grace is left, and two people are needed"


def test_nobody_denies_twice_with_two_keys(ada: Approver, grace: Approver, bob: Approver) -> None:
    phone = phone_of(ada)
    everybody = (ada, phone, grace, bob)
    asked = factories.open_request(*everybody, min_approvals=2, extensions=one_person(*everybody))
    deny(ada, asked)
    with pytest.raises(errors.AlreadyDecided):
        deny(phone, asked)
    assert state_of(asked) == RequestState.OPEN


def test_a_warrant_that_does_not_say_whose_keys_they_are_is_counted_by_key(ada: Approver, grace: Approver) -> None:
    """Its workflow knows no better, and the two must not disagree: then silence ends it, in nobody's name."""
    phone = phone_of(ada)
    asked = factories.open_request(ada, phone, grace, min_approvals=2)
    deny(ada, asked)
    assert state_of(asked) == RequestState.OPEN


def test_a_warrant_whose_keys_cannot_be_told_apart_is_refused(ada: Approver) -> None:
    for broken in (b"", b"\xff", b"\x81\x80", b"\x81\x81\x40", b"\xa0"):
        minted = factories.mint(ada, extensions={EXTENSION: broken})
        with pytest.raises(errors.MalformedInput) as refused:
            factories.services.open(gate_request=factories.gate_request(minted))
        assert refused.value.field == "warrant_chain"


def test_what_is_delivered_is_what_was_signed(ada: Approver, grace: Approver) -> None:
    asked = factories.open_request(ada, grace)
    denials = [bytes(deny(ada, asked).signed), bytes(deny(grace, asked).signed)]
    job = claim(limit=1, lease_seconds=1)[0]
    assert [base64.b64decode(text) for text in job.decision.denials] == denials
