"""A denial may carry other arguments that the person would agree to."""

from __future__ import annotations

from typing import Any

import pytest
from django.test import Client
from django.urls import reverse

from approvals import errors
from approvals.contracts import RequestState
from approvals.decisions.services import record
from approvals.models import ApprovalRequest, Decision
from approvals.signing import denial, proposal
from audit.statements import cbor
from audit.statements.statements import MalformedStatement
from tests.approvals import factories
from tests.approvals.factories import ARGUMENTS, Approver

pytestmark = pytest.mark.django_db
OTHER = {**ARGUMENTS, "environment": "staging"}


def deny(who: Approver, asked: ApprovalRequest, data: Any) -> Decision:
    signed = who.sign_denial(asked, proposed_arguments=data)
    return record(person=who.person, request_id=asked.pk, denial=signed)


def test_a_proposal_is_kept_as_it_was_signed(ada: Approver, waiting: ApprovalRequest) -> None:
    decision = deny(ada, waiting, cbor.encode(OTHER))
    assert ApprovalRequest.objects.get(pk=waiting.pk).state == RequestState.DENIED
    kept = denial.parse(bytes(decision.signed)).proposed_arguments
    assert kept is not None
    assert proposal.read(kept) == OTHER


def test_the_page_shows_it_as_data(ada: Approver, grace: Approver) -> None:
    asked = factories.open_request(ada, grace, min_approvals=1)
    deny(ada, asked, cbor.encode({**ARGUMENTS, "environment": "<b>stag\u202eing</b>"}))
    client = Client()
    client.force_login(grace.person)
    page = client.get(reverse("approvals:request", args=[asked.pk])).content.decode()
    assert "Would agree to these arguments instead" in page
    assert "&lt;b&gt;stag⟨U+202E⟩ing&lt;/b&gt;" in page
    assert "<b>stag" not in page
    shown = client.get(reverse("approvals:request", args=[asked.pk]), headers={"accept": "application/json"}).json()
    assert ["service", '"payment-service-prod"'] in shown["decisions"][0]["proposed"]


@pytest.mark.parametrize(
    "data",
    [
        b"",
        b"\xff",
        b"\xa0\x00",
        cbor.encode([]),
        cbor.encode({"service": b"bytes"}),
        b"\xa2\x61b\x01\x61a\x01",
        b"\xbf\xff",
        cbor.encode({"service": "x" * proposal.MAXIMUM_BYTES}),
        "text",
        None,
        7,
    ],
    ids=repr,
)
def test_what_is_no_map_of_plain_values_is_refused(ada: Approver, waiting: ApprovalRequest, data: Any) -> None:
    with pytest.raises(errors.MalformedInput) as refused:
        deny(ada, waiting, data)
    assert refused.value.field == "proposed_arguments"
    assert not Decision.objects.exists()


@pytest.mark.parametrize(
    "arguments",
    [ARGUMENTS, {}, {"service": "payment-service-prod"}, {**OTHER, "force": True}],
    ids=["the asked ones", "none", "fewer", "more"],
)
def test_it_must_propose_something_else_for_the_same_names(
    ada: Approver, waiting: ApprovalRequest, arguments: dict[str, Any]
) -> None:
    with pytest.raises(errors.BadProposal):
        deny(ada, waiting, cbor.encode(arguments))
    assert not Decision.objects.exists()


def test_text_is_not_a_number() -> None:
    asked = cbor.encode({"replicas": 1})
    for other in ("1", 1.0, True, None):
        proposal.require_other(cbor.encode({"replicas": other}), asked)
    with pytest.raises(MalformedStatement):
        proposal.require_other(asked, asked)


def test_the_longest_denial_fits_into_its_form(ada: Approver) -> None:
    asked = factories.open_request(ada, tool="run_query", arguments={"text": "x"})
    longest = cbor.encode({"text": "y" * (proposal.MAXIMUM_BYTES - 10)})
    signed = ada.sign_denial(asked, reason="ü" * 2000, proposed_arguments=longest)
    client = Client()
    client.force_login(ada.person)
    sent = {"denial": factories.base64_text(signed)}
    address = reverse("approvals:decision", args=[asked.pk])
    answer = client.post(address, sent, headers={"accept": "application/json"})
    assert answer.json()["state"] == RequestState.DENIED
