"""Who raised the alert, or has the agent act for them, decides nothing of it here; and the policy says how long
an approval lives. The terms are those of the stored warrant, whatever the rows say.
"""

from __future__ import annotations

import time
from typing import Any

import pytest
from django.test import Client

from approvals import errors
from approvals.contracts import RequestState
from approvals.decisions import services
from approvals.models import ApprovalRequest, Decision
from approvals.requests import queries
from approvals.requests import services as requests
from audit.models import LedgerEntry
from audit.statements import cbor
from audit.statements.kinds import EntryKind
from audit.statements.terms import Terms
from tests.approvals import factories
from tests.approvals.factories import Approver
from warrants.models import Warrant

pytestmark = pytest.mark.django_db
ADA_RAISED_IT = Terms(barred_people=("local:ada",))
SHORT = Terms(approval_seconds=60)


def nothing_happened(asked: ApprovalRequest) -> bool:
    decided = LedgerEntry.objects.filter(kind__in=[EntryKind.APPROVAL_GRANTED, EntryKind.APPROVAL_DENIED])
    is_open = ApprovalRequest.objects.get(pk=asked.pk).state == RequestState.OPEN
    return is_open and not Decision.objects.exists() and not decided.exists()


def test_whoever_raised_the_alert_decides_nothing(ada: Approver, grace: Approver) -> None:
    asked = factories.open_request(ada, grace, terms=ADA_RAISED_IT)
    for signed in ({"approval": ada.sign_approval(asked)}, {"denial": ada.sign_denial(asked)}):
        with pytest.raises(errors.BarredPerson) as refused:
            services.record(person=ada.person, request_id=asked.pk, **signed)
        assert refused.value.field == "person"
        assert "somebody else must decide" in refused.value.sentence
    assert nothing_happened(asked)
    services.record(person=grace.person, request_id=asked.pk, approval=grace.sign_approval(asked))
    assert ApprovalRequest.objects.get(pk=asked.pk).state == RequestState.APPROVED


def test_nor_with_another_key_of_theirs(ada: Approver, grace: Approver) -> None:
    phone = Approver(ada.person, factories.enrol_key(ada.person, name="Phone"))
    asked = factories.open_request(phone, grace, terms=ADA_RAISED_IT)
    with pytest.raises(errors.BarredPerson):
        services.record(person=ada.person, request_id=asked.pk, approval=phone.sign_approval(asked))
    assert nothing_happened(asked)


def test_nor_by_signing_in_somebody_elses_name(ada: Approver, grace: Approver) -> None:
    asked = factories.open_request(ada, grace, terms=ADA_RAISED_IT)
    with pytest.raises(errors.BarredPerson):
        services.record(
            person=ada.person, request_id=asked.pk, approval=ada.sign_approval(asked, external_id="local:grace")
        )
    with pytest.raises(errors.UnusableKey):
        services.record(person=grace.person, request_id=asked.pk, approval=ada.sign_approval(asked))
    assert nothing_happened(asked)


def test_whoever_signed_up_later_under_the_address_that_the_alert_named_decides_nothing(grace: Approver) -> None:
    late = factories.approver("ada@example.com")
    asked = factories.open_request(late, grace, terms=Terms(barred_people=("ada@example.com",)))
    with pytest.raises(errors.BarredPerson):
        services.record(person=late.person, request_id=asked.pk, approval=late.sign_approval(asked))
    assert nothing_happened(asked)


def test_the_rows_of_the_database_do_not_say_who_is_barred(ada: Approver, grace: Approver) -> None:
    """Whatever an administrator writes beside it: what counts was signed by the issuer."""
    asked = factories.open_request(ada, grace, terms=ADA_RAISED_IT)
    Warrant.objects.all().delete()
    ApprovalRequest.objects.filter(pk=asked.pk).update(agent="", service="")
    with pytest.raises(errors.BarredPerson):
        services.record(person=ada.person, request_id=asked.pk, approval=ada.sign_approval(asked))


def test_the_page_says_so_before_anybody_signs(client: Client, ada: Approver, grace: Approver) -> None:
    asked = factories.open_request(ada, grace, terms=ADA_RAISED_IT)
    page = queries.request_page(person=ada.person, request_id=asked.pk)
    assert not page.may_decide
    assert page.why_not == errors.BARRED
    client.force_login(ada.person)
    shown = client.get(f"/approvals/{asked.pk}/").content.decode()
    assert "You raised this alert, or the agent acts for you" in shown
    assert queries.request_page(person=grace.person, request_id=asked.pk).may_decide


def test_over_http_it_is_a_typed_error(client: Client, ada: Approver, grace: Approver) -> None:
    asked = factories.open_request(ada, grace, terms=ADA_RAISED_IT)
    client.force_login(ada.person)
    response = client.post(
        f"/approvals/{asked.pk}/decision/",
        {"approval": factories.base64_text(ada.sign_approval(asked))},
        headers={"Accept": "application/json"},
    )
    assert (response.status_code, response.json()["code"], response.json()["field"]) == (409, "barred_person", "person")


# --- How long an approval lives -------------------------------------------------------------


def test_a_policy_says_how_long_an_approval_may_live(ada: Approver) -> None:
    asked = factories.open_request(ada, terms=SHORT)
    for seconds in (90, 900, 10 * 365 * 86400):
        signed = ada.sign_approval(asked, expires_at=int(time.time()) + seconds)
        with pytest.raises(errors.BadLifetime) as refused:
            services.record(person=ada.person, request_id=asked.pk, approval=signed)
        assert refused.value.field == "expires_at"
    assert nothing_happened(asked)
    signed = ada.sign_approval(asked, expires_at=int(time.time()) + 60)
    services.record(person=ada.person, request_id=asked.pk, approval=signed)


def test_a_policy_lengthens_no_life(ada: Approver) -> None:
    asked = factories.open_request(ada, terms=Terms(approval_seconds=86_400))
    signed = ada.sign_approval(asked, expires_at=int(time.time()) + 1000)
    with pytest.raises(errors.BadLifetime):
        services.record(person=ada.person, request_id=asked.pk, approval=signed)


@pytest.mark.parametrize(("terms", "seconds"), [(None, 900), (Terms(), 900), (SHORT, 60)])
def test_the_browser_and_programs_are_told_the_same(ada: Approver, terms: Terms | None, seconds: int) -> None:
    asked = factories.open_request(ada, terms=terms)
    page = queries.request_page(person=ada.person, request_id=asked.pk)
    assert page.signing["signature_lifetime_seconds"] == seconds


# --- Terms that are none --------------------------------------------------------------------


@pytest.mark.parametrize(
    "changes",
    [
        {"barred_people": ["x" * 321]},
        {"barred_people": [f"local:{number}" for number in range(21)]},
        {"approval_seconds": -1},
        {"one_denial_ends": None},
        {"further": 1},
    ],
)
def test_a_warrant_whose_terms_cannot_be_read_opens_no_request(
    ada: Approver, monkeypatch: pytest.MonkeyPatch, changes: dict[str, Any]
) -> None:
    data = cbor.encode({**cbor.decode(Terms().to_bytes()), **changes})
    monkeypatch.setattr(Terms, "to_bytes", lambda self: data)
    minted = factories.mint(ada, min_approvals=1, terms=Terms())
    with pytest.raises(errors.MalformedInput) as refused:
        requests.open(gate_request=factories.gate_request(minted))
    assert refused.value.field == "warrant_chain"
    assert not ApprovalRequest.objects.exists()
