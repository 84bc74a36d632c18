"""Whoever signed the agent's warrant with a key of their own decides nothing under it; a second person does."""

from __future__ import annotations

import dataclasses

import pytest
import tenuo_core

from accounts.models import ApproverKey
from approvals import errors
from approvals.contracts import RequestState
from approvals.decisions import services
from approvals.models import ApprovalRequest, Decision
from approvals.requests import services as requests
from audit.statements.terms import terms_of
from tests.approvals import factories
from tests.approvals.factories import Approver
from tests.warrants.conftest import INCIDENT
from warrants.agents.services import ensure_agent
from warrants.delegation.services import hand_on
from warrants.minting.extending import CONTEXT, enveloped
from warrants.minting.services import mint
from warrants.models import Delegation

pytestmark = pytest.mark.django_db


@pytest.fixture
def asked(ada: Approver, grace: Approver) -> ApprovalRequest:
    """What the agent asks for under a warrant that Grace signed."""
    keys = {bytes(key.public_key): key for key in ApproverKey.objects.select_related("person")}
    minted = mint(
        policy="incident-response",
        incident=dataclasses.replace(INCIDENT, namespace="default"),
        agent=ensure_agent(name="incident-agent"),
        approvers=list(keys.values()),
        signer=keys[grace.public_key],
    )
    draft = bytes(Delegation.objects.get(pk=minted.id).draft)
    signed = enveloped(draft, grace.private_key.sign(CONTEXT + draft))
    done = hand_on(warrant_id=minted.id, person=grace.person, signed=signed)
    label = terms_of([tenuo_core.Warrant.from_bytes(done.chain[0])]).policy_label
    unused = tenuo_core.SigningKey.generate()
    sent = factories.gate_request(factories.Minted(done.chain, unused, unused), policy_version=label)
    return requests.open(gate_request=sent)


def test_the_lead_decides_nothing_with_any_key_and_a_second_person_does(
    asked: ApprovalRequest, ada: Approver, grace: Approver
) -> None:
    phone = Approver(grace.person, factories.enrol_key(grace.person, name="Phone"))
    for own in (grace, phone):
        for signed in ({"approval": own.sign_approval(asked)}, {"denial": own.sign_denial(asked)}):
            with pytest.raises(errors.BarredPerson):
                services.record(person=grace.person, request_id=asked.pk, **signed)
    assert not Decision.objects.exists()
    services.record(person=ada.person, request_id=asked.pk, approval=ada.sign_approval(asked))
    assert ApprovalRequest.objects.get(pk=asked.pk).state == RequestState.APPROVED


def test_the_request_names_the_incidents_agent_and_chain(asked: ApprovalRequest) -> None:
    leaf = tenuo_core.Warrant.from_bytes(bytes(Delegation.objects.get().leaf or b""))
    assert (asked.chain, asked.warrant_id, asked.agent) == (Delegation.objects.get().pk, leaf.id, "incident-agent")
    assert asked.severity == INCIDENT.severity
