"""Promise 5, where several people decide: the attacker may signal workflows, and has what people signed so far.

Counting on its own, with whatever a signal brings, is tried in ``tests/gates/test_counting.py``; every order of events
in ``tests/approvals/test_machine.py``.
"""

from __future__ import annotations

from typing import Any

import pytest
import tenuo_core
from asgiref.sync import sync_to_async

from accounts.keys.queries import keys_of
from approvals.contracts import RequestState
from approvals.decisions.services import record
from approvals.models import ApprovalRequest
from approvals.retractions.services import retract
from approvals.signing import approval, denial, retraction
from audit.export.services import bundle_of
from audit.statements import cbor, statements
from audit.verify.steps import Step
from audit.verify.verifier import verify
from tests.approvals import factories
from tests.approvals.factories import ARGUMENTS, Approver
from tests.gates import agents
from tests.promises.conftest import House, approvals_message, denials_message, eventually, server_keys
from tests.promises.test_5_every_outcome_is_signed import _is_counted_by_tenuo, forged_denials
from warrants.agents.services import ensure_agent
from warrants.issuers.queries import trusted_roots
from warrants.minting.contracts import Incident
from warrants.minting.services import mint
from warrants.policies import release as policies
from warrants.policies.rules import parse_policy

pytestmark = pytest.mark.django_db(transaction=True)
on_one_loop = pytest.mark.asyncio(loop_scope="session")


async def waiting_for_two(house: House) -> tuple[Any, ApprovalRequest, list[Approver]]:
    """Start an agent whose call waits for two of three people."""
    people = await sync_to_async(_ask_three)(house)
    handle, waiting = await house.waiting()
    return handle, waiting, people


def _ask_three(house: House) -> list[Approver]:
    people = [house.ada, factories.approver("grace"), factories.approver("bob")]
    incident = Incident("P7", "High error rate", "high", "checkout", "default")
    keys = [key for who in people for key in keys_of(who.person)]
    agent = ensure_agent(name="incident-agent")
    text = (policies.FOLDER / "incident-response.yaml").read_text()
    text = text.replace("min_approvals: 1", "min_approvals: 2").replace("one_denial_ends: true", "")
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("warrants.minting.services.load", lambda name: parse_policy(text))
        house.warrants.append(mint(policy="incident-response", incident=incident, agent=agent, approvers=keys))
    return people


async def approves(who: Approver, waiting: ApprovalRequest) -> bytes:
    signed = who.sign_approval(waiting)
    await sync_to_async(record)(person=who.person, request_id=waiting.pk, approval=signed)
    return signed


async def denies(who: Approver, waiting: ApprovalRequest) -> bytes:
    signed = who.sign_denial(waiting)
    await sync_to_async(record)(person=who.person, request_id=waiting.pk, denial=signed)
    return signed


@pytest.mark.temporal
@on_one_loop
async def test_one_of_two_denials_delivered_early_ends_nothing(house: House) -> None:
    handle, waiting, (ada, grace, bob) = await waiting_for_two(house)
    early = await denies(ada, waiting)
    for _ in range(3):
        await house.signal(handle, denials_message(waiting, early))
    for key in (await sync_to_async(server_keys)()).values():
        for forged in forged_denials(key, waiting, grace.public_key):
            await house.signal(handle, denials_message(waiting, early, forged))
    await approves(grace, waiting)
    await approves(bob, waiting)
    assert await handle.result() == "restarted checkout"
    assert agents.effects == ["checkout/production"]


@pytest.mark.temporal
@on_one_loop
async def test_the_second_denial_ends_it_with_both_reasons(house: House) -> None:
    handle, waiting, (ada, grace, bob) = await waiting_for_two(house)
    await approves(bob, waiting)
    await denies(ada, waiting)
    await denies(grace, waiting)
    assert (await handle.result()).startswith("APPROVAL_DENIED: 2 people denied restart_service: ")
    assert agents.effects == []


@pytest.mark.temporal
@on_one_loop
async def test_whoever_delivers_an_approval_that_was_taken_back_is_found_out(house: House) -> None:
    """The worker cannot know, as docs/security.md says; the evidence does not verify."""
    handle, waiting, (ada, grace, _) = await waiting_for_two(house)
    taken_back = await approves(ada, waiting)
    signed = ada.sign_retraction(waiting, taken_back)
    await sync_to_async(retract)(person=ada.person, request_id=waiting.pk, retraction=signed)
    genuine = await approves(grace, waiting)
    await waiting.arefresh_from_db()
    assert waiting.state == RequestState.OPEN, "the server delivers nothing"
    await house.signal(handle, approvals_message(waiting, taken_back, genuine))
    assert await handle.result() == "restarted checkout"
    await eventually(ApprovalRequest.objects.filter(pk=waiting.pk, state=RequestState.EXECUTED).afirst)
    data = await sync_to_async(lambda: b"".join(bundle_of(waiting.chain).lines()))()
    report = verify(data, roots=[root.hex() for root in await sync_to_async(trusted_roots)()])
    failures = [line.failure for line in report.failures if line.failure is not None]
    assert (Step.APPROVALS, True) in [(found.step, "taken back before it ran" in str(found)) for found in failures]


def test_neither_a_proposal_nor_a_retraction_is_an_approval_to_tenuo(ada: Approver, waiting: ApprovalRequest) -> None:
    other = cbor.encode({**ARGUMENTS, "environment": "staging"})
    denied = ada.sign_denial(waiting, proposed_arguments=other)
    denial.parse(denied).verify()
    taken = ada.sign_retraction(waiting, ada.sign_approval(waiting))
    retraction.parse(taken).verify()
    own = approval.parse(ada.sign_approval(waiting))
    trusted = [tenuo_core.PublicKey.from_bytes(ada.public_key)]
    for data in (denied, taken):
        envelope = statements.parse(data)
        for payload in (own.payload, envelope.statement, other):
            dressed = approval.assemble(payload, ada.public_key, envelope.signature)
            assert not _is_counted_by_tenuo(bytes(waiting.request_hash), dressed, trusted)
        assert not _is_counted_by_tenuo(bytes(waiting.request_hash), data, trusted)
