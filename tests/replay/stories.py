"""The stories whose histories are kept: how they are told, and by which workers.

Every key comes from a fixed seed. They protect nothing: the warrants are short lived and no root of
theirs is trusted anywhere.
"""

from __future__ import annotations

import asyncio
import time
import uuid
from collections.abc import Awaitable, Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass
from typing import Any
from unittest.mock import patch

import tenuo_core
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from temporalio.client import Client, WorkflowFailureError, WorkflowHandle
from temporalio.worker import Worker
from tenuo.temporal import start_workflow_authorized

from approvals.contracts import APPROVALS_TASK_QUEUE, GateRequest
from tests.gates import agents
from tests.gates.closing import ClosingReportDesk
from tests.gates.conftest import CAPABILITIES, GATES
from tests.gates.people import Desk, Keys, approve, decision, deny, send
from warrants.minting.compilation import approval_gates, capabilities
from warrants.minting.contracts import Incident
from warrants.policies.release import shipped
from workers.client import with_plugins
from workers.gates import activity_side
from workers.gates.nonces import InMemoryNonceStore
from workers.gates.receipts import InMemoryReceiptSink, ReceiptWriter
from workers.gates.settings import GateSettings
from workers.gates.setup import build_plugins
from workers.incident.activities import TOOLS
from workers.incident.contracts import MODEL_TASK_QUEUE
from workers.incident.models.activity import call_model
from workers.incident.workflow import IncidentWorkflow
from workers.management.commands.record import brief_of

HOLDER = "agent"
# Long enough for a story, so that the histories are soon replayed under expired warrants.
WARRANT_SECONDS = 60
WORKFLOWS = [*agents.WORKFLOWS, IncidentWorkflow]


def recording_keys() -> Keys:
    return Keys(
        issuer=tenuo_core.SigningKey.from_bytes(b"\x11" * 32),
        holder=tenuo_core.SigningKey.from_bytes(b"\x12" * 32),
        approver=Ed25519PrivateKey.from_private_bytes(b"\x13" * 32),
        second=Ed25519PrivateKey.from_private_bytes(b"\x14" * 32),
    )


def plugins_for(
    keys: Keys,
    activities: Sequence[Callable[..., Any]],
    settings: GateSettings | None = None,
    people_roots: Sequence[bytes] | None = None,
) -> list[Any]:
    """Return the two plugins of a worker that trusts ``keys.issuer`` and holds ``keys.holder``."""
    return list(
        build_plugins(
            activities=activities,
            holder_keys={HOLDER: bytes(keys.holder.secret_key_bytes())},
            trusted_roots=[keys.root],
            receipts=ReceiptWriter(sink=InMemoryReceiptSink(), signing_key=b"\x15" * 32, worker=uuid.uuid4().hex),
            nonces=InMemoryNonceStore(),
            settings=settings,
            people_roots=people_roots,
        )
    )


@dataclass
class Stage:
    """A running guarded worker, and the desk that takes its requests."""

    plain: Client
    guarded: Client
    tenuo_plugin: Any
    keys: Keys
    desk: Desk
    task_queue: str

    async def start(self, run: Any, *args: Any, warrant: tenuo_core.Warrant, name: str) -> WorkflowHandle[Any, Any]:
        return await start_workflow_authorized(
            client=self.guarded,
            client_interceptor=self.tenuo_plugin.client_interceptor,
            workflow_run_fn=run,
            args=list(args),
            warrant=warrant,
            key_id=HOLDER,
            workflow_id=f"replay-{name}",
            task_queue=self.task_queue,
        )

    async def agent(self, name: str, run: Any, *args: Any, **options: Any) -> WorkflowHandle[Any, Any]:
        warrant = self.keys.warrant(CAPABILITIES, GATES, ttl_seconds=WARRANT_SECONDS, **options)
        return await self.start(run, *args, warrant=warrant, name=name)

    async def incident(self, name: str, scenario: str) -> WorkflowHandle[Any, Any]:
        policy, brief = shipped("incident-response"), brief_of(scenario)
        about = Incident(brief.incident_id, brief.title, brief.severity, brief.service, "default")
        warrant = self.keys.warrant(
            capabilities(policy, about), approval_gates(policy, about), ttl_seconds=WARRANT_SECONDS
        )
        return await self.start(IncidentWorkflow.run, brief, warrant=warrant, name=name)

    async def approve(self, request: GateRequest, *, by_second: bool = False, **terms: Any) -> None:
        key = self.keys.second if by_second else self.keys.approver
        await send(self.plain, request, decision(request, approvals=(approve(request, key, **terms),)))

    async def deny(self, request: GateRequest, *, by_second: bool = False) -> None:
        key = self.keys.second if by_second else self.keys.approver
        await send(self.plain, request, decision(request, denials=(deny(request, key),)))


Told = list[tuple[str, str, str]]  # what to keep: file name, workflow id, run id ("" for the latest)


async def approved(stage: Stage) -> Told:
    handle = await stage.incident("incident-approved", "incident")
    await stage.approve(await stage.desk.requests.get())
    await handle.result()
    return [("incident-approved", handle.id, "")]


async def injected(stage: Stage) -> Told:
    handle = await stage.incident("injection-denied", "injection")
    await stage.deny(await stage.desk.requests.get())
    await handle.result()
    return [("injection-denied", handle.id, "")]


async def expired(stage: Stage) -> Told:
    handle = await stage.incident("incident-expired", "incident")
    await stage.desk.requests.get()
    await handle.result()
    return [("incident-expired", handle.id, "")]


async def parallel(stage: Stage) -> Told:
    handle = await stage.agent("parallel", agents.ParallelAgent.run, ["checkout", "payments", "search"])
    for request in reversed([await stage.desk.requests.get() for _ in range(3)]):
        await stage.approve(request)
    await handle.result()
    return [("parallel-parent", handle.id, ""), ("parallel-child", f"{handle.id}-child", "")]


async def continued(stage: Stage) -> Told:
    handle = await stage.agent("continued", agents.ContinuingAgent.run, 2)
    first = await stage.desk.requests.get()
    await stage.approve(first)
    second = await stage.desk.requests.get()
    await stage.approve(second)
    await handle.result()
    return [("continued-first", handle.id, first.run_id), ("continued-second", handle.id, second.run_id)]


async def cancelled(stage: Stage) -> Told:
    handle = await stage.agent("cancelled", agents.CancellingAgent.run)
    await handle.result()
    return [("cancelled-call", handle.id, "")]


async def two_approvals(stage: Stage) -> Told:
    handle = await stage.agent("two-approvals", agents.ForgivingAgent.run, "checkout", min_approvals=2)
    request = await stage.desk.requests.get()
    await stage.approve(request)
    await stage.approve(request, by_second=True)
    await handle.result()
    return [("two-approvals", handle.id, "")]


async def two_denials(stage: Stage) -> Told:
    handle = await stage.agent("two-denials", agents.ForgivingAgent.run, "checkout", one_denial_ends=False)
    request = await stage.desk.requests.get()
    await stage.deny(request)
    await stage.deny(request, by_second=True)
    await handle.result()
    return [("two-denials", handle.id, "")]


async def denied(stage: Stage) -> Told:
    handle = await stage.agent("denied", agents.ForgivingAgent.run, "checkout")
    await stage.deny(await stage.desk.requests.get())
    await handle.result()
    return [("denied", handle.id, "")]


async def unanswered(stage: Stage) -> Told:
    handle = await stage.agent("expired", agents.ForgivingAgent.run, "checkout")
    await stage.desk.requests.get()
    await handle.result()
    return [("expired", handle.id, "")]


async def late_for_the_workflow(stage: Stage) -> Told:
    handle = await stage.agent("reopened-workflow", agents.ForgivingAgent.run, "checkout")
    request, now = await stage.desk.requests.get(), int(time.time())
    await stage.approve(request, approved_at=now - 400, expires_at=now - 100)
    await stage.approve(await stage.desk.requests.get())
    await handle.result()
    return [("reopened-workflow", handle.id, "")]


async def late_for_the_worker(stage: Stage) -> Told:
    handle = await stage.agent("reopened-worker", agents.ForgivingAgent.run, "checkout")
    request = await stage.desk.requests.get()
    with patch.object(activity_side, "has_expired", return_value=True):
        await stage.approve(request)
        again = await stage.desk.requests.get()
    await stage.approve(again)
    await handle.result()
    return [("reopened-worker", handle.id, "")]


async def cancelled_run(stage: Stage) -> Told:
    handle = await stage.agent("cancelled-run", agents.ForgivingAgent.run, "checkout")
    await stage.desk.requests.get()
    await handle.cancel()
    with suppress(WorkflowFailureError):
        await handle.result()
    return [("cancelled-run", handle.id, "")]


Story = Callable[[Stage], Awaitable[Told]]
PATIENT = GateSettings()
IMPATIENT = GateSettings(request_lifetime_seconds=3, delivery_grace_seconds=1)
INCIDENTS: list[tuple[Story, GateSettings]] = [(approved, PATIENT), (injected, PATIENT), (expired, IMPATIENT)]
AGENTS: list[tuple[Story, GateSettings]] = [
    (unanswered, IMPATIENT),
    *(
        (story, PATIENT)
        for story in (
            denied, late_for_the_workflow, late_for_the_worker, parallel, continued, cancelled, cancelled_run,
            two_approvals, two_denials,
        )
    ),
]  # fmt: skip


async def tell(client: Client, story: Story, settings: GateSettings, *, is_incident: bool) -> Told:
    """Tell one story with workers of its own. ``client`` has no plugins."""
    activities = TOOLS if is_incident else agents.ACTIVITIES
    keys, desk, queue = recording_keys(), Desk(), f"replay-{uuid.uuid4().hex[:8]}"
    settings = GateSettings(
        request_lifetime_seconds=settings.request_lifetime_seconds,
        delivery_grace_seconds=settings.delivery_grace_seconds,
        approvals_task_queue=f"{APPROVALS_TASK_QUEUE}-{queue}",
    )
    plugins = plugins_for(keys, activities, settings)
    guarded = with_plugins(client, plugins)
    async with (
        Worker(guarded, task_queue=queue, workflows=WORKFLOWS, activities=activities),
        Worker(client, task_queue=MODEL_TASK_QUEUE, activities=[call_model]),
        Worker(
            client,
            task_queue=settings.approvals_task_queue,
            workflows=[ClosingReportDesk],
            activities=desk.activities,
        ),
    ):
        return await asyncio.wait_for(story(Stage(client, guarded, plugins[0], keys, desk, queue)), 60)
