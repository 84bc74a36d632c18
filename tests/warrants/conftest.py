"""The people and the warrant of these tests: Ada and Grace approve, the agent is told of P1042."""

from __future__ import annotations

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from accounts.models import ApproverKey
from accounts.people.services import create
from accounts.roles.contracts import Role
from tests.endorsing import endorsed
from tests.warrants.calls import Desk
from warrants.agents.services import ensure_agent
from warrants.minting.contracts import Incident
from warrants.minting.services import mint
from warrants.models import AgentIdentity

INCIDENT = Incident(
    id="P1042",
    title="High error rate on payment-service-prod",
    severity="critical",
    service="payment-service-prod",
    namespace="default",
)


def approver_key(username: str, public_key: bytes | None = None, *, strength: str = "ordinary") -> ApproverKey:
    """Return an endorsed key of a new approver."""
    person = create(username=username, display_name=username.title(), role=Role.APPROVER, created_by="tests")
    key = public_key or Ed25519PrivateKey.generate().public_key().public_bytes_raw()
    row = ApproverKey.objects.create(person=person, public_key=key, name="Firefox", strength=strength, proof=b"proof")
    return endorsed(row)


@pytest.fixture
def ada_key(db: None) -> ApproverKey:
    return approver_key("ada")


@pytest.fixture
def grace_key(db: None) -> ApproverKey:
    return approver_key("grace")


@pytest.fixture
def agent(db: None) -> AgentIdentity:
    return ensure_agent(name="incident-agent")


@pytest.fixture
def desk(agent: AgentIdentity, ada_key: ApproverKey) -> Desk:
    """A worker's authorizer, and the agent with its minted warrant."""
    return Desk(mint(policy="incident-response", incident=INCIDENT, agent=agent, approvers=[ada_key]))
