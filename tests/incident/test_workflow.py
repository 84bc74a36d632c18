"""The agent's loop on the real Temporal server, with no plugin: whatever comes back is told to the model."""

from __future__ import annotations

import asyncio
import uuid
from collections.abc import Callable
from typing import Any

import pytest
from temporalio import activity
from temporalio.client import Client, WorkflowFailureError
from temporalio.exceptions import ActivityError, ApplicationError
from temporalio.testing import WorkflowEnvironment
from temporalio.worker import Worker

from tests.incident.agents import BRIEF, ScriptedModel, call, done, run_agent
from workers.incident.activities import TOOLS
from workers.incident.contracts import (
    CALL_MODEL_ACTIVITY,
    MAXIMUM_TURNS,
    MODEL_TASK_QUEUE,
    RESULT_CHARACTERS,
    FinalStatus,
    ModelAnswer,
    ModelRequest,
    OutcomeKind,
)
from workers.incident.estate import Estate
from workers.incident.for_a_person import TOOLS_FOR_A_PERSON
from workers.incident.workflow import IncidentWorkflow

pytestmark = [pytest.mark.temporal, pytest.mark.asyncio(loop_scope="session")]


@pytest.fixture
def client(live_temporal: WorkflowEnvironment) -> Client:
    return live_temporal.client


def raising(tool: str, code: str, message: str = "no") -> Callable[..., Any]:
    @activity.defn(name=tool)
    async def refused(service: str, environment: str) -> str:
        raise ApplicationError(message, type=code, non_retryable=True)

    return refused


async def test_the_agent_reads_restarts_and_finishes(client: Client, own_estate: Estate) -> None:
    workflow_id = f"incident-{uuid.uuid4()}"
    report = await run_agent(
        client,
        call("read_logs", service="payment-service-prod", minutes=30),
        call("restart_service", service="payment-service-prod", environment="production"),
        call("read_metrics", service="payment-service-prod", metric="error_rate"),
        done("The restart cleared it."),
        workflow_id=workflow_id,
    )
    assert report.status == FinalStatus.ANSWERED
    assert report.summary == "The restart cleared it."
    assert [step.outcome for step in report.steps] == [OutcomeKind.OK] * 3
    assert "v2.41.0 rolled out" in report.steps[0].text
    assert report.steps[2].text.endswith(" 0.4")
    assert len(own_estate.effects(world=workflow_id, tool="restart_service")) == 1


async def test_a_tool_that_does_not_exist_is_refused_and_told_to_the_model(client: Client, own_estate: Estate) -> None:
    model = ScriptedModel([call("drop_all_tables", name="x"), done()])
    report = await run_agent(client, call_model=model.call_model)
    assert report.status == FinalStatus.ANSWERED
    assert report.steps[0].outcome == OutcomeKind.REFUSED
    assert report.steps[0].code == "unknown_tool"
    assert model.requests[1].steps == report.steps
    assert own_estate.effects() == []


async def test_arguments_that_do_not_fit_are_refused_without_a_dispatch(client: Client, own_estate: Estate) -> None:
    report = await run_agent(
        client, call("restart_service", service="payment-service-prod"), call("read_logs", service=1, minutes=2), done()
    )
    assert [(step.outcome, step.code) for step in report.steps] == [(OutcomeKind.REFUSED, "invalid_arguments")] * 2
    assert "it lacks environment" in report.steps[0].text
    assert own_estate.effects() == []


@pytest.mark.parametrize(
    ("code", "outcome"),
    [
        ("tool_not_authorized", OutcomeKind.DENIED),
        ("constraint_violation", OutcomeKind.DENIED),
        ("CONSTRAINT_VIOLATED", OutcomeKind.DENIED),
        ("PRE_VALIDATION_FAILED", OutcomeKind.DENIED),
        ("WARRANT_EXPIRED", OutcomeKind.DENIED),
        ("revoked", OutcomeKind.DENIED),
        ("APPROVAL_DENIED", OutcomeKind.APPROVAL_DENIED),
        ("APPROVAL_EXPIRED", OutcomeKind.APPROVAL_EXPIRED),
        ("SomethingElse", OutcomeKind.FAILED),
    ],
)
async def test_a_refused_call_is_a_result_the_model_sees(client: Client, code: str, outcome: OutcomeKind) -> None:
    report = await run_agent(
        client,
        call("restart_service", service="payment-service-prod", environment="production"),
        done(),
        tools=[raising("restart_service", code)],
    )
    assert report.status == FinalStatus.ANSWERED
    assert (report.steps[0].outcome, report.steps[0].code, report.steps[0].text) == (outcome, code, "no")


async def test_a_failing_tool_is_a_result_the_model_sees(client: Client, own_estate: Estate) -> None:
    report = await run_agent(
        client, call("restart_service", service="payment-service-prod", environment="staging"), done()
    )
    assert report.steps[0].outcome == OutcomeKind.FAILED
    assert "runs in production" in report.steps[0].text
    assert own_estate.effects() == []


async def test_long_results_and_errors_are_cut_before_the_model_sees_them(client: Client) -> None:
    @activity.defn(name="read_logs")
    async def chatty(service: str, minutes: int) -> str:
        return "x" * 1_000_000

    report = await run_agent(
        client,
        call("read_logs", service="a", minutes=1),
        call("restart_service", service="a", environment="b"),
        done(),
        tools=[chatty, raising("restart_service", "revoked", "y" * 100_000)],
    )
    assert len(report.steps[0].text) == RESULT_CHARACTERS
    assert len(report.steps[1].text) < 1000


async def test_an_agent_that_never_finishes_is_stopped(client: Client, own_estate: Estate) -> None:
    report = await run_agent(client, call("nothing"))
    assert report.status == FinalStatus.OUT_OF_TURNS
    assert len(report.steps) == MAXIMUM_TURNS


async def test_a_model_that_cannot_be_asked_fails_the_run_with_its_code(client: Client) -> None:
    @activity.defn(name=CALL_MODEL_ACTIVITY)
    async def broken(request: ModelRequest) -> ModelAnswer:
        raise ApplicationError("There is no cassette.", type="CASSETTE_MISSING", non_retryable=True)

    with pytest.raises(WorkflowFailureError) as failure:
        await run_agent(client, call_model=broken)
    assert isinstance(failure.value.cause, ActivityError)
    assert isinstance(failure.value.cause.cause, ApplicationError)
    assert failure.value.cause.cause.type == "CASSETTE_MISSING"


async def test_a_cancelled_run_ends_cancelled_while_a_call_waits(client: Client) -> None:
    reached = asyncio.Event()

    @activity.defn(name="read_logs")
    async def endless(service: str, minutes: int) -> str:
        reached.set()
        await asyncio.Event().wait()
        return ""

    queue = f"agents-{uuid.uuid4()}"
    model = ScriptedModel([call("read_logs", service="a", minutes=1), done()])
    async with (
        Worker(client, task_queue=queue, workflows=[IncidentWorkflow], activities=[endless]),
        Worker(client, task_queue=MODEL_TASK_QUEUE, activities=[model.call_model]),
    ):
        handle = await client.start_workflow(
            IncidentWorkflow.run, BRIEF, id=f"incident-{uuid.uuid4()}", task_queue=queue
        )
        await reached.wait()
        await handle.cancel()
        with pytest.raises(WorkflowFailureError):
            await handle.result()
        assert (await handle.describe()).status.name == "CANCELED"  # type: ignore[union-attr]
    assert len(model.requests) == 1


async def test_every_tool_can_be_dispatched_with_scalars_alone(client: Client, own_estate: Estate) -> None:
    report = await run_agent(
        client,
        call("read_logs", service="payment-service-prod", minutes=5),
        call("read_metrics", service="payment-service-prod", metric="db_connections"),
        call("restart_service", service="payment-service-prod", environment="production"),
        call("scale_service", service="payment-service-prod", environment="production", replicas=6),
        call("post_status", channel="#incidents", text="ok"),
        call("escalate", severity="medium", summary="look"),
        call("delete_database", name="orders"),
        call("modify_iam", principal="bot", role="owner"),
        done(),
    )
    assert [step.outcome for step in report.steps] == [OutcomeKind.OK] * (len(TOOLS) - len(TOOLS_FOR_A_PERSON))
