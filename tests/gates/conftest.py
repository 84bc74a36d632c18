from __future__ import annotations

import uuid
from collections.abc import AsyncIterator
from dataclasses import dataclass
from typing import Any

import pytest
from temporalio.client import Client, WorkflowHandle
from temporalio.testing import WorkflowEnvironment
from temporalio.worker import Worker
from tenuo import OneOf
from tenuo.temporal import start_workflow_authorized

from approvals.contracts import APPROVALS_TASK_QUEUE
from tests.gates import agents
from tests.gates.closing import ClosingReportDesk
from tests.gates.people import Desk, Keys
from workers.gates import floors as gate_floors
from workers.gates.nonces import InMemoryNonceStore
from workers.gates.plugin import GatePlugin
from workers.gates.receipts import InMemoryReceiptSink, ReceiptWriter
from workers.gates.settings import GateSettings
from workers.gates.setup import build_plugins

CAPABILITIES = {
    "read_logs": {"service": OneOf(["checkout", "payments", "search"])},
    "restart_service": {
        "service": OneOf(["checkout", "payments", "search"]),
        "environment": OneOf(["production", "staging"]),
    },
}
GATES = {"restart_service": {"environment": {"exempt": OneOf(["staging"])}}}


@dataclass
class Floor:
    """A running agent worker with the two plugins, and the desk that takes its requests."""

    client: Client
    plain: Client
    keys: Keys
    desk: Desk
    sink: InMemoryReceiptSink
    nonces: InMemoryNonceStore
    gate_plugin: GatePlugin
    tenuo_plugin: Any
    task_queue: str

    async def start(self, workflow: Any, *args: Any, **options: Any) -> WorkflowHandle[Any, Any]:
        chain = options.pop("chain", None)
        warrant = (
            chain[-1] if chain else options.pop("warrant", None) or self.keys.warrant(CAPABILITIES, GATES, **options)
        )
        return await start_workflow_authorized(
            client=self.client,
            client_interceptor=self.tenuo_plugin.client_interceptor,
            workflow_run_fn=workflow.run,
            args=list(args),
            warrant=warrant,
            warrant_chain=chain,
            key_id="agent",
            workflow_id=f"run-{uuid.uuid4().hex[:12]}",
            task_queue=self.task_queue,
        )


@pytest.fixture
def gate_settings() -> GateSettings:
    return GateSettings(approvals_task_queue=f"{APPROVALS_TASK_QUEUE}-{uuid.uuid4().hex[:8]}")


@pytest.fixture
def keys() -> Keys:
    return Keys()


@pytest.fixture
def people_roots() -> list[bytes] | None:
    """The people roots that the worker pins; None for a worker that was given none."""
    return None


@pytest.fixture
def floors() -> dict[str, gate_floors.Floor]:
    """What the worker asks about on its own account."""
    return {}


@pytest.fixture
async def floor(
    live_temporal: WorkflowEnvironment,
    gate_settings: GateSettings,
    keys: Keys,
    people_roots: list[bytes] | None,
    floors: dict[str, gate_floors.Floor],
) -> AsyncIterator[Floor]:
    desk, sink, nonces = Desk(), InMemoryReceiptSink(), InMemoryNonceStore()
    agents.effects.clear()
    tenuo_plugin, gate_plugin = build_plugins(
        activities=agents.ACTIVITIES,
        holder_keys={"agent": bytes(keys.holder.secret_key_bytes())},
        trusted_roots=[keys.root],
        receipts=ReceiptWriter(sink=sink, signing_key=b"\x07" * 32, worker=f"test-{uuid.uuid4().hex}"),
        nonces=nonces,
        settings=gate_settings,
        people_roots=people_roots,
        floors=floors,
    )
    plain = await Client.connect(live_temporal.client.service_client.config.target_host)
    client = await Client.connect(plain.service_client.config.target_host, plugins=[tenuo_plugin, gate_plugin])
    task_queue = f"agents-{uuid.uuid4().hex[:8]}"
    async with (
        Worker(client, task_queue=task_queue, workflows=agents.WORKFLOWS, activities=agents.ACTIVITIES),
        Worker(
            plain,
            task_queue=gate_settings.approvals_task_queue,
            workflows=[ClosingReportDesk],
            activities=desk.activities,
        ),
    ):
        yield Floor(client, plain, keys, desk, sink, nonces, gate_plugin, tenuo_plugin, task_queue)
