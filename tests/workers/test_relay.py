"""Decisions on their way to the workflows that wait for them: none lost, none doubled in effect."""

from __future__ import annotations

import asyncio
import uuid
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager

import pytest
import pytest_asyncio
from asgiref.sync import sync_to_async
from django.db import connections
from temporalio.client import Client, WorkflowHandle
from temporalio.service import RPCError, RPCStatusCode
from temporalio.worker import Worker

from approvals.contracts import DECISION_SIGNAL, RequestState
from approvals.decisions.services import record
from approvals.delivery.services import claim
from approvals.live import bus
from approvals.models import Delivery
from tests.approvals.factories import Approver, approver, open_request
from tests.workers.listening import Listener
from workers.relay import Relay
from workers.supervisor import cancel

pytestmark = [
    pytest.mark.temporal,
    pytest.mark.postgresql,
    pytest.mark.django_db(transaction=True),
    pytest.mark.asyncio(loop_scope="session"),
]


@pytest_asyncio.fixture(loop_scope="session")
async def client(live_temporal) -> AsyncIterator[Client]:
    queue = f"listeners-{uuid.uuid4()}"
    async with Worker(live_temporal.client, task_queue=queue, workflows=[Listener]):
        live_temporal.client.listeners = queue
        yield live_temporal.client
    await bus.stop()
    await sync_to_async(connections.close_all)()


@asynccontextmanager
async def relaying(client: Client, *, relays: int = 1, **options: float) -> AsyncIterator[None]:
    tasks = [asyncio.create_task(Relay(client, **options).run()) for _ in range(relays)]
    try:
        yield
    finally:
        await asyncio.gather(*(cancel(task) for task in tasks))


async def listener(client: Client) -> WorkflowHandle:
    return await client.start_workflow(Listener.run, id=f"listener-{uuid.uuid4()}", task_queue=client.listeners)


async def decide(lead: Approver, handle: WorkflowHandle) -> str:
    """Open a request of ``handle``'s run and let ``lead`` approve it; return the request's id."""
    return await sync_to_async(_decide)(lead, handle.id, handle.result_run_id or handle.first_execution_run_id)


def _decide(lead: Approver, workflow_id: str, run_id: str) -> str:
    opened = open_request(lead, workflow_id=workflow_id, run_id=run_id)
    record(person=lead.person, request_id=opened.pk, approval=lead.sign_approval(opened))
    return opened.pk


async def delivery(request_id: str, is_over: Callable[[Delivery], bool]) -> Delivery:
    """Return the delivery of a request as soon as ``is_over`` says so."""
    async with asyncio.timeout(30), bus.subscribe() as events:
        while True:
            found = await Delivery.objects.select_related("approval_request").aget(approval_request=request_id)
            if is_over(found):
                return found
            try:
                await asyncio.wait_for(anext(events), 0.2)
            except TimeoutError:
                continue


async def test_a_decision_reaches_the_workflow_that_waits_for_it(client):
    lead, handle = await sync_to_async(approver)(), await listener(client)
    async with relaying(client):
        request_id = await decide(lead, handle)
        assert await handle.execute_update(Listener.heard, 1) == [request_id]
        sent = await delivery(request_id, lambda one: one.sent_at is not None)
    assert sent.attempts == 1


async def test_the_bus_wakes_a_relay_that_would_otherwise_sleep(client):
    lead, handle = await sync_to_async(approver)(), await listener(client)
    async with relaying(client, poll_seconds=3600):
        request_id = await decide(lead, handle)
        assert await asyncio.wait_for(handle.execute_update(Listener.heard, 1), 20) == [request_id]


async def test_three_relays_deliver_twenty_decisions_once_each(client):
    lead = await sync_to_async(approver)()
    handles = [await listener(client) for _ in range(20)]
    async with relaying(client, relays=3, poll_seconds=0.05):
        made = [await decide(lead, handle) for handle in handles]
        heard = [await handle.execute_update(Listener.heard, 1) for handle in handles]
        for request_id in made:
            await delivery(request_id, lambda one: one.sent_at is not None)
    assert heard == [[request_id] for request_id in made]


async def test_four_relays_that_compete_for_forty_decisions_signal_each_of_them_once(client):
    """The decisions are there before the relays, so that none is handed to one of them: they all claim."""
    lead = await sync_to_async(approver)()
    handles = [await listener(client) for _ in range(8)]
    made = {handle: [await decide(lead, handle) for _ in range(5)] for handle in handles}
    async with relaying(client, relays=4, poll_seconds=0.05):
        for handle, request_ids in made.items():
            assert sorted(await handle.execute_update(Listener.heard, 5)) == sorted(request_ids)
            for request_id in request_ids:
                sent = await delivery(request_id, lambda one: one.sent_at is not None)
                assert sent.attempts == 1
    for handle in handles:
        await handle.signal(Listener.stop)
        assert len(await handle.result()) == 5, "no decision came twice"


async def test_what_a_relay_claimed_before_it_was_killed_is_delivered_by_another(client):
    lead, handle = await sync_to_async(approver)(), await listener(client)
    request_id = await decide(lead, handle)
    killed = await sync_to_async(claim)(limit=10, lease_seconds=1)
    assert [job.decision.request_id for job in killed] == [request_id]
    async with relaying(client, poll_seconds=0.2):
        await delivery(request_id, lambda one: one.sent_at is not None)
    assert await handle.execute_update(Listener.heard, 1) == [request_id]


async def test_a_relay_killed_between_signal_and_acknowledgement_costs_a_second_signal_and_no_more(client):
    lead, handle = await sync_to_async(approver)(), await listener(client)
    request_id = await decide(lead, handle)
    (job,) = await sync_to_async(claim)(limit=10, lease_seconds=1)
    await client.get_workflow_handle(job.workflow_id, run_id=job.run_id).signal(DECISION_SIGNAL, job.decision)
    async with relaying(client, poll_seconds=0.2):
        await delivery(request_id, lambda one: one.sent_at is not None)
    # The same signatures for the same request: a gate that is settled takes nothing more.
    assert await handle.execute_update(Listener.heard, 2) == [request_id, request_id]


async def test_a_decision_for_a_run_that_is_gone_is_not_tried_for_ever(client):
    lead, handle = await sync_to_async(approver)(), await listener(client)
    await handle.signal(Listener.stop)
    await handle.result()
    async with relaying(client):
        request_id = await decide(lead, handle)
        gone = await delivery(request_id, lambda one: one.gone_at is not None)
    assert gone.sent_at is None
    assert gone.approval_request.state == RequestState.WITHDRAWN


async def test_while_temporal_is_away_the_decision_waits_and_is_tried_again(client, monkeypatch):
    lead, handle = await sync_to_async(approver)(), await listener(client)
    signal, failures = Relay._signal, iter(range(2))

    async def flaky(relay: Relay, job) -> None:
        if next(failures, None) is not None:
            raise RPCError("The server is away.", RPCStatusCode.UNAVAILABLE, b"")
        await signal(relay, job)

    monkeypatch.setattr(Relay, "_signal", flaky)
    async with relaying(client, poll_seconds=0.1):
        request_id = await decide(lead, handle)
        sent = await delivery(request_id, lambda one: one.sent_at is not None)
    assert sent.attempts == 3
    assert await handle.execute_update(Listener.heard, 1) == [request_id]
