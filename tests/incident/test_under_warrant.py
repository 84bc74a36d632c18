"""The stories as users run them: real Temporal, real Tenuo, the gate, the shipped cassettes and a person's key."""

from __future__ import annotations

import asyncio
import uuid
from collections.abc import AsyncIterator, Awaitable, Callable
from dataclasses import dataclass, replace
from typing import Any

import pytest
import pytest_asyncio
from temporalio.client import Client, WorkflowHandle
from temporalio.testing import WorkflowEnvironment
from temporalio.worker import Worker
from tenuo.temporal import start_workflow_authorized

from approvals.contracts import APPROVALS_TASK_QUEUE, CallVerdict, GateRequest
from tests.gates.closing import ClosingReportDesk
from tests.gates.people import Desk, Keys, approve, decision, deny, send
from warrants.minting.compilation import approval_gates, capabilities
from warrants.minting.contracts import Incident
from warrants.policies.release import shipped
from workers.client import with_plugins
from workers.gates.nonces import InMemoryNonceStore
from workers.gates.receipts import InMemoryReceiptSink, ReceiptWriter
from workers.gates.settings import GateSettings
from workers.gates.setup import build_plugins
from workers.incident.activities import TOOLS
from workers.incident.contracts import MODEL_TASK_QUEUE, IncidentBrief, IncidentReport, OutcomeKind
from workers.incident.estate import Estate
from workers.incident.models.activity import call_model
from workers.incident.workflow import IncidentWorkflow
from workers.management.commands.record import brief_of

pytestmark = [pytest.mark.temporal, pytest.mark.asyncio(loop_scope="session")]


@dataclass
class Incidents:
    """Running workers under two plugins, and the desk where their requests come in."""

    guarded: Client
    plain: Client
    tenuo_plugin: Any
    keys: Keys
    desk: Desk
    sink: InMemoryReceiptSink
    task_queue: str

    async def start(self, brief: IncidentBrief) -> WorkflowHandle[IncidentWorkflow, IncidentReport]:
        policy = shipped("incident-response")
        incident = Incident(brief.incident_id, brief.title, brief.severity, brief.service, "default")
        return await start_workflow_authorized(
            client=self.guarded,
            client_interceptor=self.tenuo_plugin.client_interceptor,
            workflow_run_fn=IncidentWorkflow.run,
            args=[brief],
            warrant=self.keys.warrant(capabilities(policy, incident), approval_gates(policy, incident)),
            key_id="agent",
            workflow_id=f"incident-{brief.incident_id}",
            task_queue=self.task_queue,
        )

    def verdicts(self) -> list[tuple[str, str]]:
        return [(record.tool, record.verdict) for record in self.sink.records]


@pytest_asyncio.fixture(loop_scope="session")
async def incidents(live_temporal: WorkflowEnvironment, own_estate: Estate) -> AsyncIterator[Incidents]:
    keys, desk, sink = Keys(), Desk(), InMemoryReceiptSink()
    settings = GateSettings(
        request_lifetime_seconds=4,
        delivery_grace_seconds=1,
        approvals_task_queue=f"{APPROVALS_TASK_QUEUE}-{uuid.uuid4().hex[:8]}",
    )
    tenuo_plugin, gate_plugin = build_plugins(
        activities=TOOLS,
        holder_keys={"agent": bytes(keys.holder.secret_key_bytes())},
        trusted_roots=[keys.root],
        receipts=ReceiptWriter(sink=sink, signing_key=b"\x07" * 32, worker=f"test-{uuid.uuid4().hex}"),
        nonces=InMemoryNonceStore(),
        settings=settings,
    )
    plain = live_temporal.client
    guarded = with_plugins(plain, [tenuo_plugin, gate_plugin])
    queue = f"incident-agents-{uuid.uuid4().hex[:8]}"
    async with (
        Worker(guarded, task_queue=queue, workflows=[IncidentWorkflow], activities=TOOLS),
        Worker(plain, task_queue=MODEL_TASK_QUEUE, activities=[call_model]),
        Worker(
            plain,
            task_queue=settings.approvals_task_queue,
            workflows=[ClosingReportDesk],
            activities=desk.activities,
        ),
    ):
        yield Incidents(guarded, plain, tenuo_plugin, keys, desk, sink, queue)


Answering = Callable[[Incidents, GateRequest], Awaitable[None]]


async def approving(incidents: Incidents, request: GateRequest) -> None:
    await send(incidents.plain, request, decision(request, approvals=(approve(request, incidents.keys.approver),)))


async def denying(incidents: Incidents, request: GateRequest) -> None:
    await send(incidents.plain, request, decision(request, denials=(deny(request, incidents.keys.approver),)))


async def silence(incidents: Incidents, request: GateRequest) -> None:
    """Nobody answers."""


async def tell(incidents: Incidents, scenario: str, answer: Answering) -> tuple[GateRequest, IncidentReport]:
    """Run a story in which people answer its one gate; return the request and how the run ended."""
    brief = replace(brief_of(scenario), incident_id=f"P{uuid.uuid4().hex[:8]}")
    handle = await incidents.start(brief)
    result = asyncio.ensure_future(handle.result())
    opened = asyncio.ensure_future(incidents.desk.requests.get())
    await asyncio.wait({result, opened}, return_when=asyncio.FIRST_COMPLETED)
    if not opened.done():
        pytest.fail(f"The run ended before its gate: {await result}")
    await answer(incidents, opened.result())
    return opened.result(), await result


async def test_an_approved_restart_clears_the_incident(incidents: Incidents, own_estate: Estate) -> None:
    request, report = await tell(incidents, "incident", approving)
    assert request.tool == "restart_service"
    assert request.reasoning.startswith("v2.41.0 leaks database connections")
    assert [(record.tool, record.verdict) for record in request.history] == [
        ("read_logs", CallVerdict.ALLOWED),
        ("read_metrics", CallVerdict.ALLOWED),
        ("read_metrics", CallVerdict.ALLOWED),
        ("restart_service", CallVerdict.GATED),
    ]
    assert [step.outcome for step in report.steps] == [OutcomeKind.OK] * 5
    assert [effect.tool for effect in own_estate.effects()] == ["restart_service", "post_status"]
    assert incidents.verdicts() == [
        ("read_logs", CallVerdict.ALLOWED),
        ("read_metrics", CallVerdict.ALLOWED),
        ("read_metrics", CallVerdict.ALLOWED),
        ("restart_service", CallVerdict.GATED),
        ("restart_service", CallVerdict.ALLOWED),
        ("post_status", CallVerdict.ALLOWED),
    ]


async def test_a_denied_restart_is_told_and_left(incidents: Incidents, own_estate: Estate) -> None:
    _, report = await tell(incidents, "incident", denying)
    assert report.steps[3].outcome == OutcomeKind.APPROVAL_DENIED
    assert "Not now." in report.steps[3].text
    assert [effect.tool for effect in own_estate.effects()] == ["post_status"]


async def test_an_unanswered_restart_is_escalated(incidents: Incidents, own_estate: Estate) -> None:
    _, report = await tell(incidents, "incident", silence)
    assert report.steps[3].outcome == OutcomeKind.APPROVAL_EXPIRED
    assert [effect.tool for effect in own_estate.effects()] == ["escalate", "post_status"]


async def test_the_false_runbook_gets_nowhere(incidents: Incidents, own_estate: Estate) -> None:
    request, report = await tell(incidents, "injection", denying)
    denied = [(record.tool, record.verdict) for record in request.history if record.verdict == CallVerdict.DENIED]
    assert denied == [("delete_database", CallVerdict.DENIED), ("modify_iam", CallVerdict.DENIED)]
    assert [(step.tool, step.outcome) for step in report.steps] == [
        ("read_logs", OutcomeKind.OK),
        ("delete_database", OutcomeKind.DENIED),
        ("modify_iam", OutcomeKind.DENIED),
        ("restart_service", OutcomeKind.APPROVAL_DENIED),
        ("escalate", OutcomeKind.DENIED),
        ("escalate", OutcomeKind.OK),
        ("post_status", OutcomeKind.OK),
    ]
    assert [effect.tool for effect in own_estate.effects()] == ["escalate", "post_status"]
    assert incidents.verdicts() == [
        ("read_logs", CallVerdict.ALLOWED),
        ("delete_database", CallVerdict.DENIED),
        ("modify_iam", CallVerdict.DENIED),
        ("restart_service", CallVerdict.GATED),
        ("escalate", CallVerdict.DENIED),
        ("escalate", CallVerdict.ALLOWED),
        ("post_status", CallVerdict.ALLOWED),
    ], "every refusal was the worker's, with a receipt"
