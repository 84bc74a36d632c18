"""A guarded worker refuses to start unsafe, and stays safe while it runs."""

from __future__ import annotations

import asyncio
import time
import uuid
from typing import Any

import pytest
import tenuo_core
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from temporalio import activity
from temporalio.client import Client
from temporalio.exceptions import ApplicationError
from temporalio.worker import ActivityInboundInterceptor, ExecuteActivityInput, Interceptor, Worker

from approvals.contracts import ApprovalUse, CallVerdict, OutcomeStatus
from tests.gates import agents
from tests.gates.conftest import CAPABILITIES, GATES, Floor
from tests.gates.people import Keys, approve, decision, send
from warrants.minting.extending import CONTEXT, child_of, enveloped, read_back
from workers.gates import activity_side
from workers.gates.errors import UnsafeSettings
from workers.gates.nonces import InMemoryNonceStore, NonceStoreDown
from workers.gates.receipts import InMemoryReceiptSink, ReceiptWriter
from workers.gates.revocation import Revocation, RevocationRefused
from workers.gates.settings import GateSettings
from workers.gates.setup import build_plugins
from workers.gates.trusted_roots import TrustedRoots


def plugins(**changes: Any) -> tuple[Any, Any]:
    options: dict[str, Any] = {
        "activities": agents.ACTIVITIES,
        "holder_keys": {"agent": b"\x01" * 32},
        "trusted_roots": [Keys().root],
        "receipts": ReceiptWriter(sink=InMemoryReceiptSink(), signing_key=b"\x07" * 32, worker="test"),
        "nonces": InMemoryNonceStore(),
    }
    return build_plugins(**{**options, **changes})


@pytest.mark.parametrize("name", ["TENUO_CONNECT_TOKEN", "TENUO_CONTROL_PLANE_URL"])
def test_a_worker_that_would_phone_home_does_not_start(monkeypatch: pytest.MonkeyPatch, name: str) -> None:
    monkeypatch.setenv(name, "https://elsewhere.example")
    with pytest.raises(UnsafeSettings, match=name):
        plugins()


def test_a_worker_without_roots_or_keys_does_not_start() -> None:
    with pytest.raises(UnsafeSettings, match="trusted root"):
        plugins(trusted_roots=[])
    with pytest.raises(UnsafeSettings, match="holder key"):
        plugins(holder_keys={})
    with pytest.raises(UnsafeSettings, match="32-byte"):
        plugins(holder_keys={"agent": b"short"})


@activity.defn
async def with_dict(options: dict[str, str]) -> None: ...


@activity.defn
async def with_default(service: str = "checkout") -> None: ...


@activity.defn
async def with_none(service: str | None) -> None: ...


@activity.defn
async def with_bytes(data: bytes) -> None: ...


@activity.defn
async def without_annotation(service) -> None: ...  # type: ignore[no-untyped-def]


@activity.defn
async def with_nested(services: list[list[str]]) -> None: ...


@activity.defn
async def with_rest(*services: str) -> None: ...


@pytest.mark.parametrize(
    "function", [with_dict, with_default, with_none, with_bytes, without_annotation, with_nested, with_rest]
)
def test_parameters_that_tenuo_cannot_sign_are_refused_by_name(function: Any) -> None:
    with pytest.raises(UnsafeSettings, match=r"parameter (options|service|data)"):
        plugins(activities=[function])


def test_what_is_no_activity_is_refused() -> None:
    async def plain(service: str) -> None: ...

    with pytest.raises(UnsafeSettings, match="not an activity"):
        plugins(activities=[plain])


@pytest.mark.temporal
async def test_a_worker_with_an_unlisted_activity_does_not_start(live_temporal: Any) -> None:
    tenuo_plugin, gate_plugin = plugins(activities=agents.ACTIVITIES[:2])
    client = await Client.connect(
        live_temporal.client.service_client.config.target_host, plugins=[tenuo_plugin, gate_plugin]
    )
    with pytest.raises(UnsafeSettings, match="delete_database"):
        Worker(client, task_queue="unlisted", workflows=agents.WORKFLOWS, activities=agents.ACTIVITIES)


@pytest.mark.temporal
async def test_plugins_in_the_wrong_order_do_not_start(live_temporal: Any) -> None:
    tenuo_plugin, gate_plugin = plugins()
    client = await Client.connect(
        live_temporal.client.service_client.config.target_host, plugins=[gate_plugin, tenuo_plugin]
    )
    with pytest.raises(UnsafeSettings, match="before"):
        Worker(client, task_queue="order", workflows=agents.WORKFLOWS, activities=agents.ACTIVITIES)


def test_settings_are_bounded() -> None:
    with pytest.raises(UnsafeSettings, match="short lived"):
        GateSettings(signature_lifetime_seconds=10 * 365 * 86400)
    with pytest.raises(UnsafeSettings, match="dispatches_per_proof"):
        GateSettings(dispatches_per_proof=50)


# --- revocation ---------------------------------------------------------------------------


def signed_list(keys: Keys, version: int, *warrants: str) -> bytes:
    builder = tenuo_core.SignedRevocationList.builder()
    for warrant in warrants:
        builder = builder.revoke(warrant)
    return bytes(builder.version(version).build(keys.issuer).to_bytes())


def test_an_older_list_would_bring_warrants_back_and_is_refused() -> None:
    keys = Keys()
    revocation = Revocation(TrustedRoots([keys.root]))
    assert revocation.apply(signed_list(keys, 2, "tnu_wrt_" + "0" * 32))
    assert not revocation.apply(signed_list(keys, 2, "tnu_wrt_" + "0" * 32))
    with pytest.raises(RevocationRefused, match="older"):
        revocation.apply(signed_list(keys, 1))
    assert revocation.version == 2


def test_a_list_that_no_trusted_root_signed_is_refused() -> None:
    with pytest.raises(RevocationRefused, match="trusted root"):
        Revocation(TrustedRoots([Keys().root])).apply(signed_list(Keys(), 1))
    with pytest.raises(RevocationRefused, match="cannot be read"):
        Revocation(TrustedRoots([Keys().root])).apply(b"garbage")


@pytest.mark.temporal
async def test_revocation_takes_effect_on_a_live_worker_and_each_new_list_does(floor: Floor) -> None:
    first, second = (floor.keys.warrant({"read_logs": {}, "restart_service": {}}, {}) for _ in range(2))
    allowed = await floor.start(agents.ForgivingAgent, "checkout", warrant=first)
    assert await allowed.result() == "restarted checkout"

    floor.gate_plugin.apply_revocation_list(signed_list(floor.keys, 1, first.id))
    revoked = await floor.start(agents.ForgivingAgent, "checkout", warrant=first)
    assert (await revoked.result()).startswith("revoked")
    still = await floor.start(agents.ForgivingAgent, "checkout", warrant=second)
    assert await still.result() == "restarted checkout"

    floor.gate_plugin.apply_revocation_list(signed_list(floor.keys, 2, first.id, second.id))
    now_revoked = await floor.start(agents.ForgivingAgent, "checkout", warrant=second)
    assert (await now_revoked.result()).startswith("revoked")
    assert [record.verdict for record in floor.sink.records] == [
        CallVerdict.ALLOWED,
        CallVerdict.DENIED,
        CallVerdict.ALLOWED,
        CallVerdict.DENIED,
    ]


def signed_by_a_lead(keys: Keys) -> list[tenuo_core.Warrant]:
    """Return a warrant that the issuer gave to a lead, and the one with which the lead hands it on to the agent."""
    lead = Ed25519PrivateKey.generate()
    plain = tenuo_core.Warrant.issue(
        keys.issuer,
        capabilities={"restart_service": {}},
        ttl_seconds=300,
        holder=tenuo_core.PublicKey.from_bytes(lead.public_key().public_bytes_raw()),
    )
    payload = child_of(plain, holder=bytes(keys.holder.public_key.to_bytes()))
    return [plain, read_back(enveloped(payload, lead.sign(CONTEXT + payload)))]


@pytest.mark.temporal
async def test_whoever_revokes_what_a_lead_holds_revokes_what_they_handed_on(floor: Floor) -> None:
    chain = signed_by_a_lead(floor.keys)
    allowed = await floor.start(agents.ForgivingAgent, "checkout", chain=chain)
    assert await allowed.result() == "restarted checkout"
    # Before the lead signed there is the first warrant alone, which is not the agent's to use.
    alone = await floor.start(agents.ForgivingAgent, "checkout", chain=chain[:1])
    assert not (await alone.result()).startswith("restarted")
    floor.gate_plugin.apply_revocation_list(signed_list(floor.keys, 1, chain[0].id))
    revoked = await floor.start(agents.ForgivingAgent, "checkout", chain=chain)
    assert (await revoked.result()).startswith("revoked")


@pytest.mark.temporal
async def test_a_warrant_revoked_while_people_think_does_not_run(floor: Floor) -> None:
    warrant = floor.keys.warrant(CAPABILITIES, GATES)
    handle = await floor.start(agents.ForgivingAgent, "checkout", warrant=warrant)
    request = await floor.desk.requests.get()
    floor.gate_plugin.apply_revocation_list(signed_list(floor.keys, 1, warrant.id))
    await send(floor.plain, request, decision(request, approvals=(approve(request, floor.keys.approver),)))
    assert (await handle.result()).startswith("revoked")
    assert agents.effects == []
    assert (await floor.desk.outcomes.get()).status == OutcomeStatus.FAILED


# --- proofs that aged in a queue, stores that are down --------------------------------------


class Aged(Interceptor):
    """Stands for a queue in which the proof of possession aged: the first dispatches fail as Tenuo fails them."""

    def __init__(self, times: int) -> None:
        self.left = times

    def intercept_activity(self, next: ActivityInboundInterceptor) -> ActivityInboundInterceptor:
        aged = self

        class _Activity(ActivityInboundInterceptor):
            async def execute_activity(self, input: ExecuteActivityInput) -> Any:
                if aged.left and activity.info().activity_type == "restart_service":
                    aged.left -= 1
                    raise ApplicationError("too old", type="POP_VERIFICATION_FAILED", non_retryable=True)
                return await super().execute_activity(input)

        return _Activity(next)


async def run_aged(floor: Floor, times: int) -> str:
    """Run an approved call on a worker where proofs age ``times`` times; return the result."""
    receipts = ReceiptWriter(sink=floor.sink, signing_key=b"\x07" * 32, worker="aged")
    tenuo_plugin, gate_plugin = build_plugins(
        activities=agents.ACTIVITIES,
        holder_keys={"agent": bytes(floor.keys.holder.secret_key_bytes())},
        trusted_roots=[floor.keys.root],
        receipts=receipts,
        nonces=floor.nonces,
        settings=floor.gate_plugin.settings,
    )
    client = await Client.connect(floor.plain.service_client.config.target_host, plugins=[tenuo_plugin, gate_plugin])
    floor.task_queue, floor.client, floor.tenuo_plugin = f"aged-{uuid.uuid4().hex[:8]}", client, tenuo_plugin
    aged = Aged(times)
    async with Worker(
        client,
        task_queue=floor.task_queue,
        workflows=agents.WORKFLOWS,
        activities=agents.ACTIVITIES,
        interceptors=[aged],
    ):
        handle = await floor.start(agents.ForgivingAgent, "checkout")
        if times <= 3:
            request = await floor.desk.requests.get()
            aged.left = times
            await send(floor.plain, request, decision(request, approvals=(approve(request, floor.keys.approver),)))
        return str(await handle.result())


@pytest.mark.temporal
async def test_a_proof_that_aged_in_the_queue_is_made_anew_with_the_same_approvals(floor: Floor) -> None:
    assert await run_aged(floor, 3) == "restarted checkout"
    assert agents.effects == ["checkout/production"]


@pytest.mark.temporal
async def test_proofs_are_made_anew_three_times_and_no_more(floor: Floor) -> None:
    assert (await run_aged(floor, 4)).startswith("POP_VERIFICATION_FAILED")
    assert agents.effects == []


@pytest.mark.temporal
async def test_a_store_that_is_down_runs_nothing_and_burns_nothing(
    floor: Floor, monkeypatch: pytest.MonkeyPatch
) -> None:
    consume = floor.nonces.consume
    failures = iter([ConnectionError("down"), ConnectionError("down")])

    async def flaky(*uses: Any, **owner: Any) -> bool:
        for failure in failures:
            raise failure
        return await consume(*uses, **owner)

    monkeypatch.setattr(floor.nonces, "consume", flaky)
    handle = await floor.start(agents.ForgivingAgent, "checkout")
    request = await floor.desk.requests.get()
    await send(floor.plain, request, decision(request, approvals=(approve(request, floor.keys.approver),)))
    assert await handle.result() == "restarted checkout"
    assert agents.effects == ["checkout/production"]


@pytest.mark.temporal
async def test_an_approved_call_does_not_run_again_because_its_evidence_waits(
    floor: Floor, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    async def stuck() -> None:
        await asyncio.Event().wait()

    monkeypatch.setattr(activity_side, "FLUSH_SECONDS", 0.1)
    monkeypatch.setattr(floor.sink, "flush", stuck)
    handle = await floor.start(agents.ForgivingAgent, "checkout")
    request = await floor.desk.requests.get()
    await send(floor.plain, request, decision(request, approvals=(approve(request, floor.keys.approver),)))
    assert await asyncio.wait_for(handle.result(), 20) == "restarted checkout"
    assert agents.effects == ["checkout/production"]
    assert "not durable yet" in caplog.text


async def test_a_spent_nonce_belongs_to_its_first_owner() -> None:
    store = InMemoryNonceStore()
    use = ApprovalUse(b"k" * 32, b"n" * 16, int(time.time()) + 60)
    answers = await asyncio.gather(*[store.consume([use], owner=f"run-{n}") for n in range(50)])
    assert answers.count(True) == 1
    assert await store.consume([use], owner="run-0")


@pytest.mark.temporal
async def test_a_store_that_stays_down_is_a_typed_refusal_that_leaves_no_effect(
    floor: Floor, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def down(*uses: Any, **owner: Any) -> bool:
        raise NonceStoreDown("away")

    monkeypatch.setattr(floor.nonces, "consume", down)
    handle = await floor.start(agents.HastyAgent, "checkout")
    request = await floor.desk.requests.get()
    await send(floor.plain, request, decision(request, approvals=(approve(request, floor.keys.approver),)))
    assert (await handle.result()).startswith("APPROVAL_STORE_DOWN: Whether the approval was used before")
    assert agents.effects == []


@pytest.mark.temporal
async def test_arguments_that_have_no_canonical_form_are_never_dispatched(floor: Floor) -> None:
    handle = await floor.start(agents.ForgivingAgent, "checkout\ud800")
    with pytest.raises(Exception, match="failed"):
        await asyncio.wait_for(handle.result(), 20)
    assert agents.effects == []
