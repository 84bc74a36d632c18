"""Unchanged agents get their gates handled, with the two plugins alone."""

from __future__ import annotations

import asyncio

import pytest
from temporalio.client import WorkflowFailureError
from tenuo.temporal._state import _workflow_headers_store

from approvals.contracts import CallVerdict, OutcomeStatus
from tests.gates import agents
from tests.gates.conftest import Floor
from tests.gates.people import approve, decision, deny, send
from workers.gates.settings import GateSettings

pytestmark = pytest.mark.temporal


async def test_a_gated_call_waits_for_a_person_and_runs_once(floor: Floor) -> None:
    handle = await floor.start(agents.PlainAgent, "checkout")
    request = await floor.desk.requests.get()
    assert (request.tool, request.reasoning) == ("restart_service", "It leaks connections.")
    assert [(call.tool, call.verdict) for call in request.history] == [
        ("read_logs", CallVerdict.ALLOWED),
        ("delete_database", CallVerdict.DENIED),
        ("restart_service", CallVerdict.GATED),
    ]
    assert agents.effects == []
    assert request.gate_receipt == floor.sink.records[-1]

    await send(floor.plain, request, decision(request, approvals=(approve(request, floor.keys.approver),)))

    assert await handle.result() == "restarted checkout"
    assert agents.effects == ["checkout/production"]
    outcome = await floor.desk.outcomes.get()
    assert (outcome.request_id, outcome.status) == (request.request_id, OutcomeStatus.EXECUTED)
    report = await floor.desk.reports.get()
    assert report.run is not None
    assert report.run.status == "completed"
    assert [(record.tool, record.verdict) for record in floor.sink.records] == [
        ("read_logs", CallVerdict.ALLOWED),
        ("delete_database", CallVerdict.DENIED),
        ("restart_service", CallVerdict.GATED),
        ("restart_service", CallVerdict.ALLOWED),
    ]
    assert [record.sequence for record in floor.sink.records] == [1, 2, 3, 4]
    assert floor.gate_plugin.receipts.failures == 0


async def test_a_run_keeps_its_warrant_though_tenuo_forgot_it_while_people_thought(floor: Floor) -> None:
    handle = await floor.start(agents.ForgivingAgent, "checkout")
    request = await floor.desk.requests.get()
    # As the coroutine of an instance does that was evicted, and ends late.
    forgotten = [key for key in _workflow_headers_store if request.run_id in key]
    assert forgotten
    for key in forgotten:
        del _workflow_headers_store[key]

    await send(floor.plain, request, decision(request, approvals=(approve(request, floor.keys.approver),)))

    assert await handle.result() == "restarted checkout"


async def test_an_ungated_call_is_not_stopped(floor: Floor) -> None:
    handle = await floor.start(agents.ContinuingAgent, 1, warrant=floor.keys.warrant({"restart_service": {}}, {}))
    assert await handle.result() == "restarted checkout"
    assert floor.desk.requests.empty()


async def test_a_denial_reaches_the_workflow_with_its_reason(floor: Floor) -> None:
    handle = await floor.start(agents.ForgivingAgent, "checkout")
    request = await floor.desk.requests.get()
    await send(
        floor.plain, request, decision(request, denials=(deny(request, floor.keys.approver, "Not during sales."),))
    )
    assert await handle.result() == "APPROVAL_DENIED: A person denied restart_service: Not during sales."
    assert (await asyncio.wait_for(_outcome(floor), 20)).status == OutcomeStatus.DENIED
    assert agents.effects == []


async def test_a_denial_that_nobody_catches_fails_the_run_with_its_type(floor: Floor) -> None:
    handle = await floor.start(agents.PlainAgent, "checkout")
    request = await floor.desk.requests.get()
    await send(floor.plain, request, decision(request, denials=(deny(request, floor.keys.second),)))
    with pytest.raises(WorkflowFailureError) as failure:
        await handle.result()
    assert failure.value.cause.type == "APPROVAL_DENIED"  # type: ignore[union-attr]
    report = await floor.desk.reports.get()
    assert report.run is not None
    assert report.run.status == "failed"


class TestNobodyAnswers:
    @pytest.fixture
    def gate_settings(self, gate_settings: GateSettings) -> GateSettings:
        return GateSettings(
            request_lifetime_seconds=3,
            delivery_grace_seconds=0,
            approvals_task_queue=gate_settings.approvals_task_queue,
        )

    async def test_silence_ends_as_expiry_in_nobodys_name(self, floor: Floor) -> None:
        handle = await floor.start(agents.ForgivingAgent, "checkout")
        result = await handle.result()
        assert result == "APPROVAL_EXPIRED: Nobody decided on restart_service in time."
        assert (await asyncio.wait_for(_outcome(floor), 20)).status == OutcomeStatus.EXPIRED
        assert agents.effects == []


async def test_parallel_calls_and_a_child_are_decided_in_any_order(floor: Floor) -> None:
    handle = await floor.start(agents.ParallelAgent, ["checkout", "payments", "search"])
    requests = [await floor.desk.requests.get() for _ in range(3)]
    for request in reversed(requests):
        await send(floor.plain, request, decision(request, approvals=(approve(request, floor.keys.approver),)))
    assert sorted(await handle.result()) == ["restarted checkout", "restarted payments", "restarted search"]
    assert sorted(agents.effects) == ["checkout/production", "payments/production", "search/production"]


async def test_one_parallel_call_is_denied_and_the_other_runs(floor: Floor) -> None:
    handle = await floor.start(agents.ParallelAgent, ["checkout", "search"])
    for request in [await floor.desk.requests.get() for _ in range(2)]:
        if request.workflow_id.endswith("-child"):
            await send(floor.plain, request, decision(request, denials=(deny(request, floor.keys.approver),)))
        else:
            await send(floor.plain, request, decision(request, approvals=(approve(request, floor.keys.approver),)))
    assert (await handle.result())[0] == "restarted checkout"
    assert agents.effects == ["checkout/production"]


async def test_the_next_run_of_continue_as_new_asks_anew_and_knows_what_happened(floor: Floor) -> None:
    handle = await floor.start(agents.ContinuingAgent, 2)
    first = await floor.desk.requests.get()
    await send(floor.plain, first, decision(first, approvals=(approve(first, floor.keys.approver),)))
    second = await floor.desk.requests.get()
    assert second.run_id != first.run_id
    assert [call.verdict for call in second.history] == [CallVerdict.GATED, CallVerdict.ALLOWED, CallVerdict.GATED]
    await send(floor.plain, second, decision(second, approvals=(approve(second, floor.keys.approver),)))
    assert await handle.result() == "restarted checkout"
    assert agents.effects == ["checkout/production"] * 2


async def test_two_signatures_are_collected_from_two_signals(floor: Floor) -> None:
    handle = await floor.start(agents.ForgivingAgent, "checkout", min_approvals=2)
    request = await floor.desk.requests.get()
    await send(floor.plain, request, decision(request, approvals=(approve(request, floor.keys.approver),)))
    await send(floor.plain, request, decision(request, approvals=(approve(request, floor.keys.approver),)))
    assert agents.effects == []
    await send(floor.plain, request, decision(request, approvals=(approve(request, floor.keys.second),)))
    assert await handle.result() == "restarted checkout"


async def test_a_decision_that_comes_early_is_kept(floor: Floor) -> None:
    async def decide_at_once(request) -> None:  # type: ignore[no-untyped-def]
        await send(floor.plain, request, decision(request, approvals=(approve(request, floor.keys.approver),)))

    floor.desk.on_open = decide_at_once
    handle = await floor.start(agents.ForgivingAgent, "checkout")
    assert await handle.result() == "restarted checkout"


async def test_a_decision_that_comes_twice_runs_the_call_once(floor: Floor) -> None:
    handle = await floor.start(agents.ForgivingAgent, "checkout")
    request = await floor.desk.requests.get()
    message = decision(request, approvals=(approve(request, floor.keys.approver),))
    await asyncio.gather(*[send(floor.plain, request, message) for _ in range(5)])
    assert await handle.result() == "restarted checkout"
    assert agents.effects == ["checkout/production"]


async def test_a_call_that_the_workflow_cancels_is_withdrawn(floor: Floor) -> None:
    handle = await floor.start(agents.CancellingAgent)
    assert await handle.result() == "moved on"
    outcome = await asyncio.wait_for(_outcome(floor), 20)
    assert outcome.status == OutcomeStatus.WITHDRAWN
    assert agents.effects == []


async def _outcome(floor: Floor):  # type: ignore[no-untyped-def]
    """Return the outcome, reported by an activity or by the closing report."""
    while True:
        if not floor.desk.outcomes.empty():
            return floor.desk.outcomes.get_nowait()
        if not floor.desk.reports.empty():
            report = floor.desk.reports.get_nowait()
            if report.outcomes:
                return report.outcomes[0]
        await asyncio.sleep(0.05)


async def test_a_cancelled_run_withdraws_its_request_and_reports_its_end(floor: Floor) -> None:
    handle = await floor.start(agents.PlainAgent, "checkout")
    await floor.desk.requests.get()
    await handle.cancel()
    with pytest.raises(WorkflowFailureError):
        await handle.result()
    report = await floor.desk.reports.get()
    assert report.run is not None
    assert report.run.status == "cancelled"
    assert (
        await asyncio.wait_for(floor.desk.outcomes.get(), 20) if not report.outcomes else report.outcomes[0]
    ).status == (OutcomeStatus.WITHDRAWN)
