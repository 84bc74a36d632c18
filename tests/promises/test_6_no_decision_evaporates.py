"""Promise 6: no decision is lost, also when the workers were away for so long that it expired.

The request reopens by itself, says why, and asks again; what people approve then runs once. The old request ends
as superseded, signed by the service in nobody's name.
"""

from __future__ import annotations

import asyncio
import time
import uuid
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import pytest
from asgiref.sync import sync_to_async
from temporalio import activity
from temporalio.api.common.v1 import WorkflowExecution
from temporalio.api.enums.v1 import ResetReapplyType
from temporalio.api.workflowservice.v1 import ResetWorkflowExecutionRequest
from temporalio.service import RPCError, RPCStatusCode

from approvals.contracts import FETCH_DECISION_ACTIVITY, OutcomeStatus, RequestState
from approvals.decisions.services import record
from approvals.delivery.contracts import Job
from approvals.models import ApprovalRequest, Delivery
from approvals.requests.superseding import ANOTHER_RUN
from approvals.signing import approval
from audit.models import LedgerEntry
from audit.statements import statements
from audit.statements.kinds import EntryKind
from tests.gates import agents
from tests.promises.conftest import House, eventually, guarded_worker
from workers import activities
from workers.activities import ACTIVITIES
from workers.gates.settings import GateSettings
from workers.relay import Relay

pytestmark = [
    pytest.mark.temporal,
    pytest.mark.django_db(transaction=True),
    pytest.mark.asyncio(loop_scope="session"),
]


@pytest.fixture
def no_tolerance(monkeypatch: pytest.MonkeyPatch) -> None:
    """Signatures end when they say, and not half a minute later, so that nobody has to wait for it."""
    monkeypatch.setattr(approval, "CLOCK_TOLERANCE_SECONDS", 0)


@asynccontextmanager
async def at_work(house: House, task_queue: str) -> AsyncIterator[None]:
    """Run a worker of the house's agents on ``task_queue``."""
    async with guarded_worker(house.plain, task_queue, house.settings):
        yield


async def approve(house: House, waiting: ApprovalRequest, *, seconds: int) -> int:
    """Let Ada approve with a signature that lives for ``seconds`` more; return when it ends."""
    now = int(time.time())
    signed = house.ada.sign_approval(waiting, expires_at=now + seconds)
    await sync_to_async(record)(person=house.ada.person, request_id=waiting.pk, approval=signed)
    return now + seconds


async def after(moment: float) -> None:
    """Only time itself lets a signature expire."""
    await asyncio.sleep(max(moment - time.time(), 0))


async def reopened(waiting: ApprovalRequest) -> ApprovalRequest:
    """Return the request that took over from ``waiting``, having looked at how both stand."""
    again = await eventually(ApprovalRequest.objects.filter(supersedes=waiting.pk).afirst)
    await waiting.arefresh_from_db()
    assert (waiting.state, waiting.outcome_status) == (RequestState.SUPERSEDED, OutcomeStatus.SUPERSEDED)
    assert again.why_again.startswith("The approval of local:ada expired before a worker was there, at 20")
    assert waiting.outcome_detail == again.why_again
    assert (again.workflow_id, again.run_id) == (waiting.workflow_id, waiting.run_id)
    entry = await LedgerEntry.objects.aget(kind=EntryKind.APPROVAL_SUPERSEDED)
    details = statements.parse(bytes(entry.envelope)).facts["details"]
    assert details == {"request_id": waiting.pk, "by": again.pk, "reason": again.why_again}
    assert agents.effects == []
    return again


async def runs_once(house: House, handle: Any, waiting: ApprovalRequest) -> None:
    await house.approve(waiting)
    assert await handle.result() == "restarted checkout"
    assert agents.effects == ["checkout/production"]
    await eventually(ApprovalRequest.objects.filter(pk=waiting.pk, state=RequestState.EXECUTED).afirst)


async def delivered(waiting: ApprovalRequest) -> None:
    await eventually(Delivery.objects.filter(approval_request=waiting.pk, sent_at__isnull=False).afirst)


@pytest.mark.usefixtures("no_tolerance")
async def test_a_decision_that_expired_while_the_workers_were_away_is_asked_for_again(house: House) -> None:
    house.agent_queue = f"absent-{uuid.uuid4().hex[:8]}"
    async with at_work(house, house.agent_queue):
        handle, waiting = await house.waiting()
    ends = await approve(house, waiting, seconds=2)
    await delivered(waiting)
    await after(ends + 1)
    async with at_work(house, house.agent_queue):
        again = await reopened(waiting)
        await runs_once(house, handle, again)


class TestTheRequestEndedTooMeanwhile:
    @pytest.fixture
    def gate_settings(self, gate_settings: GateSettings) -> GateSettings:
        return GateSettings(
            request_lifetime_seconds=8,
            delivery_grace_seconds=0,
            approvals_task_queue=gate_settings.approvals_task_queue,
        )

    @pytest.mark.usefixtures("no_tolerance")
    async def test_it_is_asked_for_again_all_the_same(self, house: House) -> None:
        house.agent_queue = f"absent-{uuid.uuid4().hex[:8]}"
        async with at_work(house, house.agent_queue):
            handle, waiting = await house.waiting()
        ends = await approve(house, waiting, seconds=2)
        await delivered(waiting)
        await after(max(ends, waiting.expires_at.timestamp()) + 2)
        async with at_work(house, house.agent_queue):
            again = await reopened(waiting)
            await runs_once(house, handle, again)


@pytest.mark.usefixtures("no_tolerance")
async def test_an_approval_that_this_worker_alone_calls_expired_is_asked_for_again(house: House) -> None:
    """Tenuo allows half a minute more; the refusal is Countersign's own."""
    tools = f"{house.agent_queue}-tools"
    async with at_work(house, tools):
        handle = await house.start(agents.DistantAgent.run, "checkout")
        waiting = await house.request_of(handle)
    ends = await approve(house, waiting, seconds=5)
    await after(ends + 1)
    async with at_work(house, tools):
        again = await reopened(waiting)
        await runs_once(house, handle, again)
    refused = await LedgerEntry.objects.aget(kind=EntryKind.CALL_DENIED)
    assert statements.parse(bytes(refused.envelope)).facts["details"]["code"] == "APPROVAL_LAPSED"


async def test_an_approval_that_tenuo_calls_expired_is_asked_for_again(house: House) -> None:
    tools = f"{house.agent_queue}-tools"
    async with at_work(house, tools):
        handle = await house.start(agents.DistantAgent.run, "checkout")
        waiting = await house.request_of(handle)
    ends = await approve(house, waiting, seconds=3)
    await after(ends + approval.CLOCK_TOLERANCE_SECONDS + 2)
    async with at_work(house, tools):
        again = await reopened(waiting)
        await runs_once(house, handle, again)
    assert not await LedgerEntry.objects.filter(kind=EntryKind.CALL_DENIED).aexists()


async def test_a_decision_that_did_not_expire_is_used_however_late_the_workers_come(house: House) -> None:
    house.agent_queue = f"absent-{uuid.uuid4().hex[:8]}"
    async with at_work(house, house.agent_queue):
        handle, waiting = await house.waiting()
    await approve(house, waiting, seconds=300)
    await delivered(waiting)
    async with at_work(house, house.agent_queue):
        assert await handle.result() == "restarted checkout"
    assert await ApprovalRequest.objects.acount() == 1


@pytest.mark.parametrize("approved", [False, True])
async def test_the_run_after_a_reset_asks_anew_and_what_was_signed_for_the_run_before_runs_nothing(
    house: House, approved: bool
) -> None:
    house.agent_queue = f"absent-{uuid.uuid4().hex[:8]}"
    async with at_work(house, house.agent_queue):
        handle, waiting = await house.waiting()
    if approved:
        await house.approve(waiting)
        await delivered(waiting)
    await house.plain.workflow_service.reset_workflow_execution(
        ResetWorkflowExecutionRequest(
            namespace=house.plain.namespace,
            workflow_execution=WorkflowExecution(workflow_id=handle.id, run_id=waiting.run_id),
            workflow_task_finish_event_id=4,
            request_id=str(uuid.uuid4()),
            # A decision that was on its way to the run before is not for this one.
            reset_reapply_type=ResetReapplyType.RESET_REAPPLY_TYPE_SIGNAL,
        )
    )
    async with at_work(house, house.agent_queue):
        again = await eventually(ApprovalRequest.objects.filter(supersedes=waiting.pk).afirst)
        await waiting.arefresh_from_db()
        assert (waiting.state, waiting.outcome_detail) == (RequestState.SUPERSEDED, ANOTHER_RUN)
        assert again.run_id != waiting.run_id
        assert agents.effects == []
        await house.approve(again)
        run = house.plain.get_workflow_handle(handle.id, run_id=again.run_id)
        assert await run.result() == "restarted checkout"
    assert agents.effects == ["checkout/production"]


class TestNoRelayWasThere:
    """The decision was taken in time and nobody delivered it: the workflow fetches it before it speaks of silence."""

    @pytest.fixture
    def gate_settings(self, gate_settings: GateSettings) -> GateSettings:
        return GateSettings(
            request_lifetime_seconds=6,
            delivery_grace_seconds=1,
            approvals_task_queue=gate_settings.approvals_task_queue,
        )

    @pytest.fixture
    def back(self, monkeypatch: pytest.MonkeyPatch) -> asyncio.Event:
        """Until this is set, relays claim and never signal."""
        signal, back = Relay._signal, asyncio.Event()

        async def away(relay: Relay, job: Job) -> None:
            if not back.is_set():
                raise RPCError("The server is away.", RPCStatusCode.UNAVAILABLE, b"")
            await signal(relay, job)

        monkeypatch.setattr(Relay, "_signal", away)
        return back

    @pytest.mark.usefixtures("back")
    async def test_it_runs_with_what_people_signed(self, house: House) -> None:
        handle, waiting = await house.waiting()
        await runs_once(house, handle, waiting)

    @pytest.mark.usefixtures("back")
    async def test_a_denial_is_not_taken_for_silence(self, house: House) -> None:
        handle, waiting = await house.waiting()
        denied = house.ada.sign_denial(waiting)
        await sync_to_async(record)(person=house.ada.person, request_id=waiting.pk, denial=denied)
        assert (await handle.result()).startswith("APPROVAL_DENIED: A person denied restart_service")
        assert agents.effects == []

    @pytest.mark.usefixtures("no_tolerance")
    async def test_what_expired_meanwhile_is_asked_for_again(self, house: House, back: asyncio.Event) -> None:
        handle, waiting = await house.waiting()
        await approve(house, waiting, seconds=2)
        again = await reopened(waiting)
        back.set()
        await runs_once(house, handle, again)


class TestTheApplicationAnswersNonsense:
    """What is fetched is believed as little as a signal is, and stops no workflow."""

    @pytest.fixture
    def gate_settings(self, gate_settings: GateSettings) -> GateSettings:
        return GateSettings(
            request_lifetime_seconds=3,
            delivery_grace_seconds=0,
            approvals_task_queue=gate_settings.approvals_task_queue,
        )

    @pytest.fixture(params=[None, 7, {"request_id": 1}, {"request_id": "x", "approvals": {"a": [None]}}, ["denied"]])
    def approvals_activities(self, request: pytest.FixtureRequest) -> list[Any]:
        def fetch_decision(request_id: str) -> Any:
            return request.param

        lying = activity.defn(name=FETCH_DECISION_ACTIVITY)(fetch_decision)
        return [one for one in ACTIVITIES if one is not activities.fetch_decision] + [lying]

    async def test_silence_stays_silence(self, house: House) -> None:
        handle, _ = await house.waiting()
        assert (await handle.result()).startswith("APPROVAL_EXPIRED: Nobody decided")
