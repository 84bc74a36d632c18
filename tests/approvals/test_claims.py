"""Saying that one works on a request: it tells others, lapses by itself, and keeps nobody from deciding."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest
from django.db import IntegrityError, transaction
from django.test import Client
from django.utils import timezone

from accounts.models import Person
from accounts.roles.contracts import Role
from approvals import errors
from approvals.claims.services import CLAIM_SECONDS, claim, release
from approvals.contracts import RequestState
from approvals.decisions.services import record
from approvals.models import ApprovalRequest, Claim, Decision
from approvals.requests import services as requests
from audit.models import LedgerEntry
from audit.statements.terms import Terms
from tests.approvals import factories
from tests.approvals.factories import Approver
from tests.approvals.test_at_once import _at_once

JSON = {"accept": "application/json"}
HTMX = {"HX-Request": "true"}


@pytest.fixture
def asked(ada: Approver, grace: Approver) -> ApprovalRequest:
    return factories.open_request(ada, grace)


def seen_by(person: Person, approval_request: ApprovalRequest) -> tuple[str, str]:
    """Return the request's card in the queue, and what changes on its page."""
    client = Client()
    client.force_login(person)
    address = f"/approvals/{approval_request.pk}/"
    return client.get(f"{address}card/").content.decode(), client.get(f"{address}progress/").content.decode()


def let_lapse(claimed: Claim) -> None:
    past = timezone.now() - timedelta(seconds=CLAIM_SECONDS + 1)
    Claim.objects.filter(pk=claimed.pk).update(claimed_at=past, until=past + timedelta(seconds=CLAIM_SECONDS))


@pytest.mark.django_db
class TestClaiming:
    def test_others_see_who_works_on_it_and_since_when(
        self, ada: Approver, grace: Approver, asked: ApprovalRequest
    ) -> None:
        claimed = claim(person=ada.person, request_id=asked.pk)
        card, page = seen_by(grace.person, asked)
        since = f'<time-since data-since="{int(claimed.claimed_at.timestamp())}">'
        assert f"Ada works on this, {since}" in card
        assert f"<strong>Ada</strong> works on this, {since}" in page
        assert "Take it over from Ada" in page
        _, own = seen_by(ada.person, asked)
        assert "<strong>You</strong> work on this" in own
        assert "Give it back" in own

    def test_it_lapses_by_itself(self, ada: Approver, grace: Approver, asked: ApprovalRequest) -> None:
        claimed = claim(person=ada.person, request_id=asked.pk)
        assert 0 < (claimed.until - claimed.claimed_at).total_seconds() <= CLAIM_SECONDS
        let_lapse(claimed)
        card, page = seen_by(grace.person, asked)
        assert "works on this" not in card + page
        mine = claim(person=grace.person, request_id=asked.pk)
        assert mine.taken_from is None
        claimed.refresh_from_db()
        assert claimed.ended_at == claimed.until

    def test_claiming_again_makes_it_last(self, ada: Approver, asked: ApprovalRequest) -> None:
        first = claim(person=ada.person, request_id=asked.pk)
        Claim.objects.update(until=timezone.now() + timedelta(seconds=5))
        again = claim(person=ada.person, request_id=asked.pk)
        assert (again.pk, again.claimed_at) == (first.pk, first.claimed_at)
        assert (again.until - timezone.now()).total_seconds() > 60

    def test_given_back_it_is_nobodys(self, ada: Approver, grace: Approver, asked: ApprovalRequest) -> None:
        claim(person=ada.person, request_id=asked.pk)
        release(person=grace.person, request_id=asked.pk)  # not hers: nothing happens
        assert Claim.objects.get().ended_at is None
        release(person=ada.person, request_id=asked.pk)
        release(person=ada.person, request_id=asked.pk)
        assert "works on this" not in "".join(seen_by(grace.person, asked))

    def test_another_is_told_whose_it_is(self, ada: Approver, grace: Approver, asked: ApprovalRequest) -> None:
        claimed = claim(person=ada.person, request_id=asked.pk)
        with pytest.raises(errors.ClaimedByAnother) as refused:
            claim(person=grace.person, request_id=asked.pk)
        assert refused.value.sentence.startswith(f"Ada has claimed this request at {claimed.claimed_at:%H:%M:%S} UTC")

    def test_taking_over_names_the_claim_and_tells_both(
        self, ada: Approver, grace: Approver, asked: ApprovalRequest
    ) -> None:
        adas = claim(person=ada.person, request_id=asked.pk)
        with pytest.raises(errors.ClaimedByAnother):
            claim(person=grace.person, request_id=asked.pk, take_over=adas.pk + 1)
        graces = claim(person=grace.person, request_id=asked.pk, take_over=adas.pk)
        assert graces.taken_from == ada.person
        adas.refresh_from_db()
        assert adas.ended_at is not None
        assert ": taken over from you at " in seen_by(ada.person, asked)[1]
        assert ": taken over from Ada at " in seen_by(grace.person, asked)[1]

    def test_a_claim_keeps_nobody_from_deciding(self, ada: Approver, grace: Approver, asked: ApprovalRequest) -> None:
        claim(person=ada.person, request_id=asked.pk)
        record(person=grace.person, request_id=asked.pk, approval=grace.sign_approval(asked))
        assert ApprovalRequest.objects.get().state == RequestState.APPROVED
        assert "works on this" not in "".join(seen_by(ada.person, asked))

    def test_what_is_over_cannot_be_claimed(self, ada: Approver, asked: ApprovalRequest) -> None:
        requests.withdraw(request_id=asked.pk, reason="done")
        with pytest.raises(errors.RequestClosed):
            claim(person=ada.person, request_id=asked.pk)

    def test_late_requests_cannot_be_claimed(self, ada: Approver, asked: ApprovalRequest) -> None:
        now = timezone.now()
        ApprovalRequest.objects.update(opened_at=now - timedelta(hours=1), expires_at=now - timedelta(seconds=1))
        with pytest.raises(errors.RequestClosed):
            claim(person=ada.person, request_id=asked.pk)

    def test_only_approvers_of_the_namespace_claim(self, ada: Approver, asked: ApprovalRequest) -> None:
        with pytest.raises(errors.NotAnApprover):
            claim(person=factories.person("vera", role=Role.VIEWER), request_id=asked.pk)
        elsewhere = factories.person("elsa", namespace="billing")
        for verb in (claim, release):
            with pytest.raises(errors.UnknownRequest):
                verb(person=elsewhere, request_id=asked.pk)
        with pytest.raises(errors.UnknownRequest):
            claim(person=ada.person, request_id="req_nothing_there")
        assert not Claim.objects.exists()

    def test_nothing_of_it_is_evidence(self, ada: Approver, asked: ApprovalRequest) -> None:
        before = LedgerEntry.objects.count()
        claim(person=ada.person, request_id=asked.pk)
        release(person=ada.person, request_id=asked.pk)
        assert LedgerEntry.objects.count() == before

    def test_the_database_holds_one_claim_of_a_request(
        self, ada: Approver, grace: Approver, asked: ApprovalRequest
    ) -> None:
        first = claim(person=ada.person, request_id=asked.pk)
        facts = {"approval_request": asked, "claimed_at": first.claimed_at, "until": first.until}
        with pytest.raises(IntegrityError), transaction.atomic():
            Claim.objects.create(person=grace.person, **facts)
        Claim.objects.create(person=grace.person, ended_at=first.until, **facts)


@pytest.mark.django_db
class TestAddresses:
    def post(self, who: Person, approval_request: ApprovalRequest, what: str, body: Any = None, **headers: str) -> Any:
        client = Client()
        client.force_login(who)
        return client.post(f"/approvals/{approval_request.pk}/{what}", body or {}, headers=headers or JSON)

    def test_programs_claim_and_release(self, ada: Approver, grace: Approver, asked: ApprovalRequest) -> None:
        claimed = self.post(ada.person, asked, "claim/").json()["claim"]
        assert (claimed["person"], claimed["mine"], claimed["taken_from"]) == ("Ada", True, "")
        refused = self.post(grace.person, asked, "claim/")
        assert (refused.status_code, refused.json()["code"]) == (409, "claimed_by_another")
        taken = self.post(grace.person, asked, "claim/", {"take_over": claimed["id"]}).json()["claim"]
        assert (taken["person"], taken["taken_from"]) == ("Grace", "Ada")
        client = Client()
        client.force_login(ada.person)
        page = client.get(f"/approvals/{asked.pk}/", headers=JSON).json()
        assert page["claim"]["was_mine"]
        assert page["card"]["claimer"] == ""  # the queue's; the page's own field says more
        card = client.get("/approvals/", headers=JSON).json()["cards"][0]
        assert card["claimer"] == "Grace"
        assert self.post(grace.person, asked, "claim/release/").json() == {"claim": None}

    def test_a_page_gets_the_part_that_changed_and_a_form_the_page(self, ada: Approver, asked: ApprovalRequest) -> None:
        fragment = self.post(ada.person, asked, "claim/", None, **HTMX)
        assert fragment.content.decode().strip().startswith("<claim-request")
        plain = self.post(ada.person, asked, "claim/release/", None, accept="text/html")
        assert plain["Location"] == f"/approvals/{asked.pk}/"

    @pytest.mark.parametrize("value", ["x", "-1", "0", "9" * 40, "1.5", "\0", "1e3"])
    def test_a_claim_that_is_no_number_is_refused(self, ada: Approver, asked: ApprovalRequest, value: str) -> None:
        answer = self.post(ada.person, asked, "claim/", {"take_over": value})
        assert (answer.status_code, answer.json()["field"]) == (400, "take_over")

    def test_reading_claims_nothing(self, ada: Approver, asked: ApprovalRequest) -> None:
        seen_by(ada.person, asked)
        assert not Claim.objects.exists()


@pytest.mark.django_db
@pytest.mark.parametrize("answers", [JSON, HTMX, {"accept": "text/html"}], ids=["JSON", "fragment", "page"])
def test_the_slower_of_two_is_told_who_and_when_and_nothing_of_theirs_is_kept(
    ada: Approver, grace: Approver, answers: dict[str, str]
) -> None:
    asked = factories.open_request(ada, grace, terms=Terms(one_denial_ends=True))
    signed = grace.sign_approval(asked)  # before she could know
    denial = record(person=ada.person, request_id=asked.pk, denial=ada.sign_denial(asked))
    before = LedgerEntry.objects.count()
    client = Client()
    client.force_login(grace.person)
    fields = {"approval": factories.base64_text(signed), "reason": "typed"}
    answer = client.post(f"/approvals/{asked.pk}/decision/", fields, headers=answers)
    assert answer.status_code == 409
    told = f"Ada denied this request at {denial.decided_at:%H:%M:%S} UTC. Your signature was not used."
    assert told in answer.content.decode()
    assert LedgerEntry.objects.count() == before
    assert Decision.objects.get() == denial


@pytest.mark.django_db(transaction=True)
def test_of_two_who_claim_at_once_one_has_it_and_the_other_knows(ada: Approver, grace: Approver) -> None:
    asked = factories.open_request(ada, grace)
    outcomes = _at_once(
        lambda: claim(person=ada.person, request_id=asked.pk), lambda: claim(person=grace.person, request_id=asked.pk)
    )
    (refused,) = [outcome for outcome in outcomes if isinstance(outcome, errors.ClaimedByAnother)]
    assert refused.sentence.startswith(Claim.objects.get().person.display_name)
