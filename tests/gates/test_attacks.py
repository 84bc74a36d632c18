"""What must never run a gated call. Each test tries it."""

from __future__ import annotations

import asyncio
import base64
import time
import uuid
from collections import Counter
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, replace
from typing import Any

import cbor2
import pytest
import tenuo_core
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from temporalio.api.common.v1 import Payload
from temporalio.client import Client, Interceptor, OutboundInterceptor, StartWorkflowInput, WorkflowFailureError
from temporalio.worker import Worker
from tenuo.temporal import InMemoryPopDedupStore, TenuoPluginConfig, start_workflow_authorized, tenuo_headers
from tenuo.temporal_plugin import TenuoTemporalPlugin

from approvals.contracts import CallVerdict, Decision, GateRequest
from approvals.signing import approval
from approvals.signing.display import Display
from audit.statements import cbor
from audit.statements.terms import Terms
from tests.gates import agents
from tests.gates.conftest import CAPABILITIES, GATES, Floor
from tests.gates.people import approve, decision, deny, public, send
from tests.gates.replaying import DISPLAY_DIGEST, ClaimsRequest, ReplayingAgent
from workers.gates.asking import binding_of
from workers.gates.keys import MemoryKeyResolver
from workers.gates.receipts import InMemoryReceiptSink, ReceiptWriter
from workers.gates.settings import GateSettings

pytestmark = pytest.mark.temporal


async def refuses(floor: Floor, request: GateRequest, message: Any) -> None:
    """Send ``message``, then a genuine denial: the call must not have run, and the run must still hear."""
    await send(floor.plain, request, message)
    await send(floor.plain, request, decision(request, denials=(deny(request, floor.keys.second, "Checked."),)))


async def waiting(floor: Floor, **options: Any) -> tuple[Any, GateRequest]:
    handle = await floor.start(agents.ForgivingAgent, "checkout", **options)
    return handle, await floor.desk.requests.get()


GARBAGE: list[Any] = [
    None,
    "approve",
    42,
    [],
    {"request_id": 7},
    {"request_id": "other", "approvals": ["AAAA"]},
    {"approvals": "x" * 10_000},
]


async def test_garbage_signals_neither_end_nor_block_a_run(floor: Floor) -> None:
    handle, request = await waiting(floor)
    for item in GARBAGE:
        await send(floor.plain, request, item)
    for approvals in (["%%%"], [base64.b64encode(b"\xff" * 100).decode()], [1, None, {}], ["A" * 200_000]):
        await send(floor.plain, request, {"request_id": request.request_id, "approvals": approvals})
    await send(floor.plain, request, decision(request, approvals=(approve(request, floor.keys.approver),)))
    assert await handle.result() == "restarted checkout"


async def test_a_signal_with_no_arguments_or_too_many_is_ignored(floor: Floor) -> None:
    handle, request = await waiting(floor)
    workflow = floor.plain.get_workflow_handle(request.workflow_id)
    await workflow.signal("countersign.decision")
    await workflow.signal("countersign.decision", args=[1, 2, 3])
    await refuses(floor, request, {})
    assert (await handle.result()).startswith("APPROVAL_DENIED")


@pytest.mark.parametrize(
    "changes",
    [
        pytest.param({"request_hash": b"\x01" * 32}, id="another call"),
        pytest.param({"request_id": "elsewhere"}, id="another request"),
        pytest.param({"run_id": "elsewhere"}, id="another run"),
        pytest.param({"namespace": "elsewhere"}, id="another namespace"),
        pytest.param({"display_digest": bytes(32)}, id="other words shown"),
        pytest.param({"policy_version": "incident-response@1"}, id="another policy version"),
        pytest.param({"expires_at": int(time.time()) + 10 * 365 * 86400}, id="ten years"),
        pytest.param({"approved_at": int(time.time()) + 3600, "expires_at": int(time.time()) + 3900}, id="the future"),
    ],
)
async def test_an_approval_with_other_terms_is_ignored(floor: Floor, changes: dict[str, Any]) -> None:
    handle, request = await waiting(floor)
    own = binding_of(request)
    bound = {field: changes[field] for field in own.to_facts() if field in changes}
    changes = {"binding": replace(own, **bound)} if bound else changes
    await refuses(floor, request, decision(request, approvals=(approve(request, floor.keys.approver, **changes),)))
    assert (await handle.result()).startswith("APPROVAL_DENIED")
    assert agents.effects == []


async def test_an_approval_that_has_expired_runs_nothing_and_is_asked_for_again(floor: Floor) -> None:
    handle, request = await waiting(floor)
    now = int(time.time())
    late = approve(request, floor.keys.approver, approved_at=now - 900, expires_at=now - 600)
    await send(floor.plain, request, decision(request, approvals=(late,)))
    again = await floor.desk.requests.get()
    assert (again.supersedes, again.request_hash) == (request.request_id, request.request_hash)
    assert again.why_again.startswith("The approval of local:lead expired before a worker was there, at ")
    await send(floor.plain, again, decision(again, approvals=(late,)))
    await refuses(floor, again, decision(request, approvals=(late,)))
    assert (await handle.result()).startswith("APPROVAL_DENIED")
    assert agents.effects == []


async def test_expired_approvals_are_asked_for_again_a_few_times_only(floor: Floor) -> None:
    handle, request = await waiting(floor)
    for asked in range(1, GateSettings().rounds_per_call + 1):
        request = request if asked == 1 else await floor.desk.requests.get()
        now = int(time.time())
        late = approve(request, floor.keys.approver, approved_at=now - 900, expires_at=now - 600)
        await send(floor.plain, request, decision(request, approvals=(late,)))
    assert (await handle.result()).startswith("APPROVAL_ROUNDS_EXHAUSTED: restart_service was approved 5 times")
    assert agents.effects == []


async def test_one_of_two_approvals_that_has_expired_is_not_enough_to_ask_again(floor: Floor) -> None:
    handle = await floor.start(agents.ForgivingAgent, "checkout", min_approvals=2)
    request = await floor.desk.requests.get()
    now = int(time.time())
    late = approve(request, floor.keys.approver, approved_at=now - 900, expires_at=now - 600)
    await send(floor.plain, request, decision(request, approvals=(late, late)))
    await refuses(floor, request, {})
    assert (await handle.result()).startswith("APPROVAL_DENIED")
    assert floor.desk.requests.empty()


async def test_keys_that_are_not_approvers_count_for_nothing(floor: Floor) -> None:
    handle, request = await waiting(floor)
    for key in (floor.keys.issuer, floor.keys.holder):
        stranger = Ed25519PrivateKey.from_private_bytes(bytes(key.secret_key_bytes()))
        await send(floor.plain, request, decision(request, approvals=(approve(request, stranger),)))
    await refuses(floor, request, decision(request, approvals=(approve(request, Ed25519PrivateKey.generate()),)))
    assert (await handle.result()).startswith("APPROVAL_DENIED")
    assert agents.effects == []


async def test_a_denial_wrapped_as_an_approval_does_not_approve(floor: Floor) -> None:
    handle, request = await waiting(floor)
    denial = deny(request, floor.keys.approver)
    await refuses(floor, request, decision(request, approvals=(denial,)))
    assert (await handle.result()).startswith("APPROVAL_DENIED")
    assert agents.effects == []


async def test_a_denial_by_a_stranger_does_not_end_the_request(floor: Floor) -> None:
    handle, request = await waiting(floor)
    await send(floor.plain, request, decision(request, denials=(deny(request, Ed25519PrivateKey.generate()),)))
    await send(floor.plain, request, decision(request, approvals=(approve(request, floor.keys.approver),)))
    assert await handle.result() == "restarted checkout"


async def test_one_person_signing_twice_is_one(floor: Floor) -> None:
    handle, request = await waiting(floor, min_approvals=2)
    twice = (approve(request, floor.keys.approver), approve(request, floor.keys.approver))
    await refuses(floor, request, decision(request, approvals=twice))
    assert (await handle.result()).startswith("APPROVAL_DENIED")
    assert agents.effects == []


class Smuggler(Interceptor):
    """Starts a run whose headers are not the gate's own."""

    def __init__(self, headers: dict[str, bytes]) -> None:
        self.headers = headers

    def intercept_client(self, next: OutboundInterceptor) -> OutboundInterceptor:
        headers = self.headers

        class _Outbound(OutboundInterceptor):
            async def start_workflow(self, input: StartWorkflowInput) -> Any:
                extra = {name: Payload(data=data) for name, data in headers.items()}
                input.headers = {**input.headers, **extra}
                return await super().start_workflow(input)

        return _Outbound(next)


@pytest.mark.parametrize(
    "history",
    [
        pytest.param(b"\xff not json", id="no JSON"),
        pytest.param(b"[" * 100_000, id="deeply nested"),
        pytest.param(b'[{"tool": 1, "verdict": [], "at_ms": "x"}]', id="other types"),
        pytest.param(b'[{"tool": "t", "verdict": "allowed", "at_ms": 1' + b"0" * 5000 + b"}]", id="a long number"),
        pytest.param(b"7", id="a number"),
    ],
)
async def test_a_forged_history_header_does_not_hurt(floor: Floor, history: bytes) -> None:
    headers = tenuo_headers(floor.keys.warrant(CAPABILITIES, GATES), "agent")
    smuggler = Smuggler({**headers, "countersign-history": history})
    client = await Client.connect(floor.plain.service_client.config.target_host, interceptors=[smuggler])
    handle = await client.start_workflow(
        agents.ForgivingAgent.run, "checkout", id=f"forged-{time.time_ns()}", task_queue=floor.task_queue
    )
    request = await floor.desk.requests.get()
    assert [call.verdict for call in request.history] == [CallVerdict.GATED]
    await send(floor.plain, request, decision(request, approvals=(approve(request, floor.keys.approver),)))
    assert await handle.result() == "restarted checkout"


async def test_a_run_with_garbage_for_a_warrant_fails_and_is_not_tried_for_ever(floor: Floor) -> None:
    headers = tenuo_headers(floor.keys.warrant(CAPABILITIES, GATES), "agent")
    smuggler = Smuggler(dict.fromkeys(headers, b"\xff garbage"))
    client = await Client.connect(floor.plain.service_client.config.target_host, interceptors=[smuggler])
    handle = await client.start_workflow(
        agents.ForgivingAgent.run, "checkout", id=f"garbage-{time.time_ns()}", task_queue=floor.task_queue
    )
    with pytest.raises(WorkflowFailureError):
        await asyncio.wait_for(handle.result(), 15)
    assert agents.effects == []


@dataclass
class Thief:
    """A second worker that runs only the malicious workflows, with the holder key it was trusted with."""

    floor: Floor
    tenuo_plugin: Any
    client: Client
    task_queue: str

    async def start(
        self,
        approvals: list[bytes],
        times: int,
        warrant: tenuo_core.Warrant | None = None,
        activity_id: str = "",
        chain: list[tenuo_core.Warrant] | None = None,
    ) -> Any:
        return await start_workflow_authorized(
            client=self.client,
            client_interceptor=self.tenuo_plugin.client_interceptor,
            workflow_run_fn=ReplayingAgent.run,
            args=[
                [base64.b64encode(a).decode() for a in approvals],
                REQUEST,
                times,
                self.floor.task_queue,
                activity_id or None,
            ],
            warrant=warrant or self.floor.keys.warrant(CAPABILITIES, GATES),
            warrant_chain=chain,
            key_id="agent",
            workflow_id=f"thief-{uuid.uuid4().hex[:8]}",
            task_queue=self.task_queue,
        )

    async def request_of(self, handle: Any) -> GateRequest:
        """Return the request that a person would sign for the malicious run's call."""
        description = await handle.describe()
        return GateRequest(
            request_id=REQUEST, namespace="default", workflow_id=handle.id, run_id=description.run_id, workflow_type="",
            tool="restart_service", arguments_cbor="", request_hash=await handle.query("request_hash"),
            warrant_chain=[], gate_message="", reasoning="", opened_at_ms=0, expires_at=0,
            display_digest=DISPLAY_DIGEST, policy_version="",
        )  # fmt: skip


REQUEST = "apr_replayed"


@pytest.fixture
async def thief(floor: Floor) -> AsyncIterator[Thief]:
    async with thieves(floor, ClaimsRequest()) as thief:
        yield thief


@asynccontextmanager
async def thieves(floor: Floor, interceptor: ClaimsRequest) -> AsyncIterator[Thief]:
    plugin = TenuoTemporalPlugin(
        TenuoPluginConfig(
            key_resolver=MemoryKeyResolver({"agent": bytes(floor.keys.holder.secret_key_bytes())}),
            trusted_roots=[tenuo_core.PublicKey.from_bytes(floor.keys.root)],
            activity_fns=agents.ACTIVITIES,
            control_plane=ReceiptWriter(sink=InMemoryReceiptSink(), signing_key=b"\x08" * 32, worker="thief"),
        )
    )
    client = await Client.connect(floor.plain.service_client.config.target_host, plugins=[plugin])
    task_queue = f"thieves-{uuid.uuid4().hex[:8]}"
    async with Worker(client, task_queue=task_queue, workflows=[ReplayingAgent], interceptors=[interceptor]):
        yield Thief(floor, plugin, client, task_queue)


async def test_an_approval_from_another_run_is_refused_by_the_worker(floor: Floor, thief: Thief) -> None:
    warrant = floor.keys.warrant(CAPABILITIES, GATES)
    handle = await floor.start(agents.ForgivingAgent, "checkout", warrant=warrant)
    request = await floor.desk.requests.get()
    signed = approve(request, floor.keys.approver)
    await send(floor.plain, request, decision(request, approvals=(signed,)))
    assert await handle.result() == "restarted checkout"

    replayed = await thief.start([signed], 1, warrant)

    assert await replayed.result() == ["APPROVAL_UNBOUND"]
    assert agents.effects == ["checkout/production"]
    last = floor.sink.records[-1]
    assert (last.verdict, last.code) == (CallVerdict.DENIED, "APPROVAL_UNBOUND")


OTHERWISE: dict[str, dict[str, Any]] = {
    "display_digest": {"display_digest": "cd" * 32},
    "policy_version": {"policy_version": "incident-response@1"},
    "request_id": {"request_id": "apr_another"},
}


@pytest.mark.parametrize("field", OTHERWISE)
async def test_an_approval_over_something_else_is_refused_by_the_worker_who_names_the_field(
    floor: Floor, thief: Thief, field: str
) -> None:
    handle = await thief.start([], 1)
    signed = approve(replace(await thief.request_of(handle), **OTHERWISE[field]), floor.keys.approver)
    await handle.signal("use", [base64.b64encode(signed).decode()])
    assert await handle.result() == ["APPROVAL_UNBOUND"]
    assert agents.effects == []
    last = floor.sink.records[-1]
    assert (last.verdict, last.code) == (CallVerdict.DENIED, "APPROVAL_UNBOUND")
    assert field in last.detail


async def test_the_policy_version_is_the_root_warrants_whatever_the_workflow_claims(floor: Floor) -> None:
    warrant = floor.keys.warrant(CAPABILITIES, GATES, terms=Terms("incident-response", 2))
    for claimed, answer in (("incident-response@1", "APPROVAL_UNBOUND"), ("incident-response@2", "ran")):
        async with thieves(floor, ClaimsRequest(policy_version=claimed)) as thief:
            handle = await thief.start([], 1, warrant)
            asked = replace(await thief.request_of(handle), policy_version=claimed)
            signed = approve(asked, floor.keys.approver)
            await handle.signal("use", [base64.b64encode(signed).decode()])
            assert await handle.result() == [answer]
        assert len(agents.effects) == (answer == "ran")
    assert "policy_version" in floor.sink.records[0].detail


async def test_a_request_names_its_policy_and_what_it_shows_and_an_approval_of_both_runs(floor: Floor) -> None:
    handle, request = await waiting(floor, terms=Terms("incident-response", 2))
    assert request.policy_version == "incident-response@2"
    shown = Display(request.workflow_type, 1, request.gate_message, request.reasoning, tuple(request.history))
    assert request.display_digest == shown.digest.hex()
    await send(floor.plain, request, decision(request, approvals=(approve(request, floor.keys.approver),)))
    assert await handle.result() == "restarted checkout"


class OddTerms(Terms):
    def to_bytes(self) -> bytes:
        return b"\xa0"


async def test_a_warrant_whose_terms_cannot_be_read_asks_nobody_and_runs_nothing(floor: Floor) -> None:
    handle = await floor.start(agents.ForgivingAgent, "checkout", terms=OddTerms())
    assert (await handle.result()).startswith("TERMS_MALFORMED")
    assert floor.desk.requests.empty()
    assert agents.effects == []


async def test_one_approval_dispatched_fifty_times_in_its_own_run_runs_once(floor: Floor, thief: Thief) -> None:
    handle = await thief.start([], 50)
    signed = approve(await thief.request_of(handle), floor.keys.approver)
    await handle.signal("use", [base64.b64encode(signed).decode()])
    assert Counter(await handle.result()) == {"ran": 1, "APPROVAL_REPLAYED": 49}
    assert agents.effects == ["checkout/production"]


async def test_one_approval_under_one_activity_id_runs_once(
    floor: Floor, thief: Thief, monkeypatch: pytest.MonkeyPatch
) -> None:
    """An activity id is the workflow's choice, and may come again when the activity before has ended."""
    # Another worker process has not seen the first proof of possession, nor has this one half a minute later.
    monkeypatch.setattr(InMemoryPopDedupStore, "check_pop_replay", lambda *_, **__: None)
    handle = await thief.start([], 3, activity_id="the-one")
    signed = approve(await thief.request_of(handle), floor.keys.approver)
    await handle.signal("use", [base64.b64encode(signed).decode()])
    assert await handle.result() == ["ran", "APPROVAL_REPLAYED", "APPROVAL_REPLAYED"]
    assert agents.effects == ["checkout/production"]


@pytest.mark.parametrize(
    "disguise",
    [
        pytest.param(lambda header: header.replace(b'["', b'["!'), id="letters that Tenuo skips"),
        pytest.param(lambda header: header.replace(b'["', b'["' + b"!" * 200_000), id="very long"),
        pytest.param(lambda header: header.decode().encode("utf-16"), id="another encoding"),
        pytest.param(lambda header: b'{"' + header[2:-2] + b'": 1}', id="a map"),
    ],
)
async def test_approvals_that_only_tenuo_can_read_run_nothing(floor: Floor, disguise: Callable[[bytes], bytes]) -> None:
    """What the gate cannot read it cannot check: neither its lifetime nor whether it was used before."""
    async with thieves(floor, ClaimsRequest(disguise)) as thief:
        handle = await thief.start([], 2)
        ten_years = int(time.time()) + 10 * 365 * 86400
        signed = approve(await thief.request_of(handle), floor.keys.approver, expires_at=ten_years)
        await handle.signal("use", [base64.b64encode(signed).decode()])
        assert "ran" not in await handle.result()
    assert agents.effects == []
    assert {record.verdict for record in floor.sink.records} == {CallVerdict.DENIED}


async def test_the_agents_and_the_issuers_key_approve_nothing_even_if_the_warrant_names_them(
    floor: Floor, thief: Thief
) -> None:
    warrant = tenuo_core.Warrant.issue(
        floor.keys.issuer,
        capabilities=CAPABILITIES,
        ttl_seconds=600,
        holder=floor.keys.holder.public_key,
        required_approvers=[floor.keys.holder.public_key, floor.keys.issuer.public_key],
        min_approvals=1,
        approval_gates=GATES,
    )
    for key in (floor.keys.issuer, floor.keys.holder):
        own = Ed25519PrivateKey.from_private_bytes(bytes(key.secret_key_bytes()))
        handle = await thief.start([], 1, warrant)
        signed = approve(await thief.request_of(handle), own)
        await handle.signal("use", [base64.b64encode(signed).decode()])
        assert await handle.result() == ["APPROVAL_BY_A_PARTY"]
    assert agents.effects == []


async def test_a_ten_year_approval_is_refused_by_the_worker(floor: Floor, thief: Thief) -> None:
    handle = await thief.start([], 1)
    ten_years = int(time.time()) + 10 * 365 * 86400
    signed = approve(await thief.request_of(handle), floor.keys.approver, expires_at=ten_years)
    await handle.signal("use", [base64.b64encode(signed).decode()])
    assert await handle.result() == ["APPROVAL_LIFETIME"]
    assert agents.effects == []


async def test_a_denial_in_approval_form_runs_nothing(floor: Floor, thief: Thief) -> None:
    """Tenuo takes anything signed under its approval context for an approval; the gate reads what it says."""
    handle = await thief.start([], 1)
    request = await thief.request_of(handle)
    signed = tenuo_denial(request, floor.keys.approver)
    await handle.signal("use", [base64.b64encode(signed).decode()])
    assert await handle.result() == ["APPROVAL_UNBOUND"]
    assert agents.effects == []


def tenuo_denial(request: GateRequest, key: Ed25519PrivateKey) -> bytes:
    payload = cbor2.loads(approval.parse(approve(request, key)).payload)
    extension = cbor.decode(bytes(payload["extensions"]["countersign.v1"]))
    payload["extensions"]["countersign.v1"] = list(cbor.encode({**extension, "decision": "deny"}))
    data = cbor2.dumps(payload)
    return approval.assemble(data, public(key), key.sign(approval.signed_message(data)))


async def test_many_forged_decisions_do_not_delay_the_genuine_one(floor: Floor) -> None:
    handle, request = await waiting(floor)
    stranger = Ed25519PrivateKey.generate()
    forged = Decision(
        request_id=request.request_id,
        approvals=[base64.b64encode(approve(request, stranger)).decode()] * 20,
    )
    await asyncio.gather(*[send(floor.plain, request, forged) for _ in range(30)])
    await send(floor.plain, request, decision(request, approvals=(approve(request, floor.keys.approver),)))
    assert await handle.result() == "restarted checkout"
