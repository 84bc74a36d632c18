"""The real parts in one process: Temporal, Tenuo, both workers, the relay, the services and the database.

Only the agent is a stand-in, so that what it tried to do can be counted (``tests.gates.agents.effects``).
"""

from __future__ import annotations

import asyncio
import base64
import uuid
from collections.abc import AsyncIterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Any

import pytest
import pytest_asyncio
import tenuo_core
from asgiref.sync import sync_to_async
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from django.db import connections
from temporalio.client import Client, WorkflowHandle
from temporalio.testing import WorkflowEnvironment
from temporalio.worker import Worker
from tenuo.temporal import start_workflow_authorized

from accounts.keys.queries import keys_of
from approvals.contracts import APPROVALS_TASK_QUEUE, DECISION_SIGNAL
from approvals.decisions.services import record
from approvals.live import bus
from approvals.models import ApprovalRequest
from audit import custody
from audit.keys.contracts import Purpose
from audit.keys.queries import service_private_key
from audit.keys.services import ensure_service_key
from audit.rings.services import ensure_ring
from audit.statements.terms import terms_of
from tests.approvals import factories
from tests.approvals.factories import Approver, approver
from tests.gates import agents
from tests.issuing import private_key
from warrants.agents.queries import holder_keys
from warrants.agents.services import ensure_agent
from warrants.issuers.queries import trusted_roots
from warrants.issuers.services import ensure_issuer
from warrants.minting.contracts import Incident, MintedWarrant
from warrants.minting.services import mint
from workers.activities import ACTIVITIES
from workers.client import encrypted, with_plugins
from workers.closing_report import ClosingReportWorkflow
from workers.gates.plugin import GatePlugin
from workers.gates.receipts import ReceiptWriter
from workers.gates.settings import GateSettings
from workers.gates.setup import build_plugins
from workers.nonces import DatabaseNonceStore
from workers.receipts import DatabaseReceiptSink
from workers.relay import Relay
from workers.supervisor import cancel

WAIT = 30.0


@dataclass
class House:
    """A running installation. ``ada`` is the one approver whom its warrants name."""

    plain: Client
    guarded: Client
    tenuo_plugin: Any
    ada: Approver
    settings: GateSettings
    agent_queue: str
    gate_plugin: GatePlugin
    warrants: list[MintedWarrant] = field(default_factory=list)
    relay: asyncio.Task[None] | None = None

    @property
    def warrant(self) -> MintedWarrant:
        return self.warrants[-1]

    @property
    def policy_version(self) -> str:
        return terms_of([tenuo_core.Warrant.from_bytes(self.warrant.chain[0])]).policy_label

    def start_relay(self) -> None:
        self.relay = asyncio.create_task(Relay(self.plain, poll_seconds=0.2).run())

    async def stop_relay(self) -> None:
        if self.relay is not None:
            await cancel(self.relay)

    async def start(self, run: Any, *args: Any, chain: list[bytes] | None = None) -> WorkflowHandle[Any, Any]:
        """Start an agent under the house's warrant, or under ``chain``, root first."""
        warrants = [tenuo_core.Warrant.from_bytes(data) for data in chain or self.warrant.chain]
        return await start_workflow_authorized(
            client=self.guarded,
            client_interceptor=self.tenuo_plugin.client_interceptor,
            workflow_run_fn=run,
            args=list(args),
            warrant=warrants[-1],
            warrant_chain=warrants,
            key_id=self.warrant.key_id,
            workflow_id=f"run-{uuid.uuid4().hex[:12]}",
            task_queue=self.agent_queue,
        )

    async def waiting(self) -> tuple[WorkflowHandle[Any, Any], ApprovalRequest]:
        """Start an agent and return it with the request that its gated call waits for."""
        handle = await self.start(agents.ForgivingAgent.run, "checkout")
        return handle, await self.request_of(handle)

    async def request_of(self, handle: WorkflowHandle[Any, Any]) -> ApprovalRequest:
        return await eventually(ApprovalRequest.objects.filter(workflow_id=handle.id).afirst)

    async def signal(self, handle: WorkflowHandle[Any, Any], message: Any) -> None:
        await self.plain.get_workflow_handle(handle.id).signal(DECISION_SIGNAL, message)

    async def approve(self, waiting: ApprovalRequest) -> bytes:
        """Let Ada approve as her browser would; return what she signed."""
        signed = self.ada.sign_approval(waiting)
        await sync_to_async(record)(person=self.ada.person, request_id=waiting.pk, approval=signed)
        return signed


async def eventually(ask: Any) -> Any:
    """Return the first answer that is something; ask again whenever the application says that anything changed."""
    async with asyncio.timeout(WAIT), bus.subscribe() as events:
        while True:
            if answer := await ask():
                return answer
            try:
                await asyncio.wait_for(anext(events), 0.2)
            except TimeoutError:
                continue


def approvals_message(waiting: ApprovalRequest, *approvals: bytes) -> dict[str, Any]:
    return {"request_id": waiting.pk, "approvals": [base64.b64encode(data).decode() for data in approvals]}


def denials_message(waiting: ApprovalRequest, *denials: bytes) -> dict[str, Any]:
    return {"request_id": waiting.pk, "denials": [base64.b64encode(data).decode() for data in denials]}


def server_keys() -> dict[str, Ed25519PrivateKey]:
    """Return every private key that the database and ``KEY_ENCRYPTION_KEY`` open."""
    agent = ensure_agent(name="incident-agent")
    holder = custody.unwrap(bytes(agent.wrapped_private_key), purpose=f"agent-key:{agent.name}")
    return {
        "issuer": private_key(ensure_issuer()),
        "agent": Ed25519PrivateKey.from_private_bytes(holder),
        "ledger": service_private_key(Purpose.LEDGER),
        "receipts": service_private_key(Purpose.RECEIPTS),
    }


def _set_up() -> tuple[Approver, MintedWarrant]:
    ada = approver("ada")
    for purpose in Purpose:
        ensure_service_key(purpose=purpose)
    ensure_ring(namespace="default")
    incident = Incident(f"P{uuid.uuid4().hex[:8]}", "High error rate", "high", "checkout", "default")
    agent = ensure_agent(name="incident-agent")
    return ada, mint(policy="incident-response", incident=incident, agent=agent, approvers=list(keys_of(ada.person)))


@asynccontextmanager
async def guarded_worker(
    plain: Client, queue: str, settings: GateSettings, **trust: Any
) -> AsyncIterator[tuple[Client, Any, GatePlugin]]:
    """Run a guarded worker with the database's stores, or the ``nonces`` given; yield its client and both plugins."""
    sink, nonces = DatabaseReceiptSink(), ThreadPoolExecutor(2, thread_name_prefix="nonces")
    holders, roots, receipts = await sync_to_async(
        lambda: (holder_keys(), trusted_roots(), service_private_key(Purpose.RECEIPTS).private_bytes_raw())
    )()
    tenuo_plugin, gate_plugin = build_plugins(
        activities=agents.ACTIVITIES,
        holder_keys=holders,
        trusted_roots=roots,
        receipts=ReceiptWriter(sink=sink, signing_key=receipts, worker=f"test-{uuid.uuid4().hex}"),
        settings=settings,
        **{"nonces": DatabaseNonceStore(nonces), **trust},
    )
    guarded = with_plugins(plain, [tenuo_plugin, gate_plugin])
    try:
        async with Worker(guarded, task_queue=queue, workflows=agents.WORKFLOWS, activities=agents.ACTIVITIES):
            yield guarded, tenuo_plugin, gate_plugin
    finally:
        await asyncio.to_thread(sink.close)
        await asyncio.to_thread(nonces.shutdown)


@pytest.fixture
def gate_settings() -> GateSettings:
    return GateSettings(approvals_task_queue=f"{APPROVALS_TASK_QUEUE}-{uuid.uuid4().hex[:8]}")


@pytest.fixture
def trust() -> dict[str, Any]:
    """What the worker believes on its own account, as ``build_plugins`` takes it: people roots and floors."""
    return {}


@pytest.fixture
def approvals_activities() -> list[Any]:
    """The application's own activities; a test may put a lying application in their place."""
    return list(ACTIVITIES)


@pytest.fixture
def ada(db: None) -> Approver:
    return factories.approver("ada")


@pytest.fixture
def waiting(ada: Approver) -> ApprovalRequest:
    """A request of an imagined run that waits for Ada."""
    return factories.open_request(ada)


@pytest_asyncio.fixture(loop_scope="session")
async def house(
    live_temporal: WorkflowEnvironment,
    transactional_db: None,
    gate_settings: GateSettings,
    approvals_activities: list[Any],
    trust: dict[str, Any],
) -> AsyncIterator[House]:
    agents.effects.clear()
    ada, warrant = await sync_to_async(_set_up)()
    plain, queue = encrypted(live_temporal.client), f"agents-{uuid.uuid4().hex[:8]}"
    executor = ThreadPoolExecutor(2, thread_name_prefix="approvals")
    approvals = Worker(
        plain,
        task_queue=gate_settings.approvals_task_queue,
        workflows=[ClosingReportWorkflow],
        activities=approvals_activities,
        activity_executor=executor,
    )
    async with approvals, guarded_worker(plain, queue, gate_settings, **trust) as (guarded, tenuo_plugin, gate_plugin):
        made = House(plain, guarded, tenuo_plugin, ada, gate_settings, queue, gate_plugin, [warrant])
        made.start_relay()
        yield made
    await made.stop_relay()
    # The database is emptied next: no thread may be writing still.
    await asyncio.to_thread(executor.shutdown)
    await bus.stop()
    await sync_to_async(connections.close_all)()
