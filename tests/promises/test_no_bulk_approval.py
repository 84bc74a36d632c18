"""Promises 2 and 4: what you sign is one call that you saw. Nothing on this site takes several at once."""

from __future__ import annotations

import re

import pytest
from django.test import Client

from approvals.contracts import RequestState
from approvals.decisions.forms import DecisionForm
from approvals.models import ApprovalRequest, Decision
from tests.approvals import factories
from tests.promises.access_table import TABLE, rows
from tests.promises.visitors import routes

ONE_REQUEST = "<request_id:request_id>/"
JSON = {"accept": "application/json"}


def test_whatever_changes_a_request_is_an_address_of_one_request() -> None:
    """Every address is in the access table (``test_10``); those of requests that take a form name exactly one."""
    assert {route for _, route in rows(TABLE)} == set(routes())
    posted = [route for method, route in rows(TABLE) if method == "POST" and route.startswith("approvals/")]
    assert f"approvals/{ONE_REQUEST}decision/" in posted
    for route in posted:
        assert re.findall("<.*?>", route) == [ONE_REQUEST[:-1]], route
        assert route.startswith(f"approvals/{ONE_REQUEST}"), route


def test_one_address_alone_takes_decisions_and_a_decision_is_one_signature() -> None:
    deciding = [route for route in routes() if route.startswith("approvals/") and "decision" in route]
    assert deciding == [f"approvals/{ONE_REQUEST}decision/"]
    assert set(DecisionForm.base_fields) == {"approval", "denial", "confirmation"}


@pytest.mark.django_db
class TestSending:
    def test_several_signatures_in_one_form_decide_one_request_at_most(self) -> None:
        ada = factories.approver("ada")
        first, second = factories.open_request(ada), factories.open_request(ada)
        client = Client()
        client.force_login(ada.person)
        signed = [factories.base64_text(ada.sign_approval(one)) for one in (first, second)]
        for address in (first, second):
            client.post(
                f"/approvals/{address.pk}/decision/",
                {"approval": signed, "request_id": [first.pk, second.pk]},
                headers=JSON,
            )
            # The last of several values counts, and it must be for the request of this address.
            approved = set(Decision.objects.values_list("approval_request", flat=True))
            assert approved <= {address.pk}
        assert ApprovalRequest.objects.get(pk=first.pk).state == RequestState.OPEN

    def test_several_ids_in_an_address_are_no_address(self) -> None:
        ada = factories.approver("ada")
        first, second = factories.open_request(ada), factories.open_request(ada)
        client = Client()
        client.force_login(ada.person)
        for ids in (f"{first.pk},{second.pk}", f"{first.pk}+{second.pk}", f"{first.pk}/{second.pk}"):
            assert client.post(f"/approvals/{ids}/decision/", {}, headers=JSON).status_code == 404

    def test_the_queue_offers_nothing_to_select_and_nothing_to_sign(self) -> None:
        ada = factories.approver("ada")
        for _ in range(3):
            factories.open_request(ada)
        client = Client()
        client.force_login(ada.person)
        shown = client.get("/approvals/").content.decode()
        assert shown.count('class="card"') == 3
        cards = shown[shown.index('<section id="queue"') : shown.index("</section>")]
        assert not re.search("<(input|form|button|select|textarea)", cards)
        forms = re.findall(r'<form[^>]* method="post"', shown)
        assert forms == []
