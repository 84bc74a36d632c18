"""Promise 3: approvals are single use and short lived, bound to namespace, workflow, run and request.

The attacker is the agent's own team: it has the holder key, a genuine approval of Ada's, and a worker for its
workflows without the gate's workflow side. Only the guarded worker, and the database where it remembers what was
used, stand in its way.

Tried elsewhere: the same against the in-memory store, and approvals for another request, run or namespace that are
signalled, in ``tests/gates/test_attacks.py``; the application's own refusal of replays and long lives in
``tests/approvals/test_deciding.py``; the evidence of a replay in ``tests/audit/test_verify_attacks.py``.
"""

from __future__ import annotations

import base64
import time
import uuid
from collections import Counter
from collections.abc import AsyncIterator
from dataclasses import dataclass, replace
from typing import Any

import pytest
import pytest_asyncio
import tenuo_core
from asgiref.sync import sync_to_async
from temporalio.client import Client, WorkflowHandle
from temporalio.worker import Worker
from tenuo.temporal import TenuoPluginConfig, start_workflow_authorized
from tenuo.temporal_plugin import TenuoTemporalPlugin

from approvals.contracts import GateRequest
from approvals.models import SpentNonce
from audit.models import LedgerEntry
from audit.statements import statements
from audit.statements.kinds import EntryKind
from audit.statements.terms import terms_of
from tests.extending import with_terms
from tests.gates import agents
from tests.gates.people import approve
from tests.gates.replaying import DISPLAY_DIGEST, ClaimsRequest, ReplayingAgent
from tests.promises.conftest import House, eventually, guarded_worker, server_keys
from tests.promises.thieves import RepeatingAgent
from workers.client import with_plugins
from workers.gates.keys import MemoryKeyResolver
from workers.gates.receipts import InMemoryReceiptSink, ReceiptWriter

pytestmark = [
    pytest.mark.temporal,
    pytest.mark.django_db(transaction=True),
    pytest.mark.asyncio(loop_scope="session"),
]
REQUEST = "apr_replayed"
TEN_YEARS = 10 * 365 * 86400


@dataclass
class Thieves:
    """The team's own worker, which runs only its workflows."""

    house: House
    client: Client
    tenuo_plugin: Any
    queue: str

    async def start(self, run: Any, *args: Any) -> WorkflowHandle[Any, Any]:
        return await start_workflow_authorized(
            client=self.client,
            client_interceptor=self.tenuo_plugin.client_interceptor,
            workflow_run_fn=run,
            args=list(args),
            warrant=tenuo_core.Warrant.from_bytes(self.house.warrant.chain[-1]),
            key_id=self.house.warrant.key_id,
            workflow_id=f"thief-{uuid.uuid4().hex[:8]}",
            task_queue=self.queue,
        )

    async def at_once(self, times: int, *approvals: bytes) -> WorkflowHandle[Any, Any]:
        """Start a run that dispatches the same call ``times`` times at once, as soon as it has approvals."""
        return await self.start(ReplayingAgent.run, texts(*approvals), REQUEST, times, self.house.agent_queue)

    async def sign(self, handle: WorkflowHandle[Any, Any], **changes: Any) -> bytes:
        """Return Ada's genuine approval of the call of ``handle``'s run."""
        description = await handle.describe()
        asked = GateRequest(
            request_id=REQUEST, namespace="default", workflow_id=handle.id, run_id=description.run_id,
            workflow_type="", tool="restart_service", arguments_cbor="", warrant_chain=[], gate_message="",
            request_hash=await handle.query("request_hash"), reasoning="", opened_at_ms=0, expires_at=0,
            display_digest=DISPLAY_DIGEST, policy_version=self.house.policy_version,
        )  # fmt: skip
        return approve(asked, self.house.ada.private_key, **changes)


def texts(*approvals: bytes) -> list[str]:
    return [base64.b64encode(data).decode() for data in approvals]


@pytest_asyncio.fixture(loop_scope="session")
async def thieves(house: House) -> AsyncIterator[Thieves]:
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
    workflows, claims = [ReplayingAgent, RepeatingAgent], ClaimsRequest(policy_version=house.policy_version)
    async with Worker(client, task_queue=queue, workflows=workflows, interceptors=[claims]):
        yield Thieves(house, client, plugin, queue)


async def refused_codes() -> list[str]:
    entries = [entry async for entry in LedgerEntry.objects.filter(kind=EntryKind.CALL_DENIED)]
    return [statements.parse(bytes(entry.envelope)).facts["details"]["code"] for entry in entries]


async def test_fifty_dispatches_at_once_with_one_approval_run_one_call(thieves: Thieves) -> None:
    handle = await thieves.at_once(50)
    signed = await thieves.sign(handle)
    await handle.signal("use", texts(signed))
    assert Counter(await handle.result()) == {"ran": 1, "APPROVAL_REPLAYED": 49}
    assert agents.effects == ["checkout/production"]
    assert await SpentNonce.objects.acount() == 1

    async def all_recorded() -> bool:
        return len(await refused_codes()) == 49

    await eventually(all_recorded)
    assert set(await refused_codes()) == {"APPROVAL_REPLAYED"}, "every replay left a signed receipt"


async def test_an_approval_does_not_serve_another_run(thieves: Thieves) -> None:
    first = await thieves.at_once(1)
    signed = await thieves.sign(first)
    second = await thieves.at_once(3, signed)
    assert await second.result() == ["APPROVAL_UNBOUND"] * 3
    assert agents.effects == []
    assert not await SpentNonce.objects.aexists(), "what is refused is not spent"
    await first.signal("use", texts(signed))
    assert await first.result() == ["ran"]


async def test_an_approval_for_ten_years_serves_nobody(thieves: Thieves) -> None:
    handle = await thieves.at_once(1)
    signed = await thieves.sign(handle, expires_at=int(time.time()) + TEN_YEARS)
    await handle.signal("use", texts(signed))
    assert await handle.result() == ["APPROVAL_LIFETIME"]
    assert agents.effects == []


async def test_an_approval_that_outlives_its_policy_serves_nobody(thieves: Thieves) -> None:
    """This worker takes 15 minutes; the policy, and so the warrant, says one."""
    house, issuer = thieves.house, (await sync_to_async(server_keys)())["issuer"]
    minted = tenuo_core.Warrant.from_bytes(house.warrant.chain[0])
    warrant = with_terms(minted, replace(terms_of([minted]), approval_seconds=60), issuer)
    house.warrants.append(replace(house.warrant, chain=[bytes(warrant.to_bytes())]))
    handle = await thieves.at_once(1)
    signed = await thieves.sign(handle, expires_at=int(time.time()) + 90)
    await handle.signal("use", texts(signed))
    assert await handle.result() == ["APPROVAL_LIFETIME"]
    assert agents.effects == []


async def test_an_approval_that_was_used_is_used_after_the_worker_restarts(thieves: Thieves) -> None:
    """The second worker is new in every part; only the database knows what the first one let run."""
    house = thieves.house
    queue = f"restarted-{uuid.uuid4().hex[:8]}"
    handle = await thieves.start(RepeatingAgent.run, REQUEST, 2, queue)
    signed = await thieves.sign(handle)

    async def dispatched() -> bool:
        return bool(await handle.query("results"))

    async with guarded_worker(house.plain, queue, house.settings):
        await handle.signal("use", texts(signed))
        await eventually(dispatched)
    async with guarded_worker(house.plain, queue, house.settings):
        await handle.signal("use", texts(signed))
        assert await handle.result() == ["ran", "APPROVAL_REPLAYED"]
    assert agents.effects == ["checkout/production"]


async def test_two_approvals_of_one_call_let_it_run_twice_and_no_more(thieves: Thieves) -> None:
    """What a person signs twice may run twice: single use is of the approval, not of the call."""
    handle = await thieves.start(RepeatingAgent.run, REQUEST, 4, thieves.house.agent_queue)
    first, second = await thieves.sign(handle), await thieves.sign(handle)
    for count, signed in enumerate((first, second, first, second), start=1):
        await handle.signal("use", texts(signed))

        async def dispatched(count: int = count) -> bool:
            return len(await handle.query("results")) == count

        if count < 4:
            await eventually(dispatched)
    assert await handle.result() == ["ran", "ran", "APPROVAL_REPLAYED", "APPROVAL_REPLAYED"]
