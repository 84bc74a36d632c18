"""Requests belong to a namespace, and only its people see and decide them."""

from __future__ import annotations

import dataclasses

import pytest
from django.test import Client
from pytest_django import Settings

from accounts.models import RoleGrant
from accounts.namespaces.contracts import Namespace
from accounts.roles.contracts import Role
from approvals import errors
from approvals.contracts import RequestState
from approvals.decisions.services import record
from approvals.models import ApprovalRequest, Decision
from approvals.requests import queries, services
from approvals.requests.queries import QueueFilter
from audit.models import LedgerChain, LedgerEntry
from tests.approvals import factories
from tests.people import hold, person

pytestmark = pytest.mark.django_db


def test_the_queue_shows_and_counts_what_one_may_see() -> None:
    ada = factories.approver("ada")
    here = factories.open_request(ada, namespace="payments")
    there = factories.open_request(ada, namespace="billing")
    norma = hold(person("norma", Role.VIEWER, namespace="payments"), Role.APPROVER, namespace="shipping")
    for show in (QueueFilter.WAITING, QueueFilter.ALL):
        found = queries.queue(person=norma, show=show)
        assert ([card.id for card in found.cards], found.total, found.waiting) == ([here.pk], 1, 1)
    assert queries.queue(person=norma, show=QueueFilter.ALL, query=there.pk).cards == []
    assert queries.queue(person=ada.person, show=QueueFilter.ALL).total == 2


def test_the_queue_is_narrowed_down_to_one_namespace() -> None:
    ada = factories.approver("ada")
    here = factories.open_request(ada, namespace="payments")
    factories.open_request(ada, namespace="billing")
    norma = hold(person("norma", Role.VIEWER, namespace="payments"), Role.APPROVER, namespace="shipping")
    for show in (QueueFilter.WAITING, QueueFilter.ALL):
        found = queries.queue(person=ada.person, show=show, namespace="payments")
        assert [(card.id, card.namespace) for card in found.cards] == [(here.pk, "payments")]
        # What waits elsewhere is counted all the same: the tab's title tells of it.
        assert (found.total, found.waiting, found.namespace) == (1, 2, "payments")
        assert queries.queue(person=norma, show=show, namespace="billing").cards == []
    assert queries.queue(person=norma, show=QueueFilter.WAITING).namespaces == ("payments", "shipping")


def test_the_page_offers_the_namespaces_that_one_reaches(client: Client, settings: Settings) -> None:
    settings.NAMESPACES = (Namespace("billing"), Namespace("payments"))
    ada = factories.approver("ada")
    factories.open_request(ada, namespace="payments")
    client.force_login(ada.person)
    page = client.get("/approvals/", {"namespace": "payments"}).content.decode()
    assert '<option value="payments" selected>payments</option>' in page
    assert "data-several" in page
    assert client.get("/approvals/", {"namespace": "billing"}).context["cards"] == []
    client.force_login(person("norma", Role.VIEWER, namespace="payments"))
    page = client.get("/approvals/").content.decode()
    assert "<select" not in page
    assert "data-several" not in page


def test_what_one_may_not_see_is_unknown_to_every_query() -> None:
    asked = factories.open_request(factories.approver("ada"), namespace="payments")
    norma = person("norma", *Role, namespace="billing")
    for query in (queries.request_page, queries.request_card):
        with pytest.raises(errors.UnknownRequest):
            query(person=norma, request_id=asked.pk)


def test_the_service_itself_refuses_whoever_approves_elsewhere() -> None:
    ada = factories.approver("ada", namespace="payments")
    asked = factories.open_request(ada, namespace="payments")
    RoleGrant.objects.filter(person=ada.person).update(namespace="billing")
    with pytest.raises(errors.UnknownRequest):
        record(person=ada.person, request_id=asked.pk, approval=ada.sign_approval(asked))
    hold(ada.person, Role.VIEWER, namespace="payments")
    with pytest.raises(errors.NotAnApprover):
        record(person=ada.person, request_id=asked.pk, approval=ada.sign_approval(asked))
    assert not Decision.objects.exists()


def test_an_approval_lapses_when_its_signer_no_longer_approves_here() -> None:
    ada, grace = (factories.approver(name, namespace="payments") for name in ("ada", "grace"))
    asked = factories.open_request(ada, grace, min_approvals=2, namespace="payments")
    record(person=ada.person, request_id=asked.pk, approval=ada.sign_approval(asked))
    RoleGrant.objects.filter(person=ada.person).update(namespace="billing")
    record(person=grace.person, request_id=asked.pk, approval=grace.sign_approval(asked))
    assert ApprovalRequest.objects.get(pk=asked.pk).state == RequestState.OPEN


def test_a_warrant_of_one_namespace_asks_nobody_of_another() -> None:
    """Whoever holds a warrant cannot choose whose people are asked, or hide a call from its own."""
    ada = factories.approver("ada")
    minted = factories.mint(ada, min_approvals=1)
    first = services.open(gate_request=factories.gate_request(minted, namespace="payments"))
    assert LedgerChain.objects.get(name=first.chain).namespace == "payments"
    with pytest.raises(errors.WrongNamespace):
        services.open(gate_request=factories.gate_request(minted, namespace="billing"))
    assert ApprovalRequest.objects.count() == 1
    assert LedgerEntry.objects.filter(kind="approval.requested").count() == 1


def test_the_list_of_a_namespace_costs_the_same_queries(client: Client, django_assert_num_queries) -> None:  # type: ignore[no-untyped-def]
    asked = factories.open_request(factories.approver("ada"), namespace="payments")
    copies = {field.attname: getattr(asked, field.attname) for field in ApprovalRequest._meta.concrete_fields}
    ApprovalRequest.objects.bulk_create(
        ApprovalRequest(**{**copies, "id": f"copy-{number:08}"}) for number in range(200)
    )
    client.force_login(person("norma", Role.VIEWER, namespace="payments"))
    with django_assert_num_queries(4):  # session, person, roles, queue
        assert client.get("/approvals/list/").context["total"] == 201


def test_a_receipt_does_not_move_an_incident() -> None:
    ada = factories.approver("ada")
    asked = factories.open_request(ada, namespace="payments")
    changed = dataclasses.replace(factories.gate_request(factories.mint(ada, min_approvals=1)), namespace="billing")
    services.open(gate_request=changed)
    assert LedgerChain.objects.get(name=asked.chain).namespace == "payments"
