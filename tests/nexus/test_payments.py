"""An agent in one namespace starts a payment in another, through Nexus and people, and in no other way."""

from __future__ import annotations

import asyncio
import uuid
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack
from dataclasses import dataclass
from functools import partial
from pathlib import Path

import pytest
import pytest_asyncio
from asgiref.sync import sync_to_async
from django.db import connections
from pytest_django import Settings
from temporalio.client import Client, WorkflowHandle
from temporalio.testing import WorkflowEnvironment

from accounts.namespaces.contracts import Namespace
from approvals.decisions.services import record
from approvals.live import bus
from approvals.models import ApprovalRequest
from audit.keys.contracts import Purpose
from audit.keys.services import ensure_service_key
from audit.rings.services import ensure_ring
from tests.approvals.factories import Approver, approver
from tests.endorsing import ROOT
from tests.nexus.conftest import ensure_endpoints, ensure_namespace, eventually
from warrants.issuers.services import ensure_issuer
from workers.activities import build_approvals_worker
from workers.client import encrypted
from workers.gates.settings import GateSettings
from workers.nexus import crew as nexus_crew
from workers.nexus.endpoints import Endpoint
from workers.payments.activities import book
from workers.payments.contracts import AGENT_TASK_QUEUE, ENDPOINT, PAYMENTS_TASK_QUEUE, PaymentOrder, PaymentResult
from workers.payments.crew import assemble_agents, assemble_payments
from workers.payments.starting import start_payment_agent
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
class Finance:
    """Both sides at work. ``lead`` approves on the agent's side only, the three others in payments only."""

    agents: Client
    payments: Client
    lead: Approver
    approvers: list[Approver]

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
    settings.PEOPLE_ROOTS, settings.DATA_DIR, settings.REQUEST_LIFETIME_SECONDS = [ROOT], tmp_path, 12
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
        crew = await assemble_payments(payments, sink)
        agent, _, _ = await assemble_agents(agents, sink)
        desks = [build_approvals_worker(client, threads=2) for client in (agents, payments)]
        for worker in (*desks, *crew.workers, agent):
            await running.enter_async_context(worker)
        running.push_async_callback(cancel, asyncio.create_task(Relay(plain, poll_seconds=0.2).run()))
        yield Finance(agents, payments, lead, approvers)


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
