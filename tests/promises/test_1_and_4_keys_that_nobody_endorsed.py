"""Promises 1 and 4: nobody enrols a signing key for somebody else.

The attacker is the server's administrator. They hold the database and may write to it, every setting and secret
and so the issuer's and the agents' keys, and may signal and start workflows. The worker pins a people root whose
private key nobody has any more, and asks about gated calls on its own account.
"""

from __future__ import annotations

import asyncio
import time
import uuid
from datetime import UTC, datetime
from typing import Any

import pytest
import tenuo_core
from asgiref.sync import sync_to_async
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from temporalio.client import WorkflowFailureError

from accounts.keys.queries import keys_of
from accounts.keys.services import revoke
from accounts.models import ApproverKey, KeyEndorsement, Notice, PeopleRoot, Person
from accounts.roles.contracts import Role
from accounts.roles.services import grant
from approvals.decisions.services import record
from approvals.errors import NotEndorsedYet
from audit.models import LedgerEntry
from audit.statements import statements
from audit.statements.kinds import EntryKind
from tests.approvals import factories
from tests.approvals.factories import base64_text, sign_approval
from tests.endorsing import ADMINISTRATOR, ROOT, statement
from tests.gates import agents
from tests.issuing import tenuo_key
from tests.promises.conftest import House, approvals_message, eventually, server_keys
from warrants.agents.services import ensure_agent
from warrants.issuers.services import ensure_issuer
from warrants.minting.compilation import approval_gates, capabilities
from warrants.minting.contracts import Incident, MintedWarrant
from warrants.minting.services import mint
from warrants.policies.release import shipped
from workers.floors import floors_of
from workers.gates.people_roots import PeopleRoots
from workers.revocation import refresh_keys
from workers.supervisor import cancel

pytestmark = [
    pytest.mark.temporal,
    pytest.mark.django_db(transaction=True),
    pytest.mark.asyncio(loop_scope="session"),
]


@pytest.fixture
def trust() -> dict[str, Any]:
    return {"people_roots": PeopleRoots([ROOT]), "floors": floors_of("incident-response")}


def public(key: Ed25519PrivateKey) -> bytes:
    return key.public_key().public_bytes_raw()


def enrolled_by_force(username: str, key: Ed25519PrivateKey) -> ApproverKey:
    """Write a key into the database as that of a person, new or not, who never saw it."""
    person = Person.objects.filter(username=username).first() or Person.objects.create_user(username=username)
    grant(person=person, role=Role.APPROVER, granted_by="the administrator")
    return ApproverKey.objects.create(person=person, public_key=public(key), name="Laptop", proof=b"")


def endorsed_by_force(key: ApproverKey, envelope: bytes) -> None:
    """Write a row that says that the people root endorsed ``key``, beside whatever the administrator can sign."""
    KeyEndorsement.objects.create(
        key=key,
        people_root=PeopleRoot.objects.get(replaced_at=None),
        role="approver",
        endorser_key=ROOT,
        endorser="people root",
        envelope=envelope,
        signed_at=datetime.now(UTC),
    )


def minted_for(*keys: ApproverKey) -> MintedWarrant:
    """Mint with the issuer's key, in the application's own way: it believes its rows."""
    incident = Incident(f"P{uuid.uuid4().hex[:8]}", "High error rate", "high", "checkout", "default")
    agent = ensure_agent(name="incident-agent")
    return mint(policy="incident-response", incident=incident, agent=agent, approvers=list(keys))


async def test_an_endorsed_approver_lets_the_call_run(house: House) -> None:
    handle, waiting = await house.waiting()
    await house.approve(waiting)
    assert await handle.result() == "restarted checkout"
    allowed = await eventually(LedgerEntry.objects.filter(kind=EntryKind.CALL_ALLOWED).afirst)
    details = statements.parse(bytes(allowed.envelope)).facts["details"]
    assert len(details["key_endorsements"]) == 1


@pytest.mark.parametrize("claims", ["a new person", "Ada herself"])
async def test_a_warrant_that_names_the_administrators_own_key_runs_nothing(house: House, claims: str) -> None:
    """The whole server works for the administrator: rows, warrant, request, decision and delivery are all there."""
    mallory = Ed25519PrivateKey.generate()
    keys = await sync_to_async(server_keys)()
    name = "mallory" if claims == "a new person" else "ada"
    person = f"local:{name}"

    def take_over() -> MintedWarrant:
        key = enrolled_by_force(name, mallory)
        endorsed_by_force(key, statement(public(mallory), person, by=keys["issuer"]))
        return minted_for(key)

    house.warrants.append(await sync_to_async(take_over)())
    handle, waiting = await house.waiting()
    signed = sign_approval(mallory, waiting, person)
    own_root = Ed25519PrivateKey.generate()
    ada_envelope = bytes((await KeyEndorsement.objects.filter(key__person=house.ada.person).afirst()).envelope)
    bags = [
        [],
        [ada_envelope],
        [ada_envelope.replace(house.ada.public_key, public(mallory))],
        [statement(public(mallory), person, by=mallory)],
        [statement(public(mallory), person, by=house.ada.private_key), ada_envelope],
        [
            statement(public(own_root), "local:admin", ADMINISTRATOR, by=own_root),
            statement(public(mallory), person, by=own_root),
        ],
        *[[statement(public(mallory), person, by=key)] for key in keys.values()],
    ]
    for bag in bags:
        message = approvals_message(waiting, signed) | {"endorsements": [base64_text(data) for data in bag]}
        await house.signal(handle, message)
    # None of them ended or blocked the run.
    await house.plain.get_workflow_handle(handle.id).cancel()
    with pytest.raises(WorkflowFailureError):
        await handle.result()
    assert agents.effects == []


async def test_a_warrant_without_a_gate_runs_nothing(house: House) -> None:
    def ungated() -> bytes:
        agent = ensure_agent(name="incident-agent")
        warrant = tenuo_core.Warrant.issue(
            tenuo_key(ensure_issuer()),
            capabilities={"restart_service": {"service": tenuo_core.Wildcard(), "environment": tenuo_core.Wildcard()}},
            ttl_seconds=600,
            holder=tenuo_core.PublicKey.from_bytes(bytes(agent.public_key)),
        )
        return bytes(warrant.to_bytes())

    chain = [await sync_to_async(ungated)()]
    handle = await house.start(agents.ForgivingAgent.run, "checkout", chain=chain)
    assert (await handle.result()).startswith("APPROVAL_FLOOR")
    assert agents.effects == []


async def test_one_person_with_two_keys_counts_once(house: House) -> None:
    """The administrator has the warrant ask for two approvals, and Ada gives both, with two keys of hers."""
    second = await sync_to_async(factories.enrol_key)(house.ada.person, name="Phone")

    warrant = await sync_to_async(_two_of_two)(house.ada.person)
    house.warrants.append(warrant)
    handle = await house.start(agents.ForgivingAgent.run, "checkout")
    waiting = await house.request_of(handle)
    own = [house.ada.sign_approval(waiting), sign_approval(second, waiting, "local:ada")]
    rows = [bytes(row.envelope) async for row in KeyEndorsement.objects.filter(key__person=house.ada.person)]
    message = approvals_message(waiting, *own) | {"endorsements": [base64_text(data) for data in rows]}
    await house.signal(handle, message)
    await house.plain.get_workflow_handle(handle.id).cancel()
    with pytest.raises(WorkflowFailureError):
        await handle.result()
    assert agents.effects == []


def _two_of_two(person: Person) -> MintedWarrant:
    """Mint, as the issuer's key can, a warrant that asks for both keys of one person."""
    policy = shipped("incident-response")
    incident = Incident("PTWO", "High error rate", "high", "checkout", "default")
    agent = ensure_agent(name="incident-agent")
    warrant = tenuo_core.Warrant.issue(
        tenuo_key(ensure_issuer()),
        capabilities=capabilities(policy, incident),
        ttl_seconds=600,
        holder=tenuo_core.PublicKey.from_bytes(bytes(agent.public_key)),
        required_approvers=[tenuo_core.PublicKey.from_bytes(bytes(key.public_key)) for key in keys_of(person)],
        min_approvals=2,
        approval_gates=approval_gates(policy, incident),
    )
    return MintedWarrant(warrant.id, [bytes(warrant.to_bytes())], agent.key_id, int(time.time()) + 600, "default")


async def test_a_key_that_an_administrator_enrols_for_ada_waits_for_somebody_to_endorse_it(house: House) -> None:
    """A real security administrator sees it and asks Ada; the application takes no decision meanwhile."""

    def enrol() -> Ed25519PrivateKey:
        return factories.enrol_key(house.ada.person, name="Ada’s new laptop", endorse=False)

    forced = await sync_to_async(enrol)()
    told = await Notice.objects.filter(person=house.ada.person).afirst()
    assert told is not None
    assert "further key" in told.title
    handle, waiting = await house.waiting()
    signed = sign_approval(forced, waiting, "local:ada")
    with pytest.raises(NotEndorsedYet):
        await sync_to_async(record)(person=house.ada.person, request_id=waiting.pk, approval=signed)
    await house.approve(waiting)
    assert await handle.result() == "restarted checkout"


async def test_a_revoked_key_is_refused_by_the_application_at_once_and_by_workers_within_two_seconds(
    house: House,
) -> None:
    refreshing = asyncio.create_task(refresh_keys(house.gate_plugin, None))
    try:
        first, asked = await house.waiting()
        _, waiting = await house.waiting()
        signed = house.ada.sign_approval(waiting)
        key = (await sync_to_async(keys_of)(house.ada.person))[0]
        await sync_to_async(revoke)(person=house.ada.person, key_id=key.pk, reason="lost")
        revoked_at = time.monotonic()
        with pytest.raises(Exception, match="not an active key"):
            await sync_to_async(record)(person=house.ada.person, request_id=waiting.pk, approval=signed)
        while house.ada.public_key not in house.gate_plugin.approvers.revocations:
            assert time.monotonic() - revoked_at < 2.0, "The worker has not heard within two seconds."
            await asyncio.sleep(0.02)
        # Whoever can signal still has a signature and its endorsement.
        envelope = bytes((await KeyEndorsement.objects.aget(key=key)).envelope)
        own = house.ada.sign_approval(asked)
        message = approvals_message(asked, own) | {"endorsements": [base64_text(envelope)]}
        await house.signal(first, message)
        assert (await first.result()).startswith("APPROVER_KEY_REVOKED")
        assert agents.effects == []
    finally:
        await cancel(refreshing)
