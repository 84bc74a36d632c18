"""An approver takes their own approval back: until enough people have approved, and nobody else's."""

from __future__ import annotations

import base64
import time
from datetime import timedelta
from typing import Any

import pytest
from django.test import Client
from django.urls import reverse
from django.utils import timezone

from accounts.keys.services import revoke
from accounts.models import ApproverKey
from approvals import errors
from approvals.contracts import RequestState
from approvals.decisions.services import record
from approvals.models import ApprovalRequest, Decision, Delivery, Retraction
from approvals.retractions.services import retract
from approvals.signing import retraction as retractions
from audit.models import LedgerEntry
from audit.statements import statements
from audit.statements.kinds import EntryKind
from audit.statements.statements import Context, sign
from tests.approvals import factories
from tests.approvals.factories import Approver

pytestmark = pytest.mark.django_db


@pytest.fixture
def asked(ada: Approver, grace: Approver) -> ApprovalRequest:
    """A request that needs both Ada and Grace."""
    return factories.open_request(ada, grace, min_approvals=2)


@pytest.fixture
def given(ada: Approver, asked: ApprovalRequest) -> bytes:
    """Ada's approval of it."""
    return approve(ada, asked)


def approve(who: Approver, asked: ApprovalRequest) -> bytes:
    signed = who.sign_approval(asked)
    record(person=who.person, request_id=asked.pk, approval=signed)
    return signed


def take_back(who: Approver, asked: ApprovalRequest, approval: bytes, **changes: Any) -> Retraction:
    signed = who.sign_retraction(asked, approval, **changes)
    return retract(person=who.person, request_id=asked.pk, retraction=signed)


def nothing_was_taken_back() -> bool:
    kept = LedgerEntry.objects.filter(kind=EntryKind.APPROVAL_RETRACTED).exists() or Retraction.objects.exists()
    return not kept and not Decision.objects.filter(lapsed=True).exists()


def test_what_was_taken_back_does_not_count(
    ada: Approver, grace: Approver, asked: ApprovalRequest, given: bytes
) -> None:
    taken = take_back(ada, asked, given)
    assert (taken.decision.lapsed, bytes(taken.decision.signed)) == (True, given)
    approve(grace, asked)
    assert ApprovalRequest.objects.get(pk=asked.pk).state == RequestState.OPEN
    assert not Delivery.objects.exists()


def test_it_is_in_the_ledger_as_it_was_signed(ada: Approver, asked: ApprovalRequest, given: bytes) -> None:
    taken = take_back(ada, asked, given)
    entry = LedgerEntry.objects.get(kind=EntryKind.APPROVAL_RETRACTED)
    details = statements.parse(bytes(entry.envelope)).facts["details"]
    signed = retractions.parse(details["retraction"])
    signed.verify()
    assert (details["retraction"], details["person"]) == (bytes(taken.signed), "local:ada")
    assert (signed.approver_key, signed.nonce) == (ada.public_key, bytes(taken.decision.nonce))


@pytest.mark.parametrize("then", ["approve", "deny"])
def test_whoever_took_it_back_may_decide_anew(
    then: str, ada: Approver, grace: Approver, asked: ApprovalRequest, given: bytes
) -> None:
    take_back(ada, asked, given)
    if then == "approve":
        approve(ada, asked)
        approve(grace, asked)
    else:
        record(person=ada.person, request_id=asked.pk, denial=ada.sign_denial(asked))
    state = ApprovalRequest.objects.get(pk=asked.pk).state
    assert state == (RequestState.APPROVED if then == "approve" else RequestState.DENIED)


def test_the_same_approval_does_not_come_back(ada: Approver, asked: ApprovalRequest, given: bytes) -> None:
    take_back(ada, asked, given)
    with pytest.raises(errors.Replayed):
        record(person=ada.person, request_id=asked.pk, approval=given)
    assert not Decision.objects.filter(lapsed=False).exists()


def test_sending_it_twice_is_taking_back_once(ada: Approver, asked: ApprovalRequest, given: bytes) -> None:
    signed = ada.sign_retraction(asked, given)
    first, second = (retract(person=ada.person, request_id=asked.pk, retraction=signed) for _ in range(2))
    assert first.pk == second.pk
    assert LedgerEntry.objects.filter(kind=EntryKind.APPROVAL_RETRACTED).count() == 1
    with pytest.raises(errors.NothingToRetract):
        take_back(ada, asked, given, retracted_at=int(time.time()) + 1)


def test_it_is_too_late_once_enough_people_have_approved(
    ada: Approver, grace: Approver, asked: ApprovalRequest, given: bytes
) -> None:
    approve(grace, asked)
    with pytest.raises(errors.TooLateToRetract, match="on their way"):
        take_back(ada, asked, given)
    assert nothing_was_taken_back()
    assert Delivery.objects.count() == 1


def test_it_is_too_late_when_the_time_is_over(ada: Approver, asked: ApprovalRequest, given: bytes) -> None:
    past = timezone.now() - timedelta(hours=1)
    ApprovalRequest.objects.update(opened_at=past, expires_at=past + timedelta(minutes=1))
    with pytest.raises(errors.TooLateToRetract, match="is over"):
        take_back(ada, asked, given)
    assert nothing_was_taken_back()


def test_nobody_takes_back_what_another_person_approved(
    ada: Approver, grace: Approver, asked: ApprovalRequest, given: bytes
) -> None:
    with pytest.raises(errors.NothingToRetract):
        take_back(grace, asked, given)
    with pytest.raises(errors.UnusableKey):
        retract(person=grace.person, request_id=asked.pk, retraction=ada.sign_retraction(asked, given))
    with pytest.raises(errors.WrongBinding):
        take_back(grace, asked, given, external_id="local:ada")
    assert nothing_was_taken_back()


def test_a_denial_cannot_be_taken_back(ada: Approver, grace: Approver, asked: ApprovalRequest) -> None:
    waiting = factories.open_request(ada, grace)
    approval = ada.sign_approval(waiting, nonce=b"n" * 16)
    record(person=ada.person, request_id=waiting.pk, denial=ada.sign_denial(waiting, nonce=b"n" * 16))
    with pytest.raises(errors.NothingToRetract):
        take_back(ada, waiting, approval)


def test_another_key_of_the_same_person_may_take_it_back(ada: Approver, grace: Approver) -> None:
    phone = Approver(ada.person, factories.enrol_key(ada.person, name="Phone"))
    asked = factories.open_request(ada, phone, grace, min_approvals=2)
    given = approve(ada, asked)
    assert bytes(take_back(phone, asked, given).public_key) == phone.public_key


def test_a_revoked_key_takes_nothing_back(ada: Approver, asked: ApprovalRequest, given: bytes) -> None:
    revoke(person=ada.person, key_id=ApproverKey.objects.get(person=ada.person).pk, reason="lost")
    with pytest.raises(errors.UnusableKey):
        take_back(ada, asked, given)
    assert nothing_was_taken_back()


@pytest.mark.parametrize(
    ("changes", "refused"),
    [
        ({"request_id": "req_of_somebody_else"}, errors.WrongBinding),
        ({"run_id": "other"}, errors.WrongBinding),
        ({"namespace": "other"}, errors.WrongBinding),
        ({"request_hash": bytes(32)}, errors.HashMismatch),
        ({"nonce": bytes(16)}, errors.NothingToRetract),
        ({"nonce": bytes(15)}, errors.MalformedInput),
        ({"retracted_at": 0}, errors.BadLifetime),
        ({"retracted_at": 2**52}, errors.BadLifetime),
        ({"also": "this"}, errors.MalformedInput),
    ],
    ids=str,
)
def test_what_was_signed_for_something_else_is_refused(
    ada: Approver, asked: ApprovalRequest, given: bytes, changes: dict[str, Any], refused: type[errors.ApprovalError]
) -> None:
    with pytest.raises(refused):
        take_back(ada, asked, given, **changes)
    assert nothing_was_taken_back()


def test_a_signature_of_another_context_is_refused(ada: Approver, asked: ApprovalRequest, given: bytes) -> None:
    facts = dict(statements.parse(ada.sign_retraction(asked, given)).facts)
    others = [context for context in Context if context is not Context.RETRACTION]
    for signed in [sign(context, facts, ada.private_key).to_bytes() for context in others]:
        with pytest.raises(errors.BadSignature):
            retract(person=ada.person, request_id=asked.pk, retraction=signed)
    for data in (b"", given, ada.sign_denial(asked)):
        with pytest.raises(errors.MalformedInput):
            retract(person=ada.person, request_id=asked.pk, retraction=data)
    assert nothing_was_taken_back()


def test_a_retraction_is_neither_an_approval_nor_a_denial(ada: Approver, asked: ApprovalRequest, given: bytes) -> None:
    signed = ada.sign_retraction(asked, given)
    for side in ("approval", "denial"):
        with pytest.raises(errors.MalformedInput):
            record(person=ada.person, request_id=asked.pk, **{side: signed})


# --- The page -------------------------------------------------------------------------------


def page_of(who: Approver, asked: ApprovalRequest) -> str:
    client = Client()
    client.force_login(who.person)
    return client.get(reverse("approvals:request", args=[asked.pk])).content.decode()


def test_the_page_offers_it_to_whoever_approved_and_says_who_took_it_back(
    ada: Approver, grace: Approver, asked: ApprovalRequest, given: bytes
) -> None:
    assert "Take my approval back" in page_of(ada, asked)
    assert "Take my approval back" not in page_of(grace, asked)
    client = Client()
    client.force_login(ada.person)
    signed = base64.b64encode(ada.sign_retraction(asked, given)).decode()
    address = reverse("approvals:retraction", args=[asked.pk])
    answer = client.post(address, {"retraction": signed}, headers={"accept": "application/json"})
    assert answer.json() == {"state": "open", "url": reverse("approvals:request", args=[asked.pk])}
    for who in (ada, grace):
        page = " ".join(page_of(who, asked).split())
        assert "<strong>Ada</strong> took it back" in page
        assert "<strong>0 of 2</strong> approvals so far" in page
        assert "Take my approval back" not in page


@pytest.mark.parametrize("sent", [{}, {"retraction": "%"}, {"retraction": "A" * 40_000}, {"retraction": "AAAA"}])
def test_what_cannot_be_read_is_a_typed_error(ada: Approver, asked: ApprovalRequest, sent: dict[str, str]) -> None:
    client = Client()
    client.force_login(ada.person)
    answer = client.post(reverse("approvals:retraction", args=[asked.pk]), sent, headers={"accept": "application/json"})
    assert answer.status_code in (400, 413)
    assert answer.json()["code"] in ("malformed", "too_large")


def test_the_page_and_the_card_say_what_is_still_possible(ada: Approver, grace: Approver) -> None:
    bob = factories.approver("bob")
    asked = factories.open_request(ada, grace, bob, min_approvals=2)
    assert "3 people can approve; 2 denials end the request." in " ".join(page_of(bob, asked).split())
    approve(ada, asked)
    record(person=grace.person, request_id=asked.pk, denial=grace.sign_denial(asked))
    page = " ".join(page_of(bob, asked).split())
    assert "1 more person can still approve; one more denial ends the request." in page
    client = Client()
    client.force_login(bob.person)
    card = " ".join(client.get(reverse("approvals:card", args=[asked.pk])).content.decode().split())
    assert "1 of 2 approved" in card
    assert card.index("Ada approved") < card.index("Grace denied")
