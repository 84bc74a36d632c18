"""Promise 3: an approval from staging is worthless in production.

Both namespaces are real, on one Temporal server; policy, call, agent and approver are the same. Ada's genuine approval
of the call in staging is signalled to production's workflow, posted to production's page, and dispatched to
production's guarded worker by a team that has the agent's key.

Tried elsewhere: warrants, in ``tests/gates/test_place.py``; workers of staging that speak for production, in
``tests/workers/test_activities.py``.
"""

from __future__ import annotations

import base64
import uuid
from collections.abc import AsyncIterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass, replace
from datetime import timedelta
from typing import Any

import pytest
import pytest_asyncio
import tenuo_core
from asgiref.sync import sync_to_async
from django.db import connections
from django.test import Client as Browser
from google.protobuf.duration_pb2 import Duration
from pytest_django import Settings
from temporalio.api.workflowservice.v1 import RegisterNamespaceRequest
from temporalio.client import Client
from temporalio.service import RPCError, RPCStatusCode
from temporalio.testing import WorkflowEnvironment
from temporalio.worker import Worker
from tenuo.temporal import TenuoPluginConfig, start_workflow_authorized
from tenuo.temporal_plugin import TenuoTemporalPlugin

from accounts.keys.queries import keys_of
from accounts.roles.contracts import Role
from accounts.tokens.services import make as make_token
from approvals.contracts import GateRequest, RequestState
from approvals.live import bus
from approvals.models import ApprovalRequest, Decision
from audit.keys.contracts import Purpose
from audit.keys.services import ensure_service_key
from tests.approvals.factories import Approver, approver
from tests.gates import agents
from tests.gates.people import approve
from tests.gates.replaying import DISPLAY_DIGEST, ClaimsRequest, ReplayingAgent
from tests.people import person
from tests.promises.conftest import House, approvals_message, guarded_worker, server_keys
from warrants.agents.services import ensure_agent
from warrants.minting.contracts import Incident, MintedWarrant
from warrants.minting.services import mint
from workers.activities import build_approvals_worker
from workers.client import in_namespace, with_plugins
from workers.gates.keys import MemoryKeyResolver
from workers.gates.receipts import InMemoryReceiptSink, ReceiptWriter
from workers.gates.settings import GateSettings
from workers.namespaces.registration import registered

pytestmark = [
    pytest.mark.temporal,
    pytest.mark.django_db(transaction=True),
    pytest.mark.asyncio(loop_scope="session"),
]
STG, PRD = "finance-ai-stg", "finance-ai-prd"
REQUEST = "apr_replayed"


@dataclass
class Two:
    """The same application, with the same approver, in both namespaces."""

    stg: House
    prd: House

    @property
    def ada(self) -> Approver:
        return self.prd.ada


@pytest_asyncio.fixture(loop_scope="session")
async def two(
    live_temporal: WorkflowEnvironment, transactional_db: None, settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> AsyncIterator[Two]:
    # The database, and with it every ring, is new in each test; this process remembers rings.
    settings.PAYLOAD_ENCRYPTION = {"": "off"}
    agents.effects.clear()
    queues = GateSettings(approvals_task_queue=f"approvals-{uuid.uuid4().hex[:8]}")
    monkeypatch.setattr("workers.activities.APPROVALS_TASK_QUEUE", queues.approvals_task_queue)
    ada, warrants = await sync_to_async(_set_up)()
    executor = ThreadPoolExecutor(2, thread_name_prefix="approvals")
    async with AsyncExitStack() as running:
        houses = [
            await running.enter_async_context(_house(live_temporal.client, namespace, queues, ada, warrant, executor))
            for namespace, warrant in warrants.items()
        ]
        houses[0].start_relay()
        yield Two(*houses)
    await houses[0].stop_relay()
    await sync_to_async(executor.shutdown)()
    await bus.stop()
    await sync_to_async(connections.close_all)()


def _set_up() -> tuple[Approver, dict[str, MintedWarrant]]:
    ada = approver("ada")
    for purpose in Purpose:
        ensure_service_key(purpose=purpose)
    agent = ensure_agent(name="incident-agent")
    incident = Incident("P1042", "High error rate", "high", "checkout", STG)
    return ada, {
        namespace: mint(
            policy="incident-response",
            incident=replace(incident, namespace=namespace),
            agent=agent,
            approvers=list(keys_of(ada.person)),
        )
        for namespace in (STG, PRD)
    }


@asynccontextmanager
async def _house(
    client: Client,
    namespace: str,
    queues: GateSettings,
    ada: Approver,
    warrant: MintedWarrant,
    executor: ThreadPoolExecutor,
) -> AsyncIterator[House]:
    await _register(client, namespace)
    plain, queue = in_namespace(client, namespace), f"agents-{uuid.uuid4().hex[:8]}"
    approvals = build_approvals_worker(plain, threads=2, executor=executor, graceful=timedelta(0), sweeps=False)
    async with approvals, guarded_worker(plain, queue, queues) as (guarded, tenuo_plugin, gate_plugin):
        yield House(plain, guarded, tenuo_plugin, ada, queues, queue, gate_plugin, [warrant])


async def _register(client: Client, namespace: str) -> None:
    try:
        await client.workflow_service.register_namespace(
            RegisterNamespaceRequest(namespace=namespace, workflow_execution_retention_period=Duration(seconds=86_400))
        )
    except RPCError as error:
        if error.status != RPCStatusCode.ALREADY_EXISTS:
            raise
    await registered(client, namespace, seconds=30)


def _post(browser: Browser, request_id: str, approval: bytes, **headers: str) -> Any:
    form = {"approval": base64.b64encode(approval).decode()}
    return browser.post(f"/approvals/{request_id}/decision/", form, headers={"accept": "application/json", **headers})


async def test_an_approval_from_staging_is_worthless_in_production(two: Two) -> None:
    _, in_stg = await two.stg.waiting()
    handle, in_prd = await two.prd.waiting()
    assert (in_stg.namespace, in_prd.namespace) == (STG, PRD)
    assert (in_stg.tool, bytes(in_stg.arguments_cbor)) == (in_prd.tool, bytes(in_prd.arguments_cbor))
    signed = two.ada.sign_approval(in_stg)
    # To the page, by Ada herself, and to production's workflow, in the name of either request.
    browser = Browser()
    await sync_to_async(browser.force_login)(two.ada.person)
    refused = await sync_to_async(_post)(browser, in_prd.pk, signed)
    assert refused.status_code == 422, refused.content
    assert not await Decision.objects.aexists()
    await two.prd.signal(handle, approvals_message(in_prd, signed))
    await two.prd.signal(handle, approvals_message(in_stg, signed))
    # The workflow has seen both when it sees the next; that is a denial, so whatever runs ran by them.
    await sync_to_async(_deny)(two.ada, in_prd)
    assert (await handle.result()).startswith("APPROVAL_DENIED")
    assert agents.effects == []
    await in_stg.arefresh_from_db()
    assert in_stg.state == RequestState.OPEN


async def test_in_its_own_namespace_it_lets_one_call_run(two: Two) -> None:
    """What is refused above is refused for the namespace alone; one relay serves both."""
    in_stg, _ = await two.stg.waiting()
    handle, waiting = await two.prd.waiting()
    await two.prd.approve(waiting)
    assert await handle.result() == "restarted checkout"
    assert agents.effects == ["checkout/production"]
    await in_stg.terminate()


async def test_productions_worker_refuses_what_was_signed_for_staging(two: Two) -> None:
    """The thief's approval differs from a good one in nothing but its namespace."""
    async with _thief(two.prd) as start:
        for namespace, outcome in ((STG, "APPROVAL_UNBOUND"), (PRD, "ran")):
            handle = await start(two.prd.warrant)
            await handle.signal("use", [base64.b64encode(await _signed(two.prd, handle, namespace)).decode()])
            assert await handle.result() == [outcome]
    assert agents.effects == ["checkout/production"]


async def test_productions_worker_refuses_stagings_warrant(two: Two) -> None:
    async with _thief(two.prd) as start:
        handle = await start(two.stg.warrant)
        await handle.signal("use", [base64.b64encode(await _signed(two.prd, handle, PRD)).decode()])
        assert await handle.result() == ["WARRANT_ELSEWHERE"]
    assert agents.effects == []


async def test_a_person_of_staging_sees_and_decides_nothing_of_production(two: Two) -> None:
    await two.stg.waiting()
    _, in_prd = await two.prd.waiting()
    attacks = await sync_to_async(_as_somebody_of_staging)(two.ada, in_prd)
    assert attacks == {"page": 404, "card": 404, "decision": 404, "by token": 404, "decision by token": 404}
    assert not await Decision.objects.aexists()


def _as_somebody_of_staging(ada: Approver, in_prd: ApprovalRequest) -> dict[str, int]:
    """Return how production's addresses answer Grace, who approves in staging and has Ada's signature at hand."""
    grace = person("grace", Role.APPROVER, namespace=STG)
    browser, signed = Browser(), ada.sign_approval(in_prd)
    browser.force_login(grace)
    cards = browser.get("/approvals/", {"show": "all"}, headers={"accept": "application/json"}).json()["cards"]
    assert [card["namespace"] for card in cards] == [STG]
    bearer = {"authorization": f"Bearer {make_token(person=grace, name='Laptop')[1]}"}
    page = f"/approvals/{in_prd.pk}/"
    return {
        "page": browser.get(page).status_code,
        "card": browser.get(f"{page}card/").status_code,
        "decision": _post(browser, in_prd.pk, signed).status_code,
        "by token": Browser().get(page, headers={"accept": "application/json", **bearer}).status_code,
        "decision by token": _post(Browser(), in_prd.pk, signed, **bearer).status_code,
    }


def _deny(ada: Approver, waiting: ApprovalRequest) -> None:
    from approvals.decisions.services import record

    record(person=ada.person, request_id=waiting.pk, denial=ada.sign_denial(waiting))


@asynccontextmanager
async def _thief(house: House) -> AsyncIterator[Any]:
    """Run the team's own worker beside the guarded one; yield what starts its workflow under a warrant."""
    keys = await sync_to_async(server_keys)()
    plugin = TenuoTemporalPlugin(
        TenuoPluginConfig(
            key_resolver=MemoryKeyResolver({house.warrant.key_id: keys["agent"].private_bytes_raw()}),
            trusted_roots=[tenuo_core.PublicKey.from_bytes(keys["issuer"].public_key().public_bytes_raw())],
            activity_fns=agents.ACTIVITIES,
            control_plane=ReceiptWriter(sink=InMemoryReceiptSink(), signing_key=b"\x08" * 32, worker="thief"),
        )
    )
    client, queue = with_plugins(house.plain, [plugin]), f"thieves-{uuid.uuid4().hex[:8]}"

    async def start(warrant: MintedWarrant) -> Any:
        return await start_workflow_authorized(
            client=client,
            client_interceptor=plugin.client_interceptor,
            workflow_run_fn=ReplayingAgent.run,
            args=[[], REQUEST, 1, house.agent_queue],
            warrant=tenuo_core.Warrant.from_bytes(warrant.chain[-1]),
            key_id=warrant.key_id,
            workflow_id=f"thief-{uuid.uuid4().hex[:8]}",
            task_queue=queue,
        )

    claims = ClaimsRequest(policy_version=house.policy_version)
    async with Worker(client, task_queue=queue, workflows=[ReplayingAgent], interceptors=[claims]):
        yield start


async def _signed(house: House, handle: Any, namespace: str) -> bytes:
    """Return Ada's genuine approval of the call of ``handle``'s run, as if it ran in ``namespace``."""
    asked = GateRequest(
        request_id=REQUEST, namespace=namespace, workflow_id=handle.id, run_id=(await handle.describe()).run_id,
        workflow_type="", tool="restart_service", arguments_cbor="", warrant_chain=[], gate_message="",
        request_hash=await handle.query("request_hash"), reasoning="", opened_at_ms=0, expires_at=0,
        display_digest=DISPLAY_DIGEST, policy_version=house.policy_version,
    )  # fmt: skip
    return approve(asked, house.ada.private_key)
