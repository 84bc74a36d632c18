"""The queue and a request as JSON: what programs read, and who gets it."""

from __future__ import annotations

import hashlib
from typing import Any

import pytest
from django.test import Client

from accounts.models import Person
from approvals.models import ApprovalRequest
from approvals.requests.queries import request_page
from tests.approvals import factories
from tests.approvals.factories import Approver

pytestmark = pytest.mark.django_db
JSON = {"accept": "application/json"}


def read(person: Person, path: str) -> Any:
    client = Client()
    client.force_login(person)
    return client.get(path, headers=JSON)


def test_the_queue_names_the_persons_own_keys_that_a_request_asks_for(ada: Approver, grace: Approver) -> None:
    for_both, for_grace = factories.open_request(ada, grace), factories.open_request(grace)
    cards = {card["id"]: card for card in read(ada.person, "/approvals/").json()["cards"]}
    assert cards[for_both.pk]["names"] == [hashlib.sha256(ada.public_key).hexdigest()]
    assert cards[for_grace.pk]["names"] == []
    assert cards[for_both.pk]["url"] == f"/approvals/{for_both.pk}/"
    mine = read(ada.person, "/approvals/?show=mine").json()
    assert [card["id"] for card in mine["cards"]] == [for_both.pk]
    assert (mine["total"], mine["waiting"], mine["pages"]) == (1, 2, 1)


def test_a_request_has_what_the_page_has(ada: Approver, waiting: ApprovalRequest) -> None:
    shown = read(ada.person, f"/approvals/{waiting.pk}/").json()
    page = request_page(person=ada.person, request_id=waiting.pk)
    assert shown["signing"] == page.signing
    assert shown["card"]["id"] == waiting.pk
    assert shown["reasoning"] == page.reasoning
    assert [step["name"] for step in shown["steps"]] == ["signed", "delivered", "verified", "executed"]
    assert (shown["may_decide"], shown["why_not"]) == (True, "")


def test_the_roots_are_those_of_the_service(ada: Approver) -> None:
    minted = factories.mint(ada)
    assert read(ada.person, "/approvals/roots/").json() == {"roots": [bytes(minted.issuer.public_key_bytes()).hex()]}


@pytest.mark.parametrize("path", ["/approvals/", "/approvals/roots/", "/approvals/{}/"])
def test_json_is_for_nobody_else_either(waiting: ApprovalRequest, path: str) -> None:
    path = path.format(waiting.pk)
    assert Client().get(path, headers=JSON).status_code == 401
    assert read(factories.person("oscar", role=None), path).status_code == 404


def test_a_request_that_is_not_there_is_an_error_with_a_code(ada: Approver) -> None:
    answer = read(ada.person, "/approvals/apr_nothing_there/")
    assert (answer.status_code, answer.json()["code"]) == (404, "unknown_request")
    assert read(ada.person, "/approvals/?page=0").json()["field"] == "page"
