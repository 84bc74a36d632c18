"""An agent in one namespace starts a payment in another, through Nexus and people, and in no other way."""

from __future__ import annotations

import asyncio
import contextlib
import uuid
from collections.abc import AsyncIterator, Iterator
from contextlib import AsyncExitStack
from dataclasses import dataclass, field, replace
from functools import partial
from pathlib import Path
from typing import Any

import pytest
import pytest_asyncio
from asgiref.sync import sync_to_async
from django.db import connections
from nexusrpc import HandlerErrorType
from pytest_django import Settings
from temporalio.api.common.v1 import Payload
from temporalio.api.history.v1 import History
from temporalio.client import Client, WorkflowFailureError, WorkflowHandle
from temporalio.testing import WorkflowEnvironment
from temporalio.worker import Worker
from tenuo_core import Warrant

from accounts.namespaces.contracts import Namespace
from approvals.decisions.services import record
from approvals.errors import ApprovalError
from approvals.live import bus
from approvals.models import ApprovalRequest
from audit.keys.contracts import Purpose
from audit.keys.services import ensure_service_key
from audit.models import LedgerChain, LedgerEntry
from audit.rings.queries import ring_of
from audit.rings.services import ensure_ring
from audit.sealing import Ring, SealingError, unseal
from audit.statements.delegation import approvers as approvers_of
from audit.statements.kinds import EntryKind
from tests.approvals.factories import Approver, approver
from tests.endorsing import ROOT
from tests.nexus.callers import BareAgent, HastyAgent
from tests.nexus.conftest import ensure_endpoints, ensure_namespace, eventually, evidence, refusal
from warrants.issuers.services import ensure_issuer
from warrants.revocation.services import revoke, signed_list
from workers.activities import build_approvals_worker
from workers.client import encrypted
from workers.codec.codec import _context
from workers.crew import load_keys, nonce_store
from workers.gates.settings import GateSettings
from workers.nexus import crew as nexus_crew
from workers.nexus.crew import NexusCrew, Shared, guarded_client
from workers.nexus.endpoints import Endpoint
from workers.nexus.exchange import exchange_ring_of
from workers.payments import starting
from workers.payments.activities import book, payment_id_of
from workers.payments.contracts import (
    AGENT_TASK_QUEUE,
    ENDPOINT,
    PAYMENTS_TASK_QUEUE,
    PaymentOrder,
    PaymentRecord,
    PaymentResult,
)
from workers.payments.crew import assemble_agents, assemble_payments
from workers.payments.starting import start_payment_agent
from workers.people_roots import pinned_roots
from workers.publications import known_policies
from workers.receipts import DatabaseReceiptSink
from workers.relay import Relay
from workers.rings import process_rings
from workers.supervisor import cancel

pytestmark = [
    pytest.mark.temporal,
    pytest.mark.django_db(transaction=True),
    pytest.mark.asyncio(loop_scope="session"),
]
AGENTS, PAYMENTS = "finance-ai-prd", "finance-payments-prd"
ORDER = PaymentOrder("ACME Industrial Supplies", 1_250_000, "EUR", "INV-2031", "The goods arrived complete.")


@dataclass
class Shifts:
    """Workers that run, by task queue and namespace."""

    running: dict[tuple[str, str], tuple[Worker, asyncio.Task[None]]] = field(default_factory=dict)

    def begin(self, worker: Worker) -> None:
        self.running[worker.client.namespace, worker.task_queue] = worker, asyncio.create_task(worker.run())

    async def stop(self, namespace: str, task_queue: str) -> None:
        worker, task = self.running.pop((namespace, task_queue))
        await worker.shutdown()
        await task

    async def end(self) -> None:
        for place in list(self.running):
            await self.stop(*place)


@dataclass
class Finance:
    """Both sides at work. ``lead`` approves on the agent's side only, the three others in payments only."""

    agents: Client
    payments: Client
    lead: Approver
    approvers: list[Approver]
    shared: Shared
    crew: NexusCrew
    at_work: Shifts

    async def start(self, order: PaymentOrder = ORDER, **options: object) -> WorkflowHandle[object, PaymentResult]:
        invoice = f"INV-{uuid.uuid4().hex[:8]}"
        return await start_payment_agent(client=self.agents, invoice=invoice, order=order, **options)

    async def waiting(self) -> ApprovalRequest:
        return await eventually(ApprovalRequest.objects.filter(state="open").afirst)

    async def approve(self, waiting: ApprovalRequest, *by: Approver) -> None:
        for one in by:
            await sync_to_async(record)(person=one.person, request_id=waiting.pk, approval=one.sign_approval(waiting))

    async def deny(self, waiting: ApprovalRequest, *by: Approver) -> None:
        for one in by:
            signed = one.sign_denial(waiting, reason="The invoice is a copy.")
            await sync_to_async(record)(person=one.person, request_id=waiting.pk, denial=signed)


def _set_up() -> tuple[Approver, list[Approver]]:
    for purpose in Purpose:
        ensure_service_key(purpose=purpose)
    ensure_issuer()
    for namespace in ("default", AGENTS, PAYMENTS):
        ensure_ring(namespace=namespace)
    return approver("lead", namespace=AGENTS), [approver(name, namespace=PAYMENTS) for name in ("ada", "bo", "cy")]


@pytest_asyncio.fixture(loop_scope="session")
async def finance(
    live_temporal: WorkflowEnvironment,
    transactional_db: None,
    settings: Settings,
    monkeypatch: pytest.MonkeyPatch,
    tmp_path: Path,
) -> AsyncIterator[Finance]:
    settings.PEOPLE_ROOTS, settings.DATA_DIR, settings.REQUEST_LIFETIME_SECONDS = [ROOT], tmp_path, 7
    settings.NAMESPACES = (
        Namespace("default"),
        Namespace(AGENTS, task_queues=(AGENT_TASK_QUEUE,)),
        Namespace(PAYMENTS, task_queues=(PAYMENTS_TASK_QUEUE,)),
    )
    monkeypatch.setattr(nexus_crew, "GateSettings", partial(GateSettings, delivery_grace_seconds=1))
    lead, approvers = await sync_to_async(_set_up)()
    process_rings._held.clear()
    plain = encrypted(live_temporal.client)
    agents, payments = await ensure_namespace(plain, AGENTS), await ensure_namespace(plain, PAYMENTS)
    await ensure_endpoints(plain, Endpoint(ENDPOINT, PAYMENTS, PAYMENTS_TASK_QUEUE))
    sink = DatabaseReceiptSink()
    async with AsyncExitStack() as running:
        running.push_async_callback(sync_to_async(connections.close_all))
        running.push_async_callback(bus.stop)
        running.push_async_callback(asyncio.to_thread, sink.close)
        shared = Shared(sink, await nonce_store(), known_policies(pinned_roots()))
        crew = await assemble_payments(payments, shared) + await assemble_agents(agents, shared)
        desks = [build_approvals_worker(client, threads=2) for client in (agents, payments)]
        at_work = Shifts()
        running.push_async_callback(at_work.end)
        for worker in (*desks, *crew.workers):
            at_work.begin(worker)
        running.push_async_callback(cancel, asyncio.create_task(Relay(plain, poll_seconds=0.2).run()))
        yield Finance(agents, payments, lead, approvers, shared, crew, at_work)


async def test_two_people_of_payments_approve_and_it_is_paid_once(finance):
    handle = await finance.start()
    waiting = await finance.waiting()
    assert (waiting.namespace, waiting.tool, waiting.threshold) == (PAYMENTS, "execute_payment", 2)
    await finance.approve(waiting, *finance.approvers[:2])
    result = await handle.result()
    assert result.status == "paid"
    assert [result.record] == book().payments()
    assert (result.record.payee, result.record.amount_cents) == (ORDER.payee, ORDER.amount_cents)
    assert {one.person for one in result.question.decisions} == {
        one.person.external_id for one in finance.approvers[:2]
    }


async def test_nobody_on_the_asking_side_can_approve_and_one_person_is_not_enough(finance):
    handle = await finance.start()
    waiting = await finance.waiting()
    with pytest.raises(ApprovalError):
        await finance.approve(waiting, finance.lead)
    await finance.approve(waiting, finance.approvers[0])
    result = await handle.result()
    assert (result.status, result.record, book().payments()) == ("expired", None, [])


async def test_two_denials_make_it_impossible(finance):
    handle = await finance.start()
    await finance.deny(await finance.waiting(), *finance.approvers[:2])
    result = await handle.result()
    assert (result.status, book().payments()) == ("denied", [])
    assert {one.reason for one in result.question.decisions} == {"The invoice is a copy."}


async def test_for_whom_the_agent_acts_does_not_approve_in_payments_either(finance):
    await finance.start(barred_people=(finance.approvers[0].person.external_id,))
    waiting = await finance.waiting()
    with pytest.raises(ApprovalError):
        await finance.approve(waiting, finance.approvers[0])


async def test_a_small_payment_needs_nobody(finance):
    result = await (await finance.start(replace(ORDER, amount_cents=10_000))).result()
    assert (result.status, result.question) == ("paid", None)
    assert len(book().payments()) == 1


async def test_the_agents_own_warrant_bounds_what_it_asks(finance):
    too_much, stranger = replace(ORDER, amount_cents=2_000_001), replace(ORDER, payee="Initech Software")
    for order in (too_much, stranger):
        error = await refusal(await finance.start(order))
        assert error.type == HandlerErrorType.UNAUTHORIZED
    assert not await ApprovalRequest.objects.aexists()
    await eventually(LedgerEntry.objects.filter(kind=EntryKind.CALL_DENIED).afirst)


async def test_without_a_warrant_nothing_is_asked(finance):
    queue = f"bare-{uuid.uuid4().hex[:8]}"
    async with Worker(finance.agents, task_queue=queue, workflows=[BareAgent]):
        handle = await finance.agents.start_workflow(BareAgent.run, ORDER, id=queue, task_queue=queue)
        error = await refusal(handle)
    assert error.type == HandlerErrorType.UNAUTHORIZED
    assert not await ApprovalRequest.objects.aexists()


async def test_a_warrant_of_another_namespace_pays_nothing_here(finance, monkeypatch):
    staging = await sync_to_async(approver)("stan", namespace="finance-ai-stg")
    warrant = await sync_to_async(starting._warrant)("INV-stg", "finance-ai-stg", ())
    assert staging.public_key in approvers_of(Warrant.from_bytes(warrant.chain[0]))
    monkeypatch.setattr(starting, "_warrant", lambda *_: warrant)
    error = await refusal(await finance.start())
    assert error.type == HandlerErrorType.UNAUTHORIZED
    assert "not for a namespace" in str(error)


async def test_one_proof_of_possession_pays_once(finance, monkeypatch):
    """Whoever read an operation's headers could ask again with them; so could an agent that asks twice at once."""
    monkeypatch.setattr(starting, "PaymentAgentWorkflow", HastyAgent)
    monkeypatch.setattr(starting, "AGENT_TASK_QUEUE", "hasty-agents")
    keys = await sync_to_async(load_keys)()
    guarded, _ = guarded_client(finance.agents, [], keys, finance.shared)
    async with Worker(guarded, task_queue="hasty-agents", workflows=[HastyAgent]):
        refused, paid = await (await finance.start(replace(ORDER, amount_cents=10_000))).result()
    assert paid == "paid"
    assert "replay" in refused.lower()
    assert len(book().payments()) == 1


async def test_a_revoked_warrant_asks_for_nothing(finance):
    warrant = await sync_to_async(starting._warrant)("INV-revoked", finance.agents.namespace, ())
    await sync_to_async(revoke)(warrant_id=warrant.id, reason="The agent was misled.", revoked_by="tests")
    finance.crew.apply_revocation_list(await sync_to_async(signed_list)())
    handle = await start_payment_agent(client=finance.agents, invoice="INV-revoked", order=ORDER)
    error = await refusal(handle)
    assert error.type == HandlerErrorType.UNAUTHORIZED
    assert "revoked" in str(error)


async def test_giving_up_withdraws_the_request(finance):
    handle = await finance.start()
    waiting = await finance.waiting()
    await handle.cancel()
    with pytest.raises(WorkflowFailureError):
        await handle.result()
    await eventually(ApprovalRequest.objects.filter(pk=waiting.pk, state="withdrawn").afirst)
    assert book().payments() == []


async def test_both_sides_have_evidence_that_verifies(finance):
    handle = await finance.start()
    waiting = await finance.waiting()
    await finance.approve(waiting, *finance.approvers[1:])
    await handle.result()
    asked = await LedgerChain.objects.aget(label=handle.id.removeprefix("invoice-"))
    for chain in (asked.name, waiting.chain):
        await eventually(LedgerEntry.objects.filter(chain=chain, kind=EntryKind.RUN_COMPLETED).afirst)
        await eventually(LedgerEntry.objects.filter(chain=chain, kind=EntryKind.CALL_ALLOWED).afirst)
        report = await sync_to_async(evidence)(chain)
        assert report.verified, report.as_text()


async def test_neither_side_can_read_the_other(finance):
    """What each keeps to itself is sealed with its own ring; both read nothing but what they exchanged."""
    order = replace(ORDER, reference="canary-reference", reasoning="canary-reasoning")
    handle = await finance.start(order)
    waiting = await finance.waiting()
    await finance.approve(waiting, *finance.approvers[:2])
    await handle.result()
    raw = [
        await history(finance.agents, handle.id),
        await history(finance.payments, waiting.workflow_id),
    ]
    rings = {name: await sync_to_async(ring_of)(name) for name in (AGENTS, PAYMENTS, exchange_ring_of(ENDPOINT))}
    for events in raw:
        assert b"canary" not in events.SerializeToString()
        assert order.payee.encode() not in events.SerializeToString()
    asked, paid = ({name for payload in sealed(events) for name in openers(payload, rings)} for events in raw)
    assert asked == {AGENTS, exchange_ring_of(ENDPOINT)}
    assert paid == {PAYMENTS, exchange_ring_of(ENDPOINT)}
    # What people were asked, and what the bank did, are never in the exchange.
    inner = [payload for payload in sealed(raw[1]) if openers(payload, rings) == {PAYMENTS}]
    assert any(b"canary-reference" in opened(payload, rings[PAYMENTS]) for payload in inner)


async def test_another_worker_takes_over_while_people_think(finance):
    handle = await finance.start()
    waiting = await finance.waiting()
    await finance.at_work.stop(PAYMENTS, PAYMENTS_TASK_QUEUE)
    await finance.approve(waiting, *finance.approvers[:2])
    for worker in (await assemble_payments(finance.payments, finance.shared)).workers:
        finance.at_work.begin(worker)
    result = await handle.result()
    assert (result.status, book().payments()) == ("paid", [result.record])


async def test_an_attempt_that_died_after_it_had_paid_pays_once(finance):
    """The first attempt pays and dies before it can say so: the second one finds it in the book."""
    handle = await finance.start()
    waiting = await finance.waiting()
    payment_id = payment_id_of(waiting.workflow_id)
    payment = PaymentRecord(payment_id, ORDER.payee, ORDER.amount_cents, ORDER.currency, ORDER.reference, 0)
    first = await asyncio.to_thread(book().pay, payment)
    await finance.approve(waiting, *finance.approvers[:2])
    result = await handle.result()
    assert (result.status, result.record) == ("paid", first)
    assert book().payments() == [first]


async def history(client: Client, workflow_id: str) -> History:
    """Return a run's history as the server has it."""
    found = await client.get_workflow_handle(workflow_id).fetch_history()
    return History(events=found.events)


def sealed(message: Any) -> Iterator[Payload]:
    """Yield every sealed payload in a protobuf message."""
    if isinstance(message, Payload):
        if message.metadata.get("encoding") == b"binary/encrypted":
            yield message
        return
    for column, value in message.ListFields():
        if column.message_type is None:
            continue
        is_map = column.message_type.GetOptions().map_entry
        many = value.values() if is_map else value if column.is_repeated else [value]
        for one in many:
            if hasattr(one, "ListFields"):
                yield from sealed(one)


def openers(payload: Payload, rings: dict[str, Ring]) -> set[str]:
    """Return the names of the rings that open a payload."""
    found = set()
    for name, ring in rings.items():
        with contextlib.suppress(SealingError):
            opened(payload, ring)
            found.add(name)
    return found


def opened(payload: Payload, ring: Ring) -> bytes:
    return unseal(
        ring, payload.metadata["encryption-key-id"].decode(), payload.data, context=_context(payload.metadata)
    )
