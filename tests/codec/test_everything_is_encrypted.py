"""What the server keeps and tells of a workflow that puts a secret into everything: nothing can be read."""

from __future__ import annotations

import asyncio
import base64
import uuid
from collections.abc import AsyncIterator
from typing import Any

import pytest
import pytest_asyncio
import temporalio.api.nexus.v1
import temporalio.api.operatorservice.v1
import temporalio.api.workflowservice.v1
from temporalio.api.common.v1 import WorkflowExecution
from temporalio.client import (
    Client,
    Schedule,
    ScheduleActionStartWorkflow,
    ScheduleSpec,
    WorkflowFailureError,
    WorkflowUpdateFailedError,
)
from temporalio.testing import WorkflowEnvironment
from temporalio.worker import Replayer

from audit.sealing import Ring
from tests.codec.everything import PLACES, PREFIX, Child, Everything, Failing, Header, canary, worker
from workers.codec.converter import client_options
from workers.codec.exchanges import Exchanges
from workers.codec.rings import FixedRings

pytestmark = [pytest.mark.temporal, pytest.mark.asyncio(loop_scope="session")]

RINGS = FixedRings(
    Ring(namespace="default", current="d1", keys={"d1": b"d" * 32}),
    Ring(namespace="exchange", current="x1", keys={"x1": b"x" * 32}),
)


class Told:
    """Everything that the server told about some workflows, as bytes."""

    def __init__(self, client: Client) -> None:
        self._client, self._service = client, client.workflow_service
        self.messages: list[Any] = []

    async def history(self, workflow_id: str, run_id: str = "") -> None:
        handle = self._client.get_workflow_handle(workflow_id, run_id=run_id or None)
        self.messages += (await handle.fetch_history()).events

    async def describe(self, workflow_id: str) -> None:
        request = temporalio.api.workflowservice.v1.DescribeWorkflowExecutionRequest(
            namespace="default", execution=WorkflowExecution(workflow_id=workflow_id)
        )
        self.messages.append(await self._service.describe_workflow_execution(request))

    async def describe_while_it_retries(self, workflow_id: str) -> None:
        async with asyncio.timeout(20):
            while True:
                await self.describe(workflow_id)
                if any(pending.HasField("heartbeat_details") for pending in self.messages[-1].pending_activities):
                    return
                await asyncio.sleep(0.05)

    async def listed(self, workflow_id: str) -> None:
        """Visibility is asynchronous: ask until it is there."""
        request = temporalio.api.workflowservice.v1.ListWorkflowExecutionsRequest(
            namespace="default", query=f"WorkflowId = '{workflow_id}'"
        )
        async with asyncio.timeout(20):
            while not (answer := await self._service.list_workflow_executions(request)).executions:  # noqa: ASYNC110
                await asyncio.sleep(0.1)
        self.messages.append(answer)

    async def schedule(self, schedule_id: str) -> None:
        request = temporalio.api.workflowservice.v1.DescribeScheduleRequest(
            namespace="default", schedule_id=schedule_id
        )
        self.messages.append(await self._service.describe_schedule(request))

    def found(self) -> set[str]:
        """Return the places whose canary can be read, also as base64 of any alignment."""
        data = b"\n".join(message.SerializeToString() for message in self.messages)
        return {place for place in PLACES if any(form in data for form in _forms(canary(place)))}


def _forms(text: str) -> list[bytes]:
    padded = [base64.b64encode(b"\0" * shift + text.encode())[4:-4] for shift in range(3)]
    return [text.encode(), *padded]


@pytest_asyncio.fixture(loop_scope="session", scope="module")
async def endpoint(live_temporal: WorkflowEnvironment) -> AsyncIterator[tuple[str, str]]:
    """A Nexus endpoint, and the task queue it leads to."""
    name, queue = f"secrets-{uuid.uuid4().hex[:8]}", f"everything-{uuid.uuid4().hex[:8]}"
    target = temporalio.api.nexus.v1.EndpointTarget(
        worker=temporalio.api.nexus.v1.EndpointTarget.Worker(namespace="default", task_queue=queue)
    )
    request = temporalio.api.operatorservice.v1.CreateNexusEndpointRequest(
        spec=temporalio.api.nexus.v1.EndpointSpec(name=name, target=target)
    )
    operator = live_temporal.client.operator_service
    made = (await operator.create_nexus_endpoint(request)).endpoint
    yield name, queue
    await operator.delete_nexus_endpoint(
        temporalio.api.operatorservice.v1.DeleteNexusEndpointRequest(id=made.id, version=made.version)
    )


async def tell_everything(live_temporal: WorkflowEnvironment, endpoint: tuple[str, str], client: Client) -> Told:
    """Run the workflow with ``client`` and return what the server told about it."""
    name, queue = endpoint
    config = client.config()
    config["interceptors"] = [Header()]
    client = Client(**config)
    told, workflow_id = Told(live_temporal.client), f"everything-{uuid.uuid4().hex[:8]}"
    async with worker(client, queue):
        handle = await client.start_workflow(
            Everything.run,
            args=[canary("argument"), name],
            id=workflow_id,
            task_queue=queue,
            memo={"note": canary("memo")},
            static_summary=canary("static-summary"),
            static_details=canary("static-details"),
        )
        first_run = handle.first_execution_run_id
        assert await handle.query(Everything.ask, canary("query")) == canary("answer")
        with pytest.raises(WorkflowUpdateFailedError) as rejected:
            await handle.execute_update(Everything.change, canary("rejected-update"))
        assert canary("rejected-update") in str(rejected.value.cause)
        await handle.signal(Everything.hear, canary("signal"))
        await told.describe_while_it_retries(workflow_id)
        assert await handle.execute_update(Everything.change, canary("update")) == canary("update-result")
        assert await handle.result() == canary("result")
        first = await client.get_workflow_handle(workflow_id, run_id=first_run).describe()
        assert await first.memo() == {"note": canary("memo"), "upserted": canary("upserted-memo")}
        with pytest.raises(WorkflowFailureError) as failed:
            await client.execute_workflow(Failing.run, id=f"{workflow_id}-failing", task_queue=queue)
        assert canary("activity-failure") in str(failed.value.cause)
        await on_schedule(client, told, workflow_id, queue)
    await told.history(workflow_id, first_run or "")
    for identifier in (workflow_id, f"{workflow_id}-child", f"{workflow_id}-failing"):
        await told.history(identifier)
        await told.describe(identifier)
        await told.listed(identifier)
    return told


async def on_schedule(client: Client, told: Told, workflow_id: str, queue: str) -> None:
    action = ScheduleActionStartWorkflow(
        Child.run,
        canary("schedule-argument"),
        id=f"{workflow_id}-scheduled",
        task_queue=queue,
        memo={"note": canary("schedule-memo")},
    )
    schedule = await client.create_schedule(
        f"{workflow_id}-schedule", Schedule(action=action, spec=ScheduleSpec()), trigger_immediately=True
    )
    async with asyncio.timeout(20):
        while not (found := await schedule.describe()).info.recent_actions:  # noqa: ASYNC110
            await asyncio.sleep(0.05)
    started = found.info.recent_actions[0].action
    with pytest.raises(WorkflowFailureError):
        await client.get_workflow_handle(started.workflow_id).result()  # type: ignore[union-attr]
    await told.schedule(schedule.id)
    await told.history(started.workflow_id)  # type: ignore[union-attr]
    await schedule.delete()


async def test_nothing_that_the_server_knows_can_be_read(
    live_temporal: WorkflowEnvironment, endpoint: tuple[str, str]
) -> None:
    exchanges = Exchanges(endpoints={endpoint[0]: "exchange"})
    told = await tell_everything(live_temporal, endpoint, _with(live_temporal.client, exchanges=exchanges))
    assert told.found() == set()
    assert PREFIX.encode() not in b"".join(message.SerializeToString() for message in told.messages)


async def test_without_the_codec_the_same_search_finds_every_canary(
    live_temporal: WorkflowEnvironment, endpoint: tuple[str, str]
) -> None:
    told = await tell_everything(live_temporal, endpoint, live_temporal.client)
    # These are in no history.
    assert set(PLACES) - told.found() == {"query", "answer", "rejected-update", "local-argument"}


async def test_what_is_refused_and_asked_is_encrypted_on_the_wire_as_well(
    live_temporal: WorkflowEnvironment, endpoint: tuple[str, str]
) -> None:
    """A client without keys asks and is answered in ciphertext."""
    queue = endpoint[1]
    client, workflow_id = _with(live_temporal.client), f"wire-{uuid.uuid4().hex[:8]}"
    async with worker(client, queue):
        await client.start_workflow(
            Everything.run, args=[canary("argument"), endpoint[0]], id=workflow_id, task_queue=queue
        )
        request = temporalio.api.workflowservice.v1.QueryWorkflowRequest(
            namespace="default", execution=WorkflowExecution(workflow_id=workflow_id)
        )
        request.query.query_type = "ask"
        request.query.query_args.payloads.extend(await client.data_converter.encode([canary("query")]))
        answer = await client.workflow_service.query_workflow(request)
        await client.get_workflow_handle(workflow_id).terminate()
    assert answer.query_result.payloads[0].metadata["encoding"] == b"binary/encrypted"
    assert await client.data_converter.decode(answer.query_result.payloads) == [canary("answer")]


async def test_an_encrypted_history_replays_with_the_ring_and_not_without(
    live_temporal: WorkflowEnvironment, endpoint: tuple[str, str]
) -> None:
    queue, workflow_id = endpoint[1], f"replayed-{uuid.uuid4().hex[:8]}"
    client = _with(live_temporal.client)
    async with worker(client, queue):
        with pytest.raises(WorkflowFailureError):
            await client.execute_workflow(Failing.run, id=workflow_id, task_queue=queue)
    history = await client.get_workflow_handle(workflow_id).fetch_history()
    await Replayer(workflows=[Failing], namespace="default", **client_options(RINGS, "default")).replay_workflow(
        history
    )
    other = FixedRings(Ring(namespace="default", current="d2", keys={"d2": b"2" * 32}))
    with pytest.raises(Exception, match="UnknownKey"):
        await Replayer(workflows=[Failing], namespace="default", **client_options(other, "default")).replay_workflow(
            history
        )


def _with(client: Client, *, rings: FixedRings = RINGS, exchanges: Exchanges | None = None) -> Client:
    config = client.config()
    config.update(client_options(rings, "default", exchanges=exchanges))
    return Client(**config)
