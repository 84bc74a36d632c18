"""A running installation that answers through Nexus: real Temporal, real endpoints, the relay and the database."""

from __future__ import annotations

import asyncio
import secrets
import uuid
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack
from dataclasses import dataclass
from datetime import timedelta
from functools import partial
from typing import Any

import pytest
import pytest_asyncio
from asgiref.sync import sync_to_async
from django.db import connections
from google.protobuf.duration_pb2 import Duration
from nexusrpc import HandlerError
from pytest_django import Settings
from temporalio.api.workflowservice.v1 import RegisterNamespaceRequest
from temporalio.client import Client, WorkflowFailureError, WorkflowHandle
from temporalio.exceptions import NexusOperationError
from temporalio.service import RPCError
from temporalio.testing import WorkflowEnvironment
from temporalio.worker import Worker

from approvals.decisions.services import record
from approvals.live import bus
from approvals.models import ApprovalRequest
from audit.export.services import bundle_of
from audit.keys.contracts import Purpose
from audit.keys.services import ensure_service_key
from audit.rings.queries import ring_of
from audit.rings.services import ensure_ring
from audit.sealing import Ring
from audit.verify.report import Report
from audit.verify.verifier import verify
from tests.approvals.factories import Approver, approver
from tests.endorsing import ROOT
from tests.nexus.callers import TeamWorkflow
from warrants.issuers.queries import trusted_roots
from warrants.issuers.services import ensure_issuer
from workers.activities import build_approvals_worker
from workers.answers.contracts import NEXUS_TASK_QUEUE
from workers.client import encrypted, in_namespace
from workers.codec.converter import client_options
from workers.codec.exchanges import Exchanges
from workers.codec.rings import FixedRings
from workers.crew import nonce_store
from workers.gates.settings import GateSettings
from workers.nexus import crew as nexus_crew
from workers.nexus.crew import Shared, assemble_nexus
from workers.nexus.endpoints import Endpoint, make, missing
from workers.nexus.exchange import exchange_ring_of
from workers.people_roots import pinned_roots
from workers.publications import known_policies
from workers.receipts import DatabaseReceiptSink
from workers.relay import Relay
from workers.rings import process_rings
from workers.supervisor import cancel

WAIT = 30.0
TEAM_NAMESPACE = "research-dev"
TEAM, STRANGER = "team-approvals", "stranger-approvals"


async def ensure_namespace(client: Client, name: str) -> Client:
    """Return a client of the namespace ``name``, which is there and known to every part of the server."""
    try:
        await client.workflow_service.register_namespace(
            RegisterNamespaceRequest(namespace=name, workflow_execution_retention_period=Duration(seconds=86_400))
        )
    except RPCError as error:
        if "already" not in str(error):
            raise
    return in_namespace(client, name)


async def ensure_endpoints(client: Client, *wanted: Endpoint) -> None:
    for endpoint in await missing(client, list(wanted)):
        await make(client, endpoint)


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


def team_client(plain: Client, exchange: Ring | None) -> Client:
    """Return a team's client: it has a ring of its own, and its endpoint's exchange key if it was given that."""
    own = Ring(TEAM_NAMESPACE, "team-1", {"team-1": secrets.token_bytes(32)})
    rings = FixedRings(own, exchange) if exchange else FixedRings(own)
    endpoints = {TEAM: exchange.namespace, STRANGER: exchange.namespace} if exchange else {}
    options = client_options(rings, TEAM_NAMESPACE, exchanges=Exchanges(endpoints=endpoints))
    return Client(**{**plain.config(), "namespace": TEAM_NAMESPACE, **options})


async def refusal(handle: WorkflowHandle[Any, Any]) -> HandlerError:
    """Return why an operation was refused, as the caller's workflow was told."""
    with pytest.raises(WorkflowFailureError) as failed:
        await handle.result()
    error = failed.value.cause
    assert isinstance(error, NexusOperationError), error
    assert isinstance(error.cause, HandlerError), error.cause
    return error.cause


def evidence(chain: str) -> Report:
    """Return what an auditor's program says of a chain."""
    lines = b"".join(bundle_of(chain).lines())
    return verify(lines, roots=[root.hex() for root in trusted_roots()], people_roots=[ROOT.hex()])


@dataclass
class Office:
    """Where a team's questions arrive. ``ada`` and ``grace`` are the approvers."""

    plain: Client
    team: Client
    team_queue: str
    ada: Approver
    grace: Approver

    async def ask(self, asked: dict[str, Any], *, endpoint: str = TEAM) -> WorkflowHandle[Any, Any]:
        """Start a team's workflow that asks."""
        return await self.team.start_workflow(
            TeamWorkflow.run,
            args=[endpoint, asked],
            id=f"team-{uuid.uuid4().hex[:12]}",
            task_queue=self.team_queue,
            execution_timeout=timedelta(minutes=2),
        )

    async def waiting(self, **where: Any) -> ApprovalRequest:
        """Return the request that waits for people."""
        return await eventually(ApprovalRequest.objects.filter(state="open", **where).afirst)

    async def approve(self, waiting: ApprovalRequest, by: Approver | None = None, **options: str) -> bytes:
        by = by or self.ada
        signed = by.sign_approval(waiting)
        await sync_to_async(record)(person=by.person, request_id=waiting.pk, approval=signed, **options)
        return signed

    async def deny(self, waiting: ApprovalRequest, reason: str, by: Approver | None = None) -> bytes:
        by = by or self.ada
        signed = by.sign_denial(waiting, reason=reason)
        await sync_to_async(record)(person=by.person, request_id=waiting.pk, denial=signed)
        return signed


def _set_up() -> tuple[Approver, Approver]:
    for purpose in Purpose:
        ensure_service_key(purpose=purpose)
    ensure_issuer()
    ensure_ring(namespace="default")
    return approver("ada"), approver("grace")


@pytest.fixture
def lifetime() -> int:
    """How many seconds people have for a request."""
    return 7


@pytest_asyncio.fixture(loop_scope="session")
async def office(
    live_temporal: WorkflowEnvironment,
    transactional_db: None,
    settings: Settings,
    monkeypatch: pytest.MonkeyPatch,
    lifetime: int,
) -> AsyncIterator[Office]:
    settings.PEOPLE_ROOTS = [ROOT]
    settings.REQUEST_LIFETIME_SECONDS = lifetime
    monkeypatch.setattr(nexus_crew, "GateSettings", partial(GateSettings, delivery_grace_seconds=1))
    settings.NEXUS_APPROVALS = {TEAM: "team-actions"}
    ada, grace = await sync_to_async(_set_up)()
    # Another test's database had other keys.
    process_rings._held.clear()
    plain = encrypted(live_temporal.client)
    await ensure_endpoints(plain, *(Endpoint(name, plain.namespace, NEXUS_TASK_QUEUE) for name in (TEAM, STRANGER)))
    await ensure_namespace(plain, TEAM_NAMESPACE)
    team_queue = f"team-{uuid.uuid4().hex[:8]}"
    sink = DatabaseReceiptSink()
    async with AsyncExitStack() as running:
        running.push_async_callback(sync_to_async(connections.close_all))
        running.push_async_callback(bus.stop)
        running.push_async_callback(asyncio.to_thread, sink.close)
        crew = await assemble_nexus(plain, Shared(sink, await nonce_store(), known_policies(pinned_roots())))
        exchange = await sync_to_async(ring_of)(exchange_ring_of(TEAM))
        team = team_client(plain, exchange)
        approvals = build_approvals_worker(plain, threads=2)
        for worker in (approvals, *crew.workers, Worker(team, task_queue=team_queue, workflows=[TeamWorkflow])):
            await running.enter_async_context(worker)
        relaying = asyncio.create_task(Relay(plain, poll_seconds=0.2).run())
        running.push_async_callback(cancel, relaying)
        yield Office(plain, team, team_queue, ada, grace)
