"""Requests whose workflow is gone are found and ended, in nobody's name; all others are left alone."""

from __future__ import annotations

import asyncio
import uuid
from collections.abc import AsyncIterator
from contextlib import suppress
from datetime import timedelta

import pytest
import pytest_asyncio
from asgiref.sync import sync_to_async
from django.db import connections
from django.utils import timezone
from temporalio.api.common.v1 import WorkflowExecution
from temporalio.api.workflowservice.v1 import ResetWorkflowExecutionRequest
from temporalio.client import Client, Schedule, WorkflowExecutionStatus
from temporalio.service import RPCError, RPCStatusCode
from temporalio.testing import ActivityEnvironment
from temporalio.worker import Worker

from approvals.contracts import Outcome, OutcomeStatus, RequestState
from approvals.decisions.services import record
from approvals.live import bus
from approvals.models import ApprovalRequest, Delivery
from approvals.requests import services
from audit.models import LedgerEntry
from audit.statements import statements
from audit.statements.kinds import EntryKind
from tests.approvals.factories import approver, open_request
from tests.workers.listening import Ending, Listener
from workers import runs, sweeping
from workers.relay import Relay
from workers.supervisor import cancel
from workers.sweep import SweepWorkflow
from workers.sweeping import SCHEDULE, Sweeper, ensure_schedule

pytestmark = [
    pytest.mark.temporal,
    pytest.mark.django_db(transaction=True),
    pytest.mark.asyncio(loop_scope="session"),
]
AT_ONCE = timedelta(0)


@pytest_asyncio.fixture(loop_scope="session")
async def client(live_temporal) -> AsyncIterator[Client]:
    queue = f"endings-{uuid.uuid4()}"
    async with Worker(live_temporal.client, task_queue=queue, workflows=[Listener, Ending]):
        live_temporal.client.endings = queue
        yield live_temporal.client
    await bus.stop()
    await sync_to_async(connections.close_all)()


async def start(client: Client, how: str = "wait"):
    return await client.start_workflow(Ending.run, how, id=f"ending-{uuid.uuid4()}", task_queue=client.endings)


async def ask(workflow_id: str, run_id: str, *, approved: bool = False, **changes) -> ApprovalRequest:
    def opened() -> ApprovalRequest:
        lead = approver(f"lead-{uuid.uuid4().hex[:8]}")
        made = open_request(lead, workflow_id=workflow_id, run_id=run_id, **changes)
        if approved:
            record(person=lead.person, request_id=made.pk, approval=lead.sign_approval(made))
        return made

    return await sync_to_async(opened)()


async def asked_by(handle, **changes) -> ApprovalRequest:
    return await ask(handle.id, handle.first_execution_run_id, **changes)


async def sweep(client: Client, after: str = "", *, settled: timedelta = AT_ONCE, **options) -> str:
    return await ActivityEnvironment().run(Sweeper(client, settled=settled, **options).sweep, after)


async def now(waiting: ApprovalRequest) -> tuple[str, str]:
    """Return how a request stands, and why."""
    row = await ApprovalRequest.objects.aget(pk=waiting.pk)
    return row.state, row.outcome_detail


async def closed(client: Client, handle) -> None:
    """Return when the first run of ``handle`` is closed."""
    run = client.get_workflow_handle(handle.id, run_id=handle.first_execution_run_id)
    while (await run.describe()).status == WorkflowExecutionStatus.RUNNING:  # noqa: ASYNC110
        await asyncio.sleep(0.05)


async def end(client: Client, handle, how: str) -> None:
    if how == "cancelled":
        await handle.cancel()
    elif how == "terminated":
        await handle.terminate()
    elif how == "reset":
        await client.workflow_service.reset_workflow_execution(
            ResetWorkflowExecutionRequest(
                namespace=client.namespace,
                workflow_execution=WorkflowExecution(workflow_id=handle.id, run_id=handle.first_execution_run_id),
                workflow_task_finish_event_id=3,
                request_id=str(uuid.uuid4()),
            )
        )
    await closed(client, handle)


ENDED = WorkflowExecutionStatus


@pytest.mark.parametrize(
    ("begun", "how", "why"),
    [
        ("complete", "", runs._ENDED[ENDED.COMPLETED]),
        ("fail", "", runs._ENDED[ENDED.FAILED]),
        ("continue", "", runs._ENDED[ENDED.CONTINUED_AS_NEW]),
        ("wait", "cancelled", runs._ENDED[ENDED.CANCELED]),
        ("wait", "terminated", runs._ENDED[ENDED.TERMINATED]),
        ("wait", "reset", runs.RESET),
    ],
    ids=["completed", "failed", "continued", "cancelled", "terminated", "reset"],
)
async def test_what_a_run_left_behind_is_withdrawn_with_the_reason(client, begun, how, why):
    handle = await start(client, begun)
    if begun == "wait":  # a reset needs a workflow task that is done
        while (await handle.describe()).history_length < 4:  # noqa: ASYNC110
            await asyncio.sleep(0.05)
    waiting = await asked_by(handle)
    await end(client, handle, how)
    for _ in range(2):
        await sweep(client)
    assert await now(waiting) == (RequestState.WITHDRAWN, why)
    entries = LedgerEntry.objects.filter(chain=waiting.chain, kind=EntryKind.APPROVAL_WITHDRAWN)
    details = statements.parse(bytes((await entries.aget()).envelope)).facts["details"]
    assert details == {"request_id": waiting.pk, "reason": why}, "once, and in nobody's name"


async def test_a_run_that_temporal_has_forgotten_is_gone(client):
    waiting = await ask(f"never-{uuid.uuid4()}", str(uuid.uuid4()))
    await sweep(client)
    assert await now(waiting) == (RequestState.WITHDRAWN, runs.UNKNOWN)


async def test_an_approval_that_no_run_waits_for_any_more_ends_too(client):
    handle = await start(client)
    waiting = await asked_by(handle, approved=True)
    await handle.terminate()
    relay = asyncio.create_task(Relay(client, poll_seconds=0.1).run())
    try:
        await sweep(client)
        assert (await now(waiting))[0] == RequestState.WITHDRAWN
        while not await Delivery.objects.filter(approval_request=waiting.pk, gone_at__isnull=False).aexists():  # noqa: ASYNC110
            await asyncio.sleep(0.05)
    finally:
        await cancel(relay)
    assert await LedgerEntry.objects.filter(kind=EntryKind.APPROVAL_WITHDRAWN).acount() == 1


async def test_what_a_live_run_waits_for_is_left_alone(client):
    handle = await start(client)
    waiting, approved = await asked_by(handle), await asked_by(handle, approved=True)
    await sweep(client)
    assert [(await now(one))[0] for one in (waiting, approved)] == [RequestState.OPEN, RequestState.APPROVED]
    await handle.terminate()


async def test_a_run_that_just_closed_may_still_report(client):
    handle = await start(client, "complete")
    waiting = await asked_by(handle)
    await ApprovalRequest.objects.aupdate(opened_at=timezone.now() - timedelta(minutes=5))
    await closed(client, handle)
    await sweep(client, settled=timedelta(minutes=1))
    assert (await now(waiting))[0] == RequestState.OPEN
    await sync_to_async(services.close)(outcome=Outcome(waiting.pk, OutcomeStatus.EXECUTED, 1_790_000_000_000))
    await sweep(client)
    assert (await now(waiting))[0] == RequestState.EXECUTED


async def test_a_request_that_was_just_opened_is_not_looked_for(client):
    waiting = await ask(f"never-{uuid.uuid4()}", str(uuid.uuid4()))
    await sweep(client, settled=timedelta(minutes=1))
    assert (await now(waiting))[0] == RequestState.OPEN


@pytest.mark.parametrize("status", [RPCStatusCode.UNAVAILABLE, RPCStatusCode.DEADLINE_EXCEEDED, RPCStatusCode.INTERNAL])
async def test_a_server_that_does_not_answer_withdraws_nothing(client, monkeypatch, status):
    waiting = await ask(f"never-{uuid.uuid4()}", str(uuid.uuid4()))

    async def silent(*_: object, **__: object) -> str:
        raise RPCError("no answer", status, b"")

    monkeypatch.setattr(sweeping, "ending", silent)
    await sweep(client)
    assert (await now(waiting))[0] == RequestState.OPEN


async def test_a_namespace_that_the_server_lacks_tells_nothing_of_its_runs(client):
    workflow_id, run_id = f"never-{uuid.uuid4()}", str(uuid.uuid4())
    waiting = await ask(workflow_id, run_id)
    await ApprovalRequest.objects.aupdate(namespace="elsewhere")
    await sweep(client)
    assert (await now(waiting))[0] == RequestState.OPEN


async def test_an_address_that_no_run_can_have_spoils_nobody_elses_sweep(client, monkeypatch):
    monkeypatch.setattr(sweeping, "AT_ONCE", 1)
    bad = await ask("never", "no-run-id", request_id="apr_00000001")
    good = await ask(f"never-{uuid.uuid4()}", str(uuid.uuid4()))
    await sweep(client)
    assert [(await now(one))[0] for one in (bad, good)] == [RequestState.OPEN, RequestState.WITHDRAWN]


async def test_silence_that_nobody_reported_is_recorded_as_silence(client):
    handle = await start(client)
    silent, approved, late = [await asked_by(handle, approved=index == 1) for index in range(3)]
    over = timezone.now() - services.OVERDUE - timedelta(seconds=1)
    for one, expires_at in ((silent, over), (approved, over), (late, timezone.now())):
        changes = {"opened_at": over - timedelta(minutes=30), "expires_at": expires_at}
        await ApprovalRequest.objects.filter(pk=one.pk).aupdate(**changes)
    for _ in range(2):
        await sweep(client)
    # What enough people approved is no silence; and the workflow itself may still speak.
    states = [(await now(one))[0] for one in (silent, approved, late)]
    assert states == [RequestState.EXPIRED, RequestState.APPROVED, RequestState.OPEN]
    await sync_to_async(services.close)(outcome=Outcome(silent.pk, OutcomeStatus.EXPIRED, 1_790_000_000_000))
    assert await LedgerEntry.objects.filter(kind=EntryKind.APPROVAL_EXPIRED).acount() == 1
    await handle.terminate()


async def test_many_are_looked_at_in_turn(client):
    asked = [await ask(f"never-{uuid.uuid4()}", str(uuid.uuid4()), request_id=f"apr_{n:08}") for n in range(5)]
    assert await sweep(client, batch=2) == ""
    assert {(await now(one))[0] for one in asked} == {RequestState.WITHDRAWN}


async def test_a_sweep_that_has_no_time_left_says_where_to_go_on(client, monkeypatch):
    asked = [await ask(f"never-{uuid.uuid4()}", str(uuid.uuid4()), request_id=f"apr_{n:08}") for n in range(3)]
    look_at, looked = Sweeper._look_at, []

    async def once(self, calls, silent):
        looked.append([call.request_id for call in calls])
        monkeypatch.setattr(sweeping, "SWEEP_SECONDS", 0)
        await look_at(self, calls, silent)
        await asyncio.sleep(0.1)

    monkeypatch.setattr(Sweeper, "_look_at", once)
    monkeypatch.setattr(sweeping, "SWEEP_SECONDS", 0.1)
    assert await sweep(client, batch=2) == asked[1].pk
    monkeypatch.setattr(sweeping, "SWEEP_SECONDS", 10)
    assert await sweep(client, asked[1].pk, batch=2) == ""
    assert looked == [[asked[0].pk, asked[1].pk], [asked[2].pk]]


async def test_the_schedule_sweeps_by_itself_and_goes_on_where_the_last_sweep_stopped(client):
    waiting = await ask(f"never-{uuid.uuid4()}", str(uuid.uuid4()))
    queue, begun = f"sweeps-{uuid.uuid4()}", []

    class Watched(Sweeper):
        @sweeping.activity.defn(name=sweeping.SWEEP_ACTIVITY)
        async def sweep(self, after: str) -> str:
            begun.append(after)
            return await super().sweep(after) or f"stopped-{len(begun)}"

    await _forget_schedule(client)
    every = timedelta(seconds=1)
    watched = Watched(client, settled=AT_ONCE)
    async with Worker(client, task_queue=queue, workflows=[SweepWorkflow], activities=[watched.sweep]):
        for _ in range(2):
            await ensure_schedule(client, every=every, task_queue=queue)
        async with asyncio.timeout(30):
            while len(begun) < 3:  # noqa: ASYNC110
                await asyncio.sleep(0.1)
    assert (await now(waiting))[0] == RequestState.WITHDRAWN
    assert begun[:3] == ["", "stopped-1", "stopped-2"]
    await _forget_schedule(client)


async def test_another_interval_is_taken_over_and_a_pause_is_kept(client):
    await _forget_schedule(client)
    await ensure_schedule(client, every=timedelta(minutes=5), task_queue="none")
    handle = client.get_schedule_handle(SCHEDULE)
    await handle.pause()
    await ensure_schedule(client, every=timedelta(minutes=7), task_queue="none")
    schedule: Schedule = (await handle.describe()).schedule
    assert [interval.every for interval in schedule.spec.intervals] == [timedelta(minutes=7)]
    assert schedule.state.paused
    await _forget_schedule(client)


async def _forget_schedule(client: Client) -> None:
    with suppress(RPCError):
        await client.get_schedule_handle(SCHEDULE).delete()
