"""The real server, workers and clients, with the gateway between them."""

from __future__ import annotations

import asyncio
import uuid
from collections.abc import AsyncIterator
from dataclasses import dataclass

import grpc
import pytest
import pytest_asyncio
from google.protobuf.duration_pb2 import Duration
from temporalio.api.command.v1 import Command
from temporalio.api.enums.v1 import CommandType
from temporalio.api.nexus.v1 import EndpointSpec, EndpointTarget
from temporalio.api.operatorservice.v1 import CreateNexusEndpointRequest
from temporalio.api.workflowservice.v1 import (
    DescribeNamespaceRequest,
    GetClusterInfoRequest,
    PollWorkflowTaskQueueRequest,
    PollWorkflowTaskQueueResponse,
    RegisterNamespaceRequest,
    RespondWorkflowTaskCompletedRequest,
)
from temporalio.client import Client
from temporalio.exceptions import WorkflowAlreadyStartedError
from temporalio.service import RPCError, RPCStatusCode
from temporalio.worker import Worker

from tests.gateway.greeting import Greeting, greet
from tests.gateway.issuing import Issuer
from tests.gateway.paying import Ordering, Paying, PaymentsHandler
from tests.gateway.servers import Calls, calling
from tests.workers.listening import Listener

pytestmark = [pytest.mark.temporal, pytest.mark.asyncio(loop_scope="session")]

STG, PRD = "gateway-stg", "gateway-prd"


@dataclass
class Site:
    """The server with its two namespaces, and a gateway in front."""

    calls: Calls
    issuer: Issuer
    upstream: str
    direct: Client

    async def client(self, namespace: str, *permissions: str) -> Client:
        address = f"127.0.0.1:{self.calls.gateway.port}"
        return await Client.connect(address, namespace=namespace, api_key=self.issuer.token(*permissions), tls=False)


@pytest_asyncio.fixture(loop_scope="session", scope="module")
async def site(live_temporal, tmp_path_factory) -> AsyncIterator[Site]:
    directory = tmp_path_factory.mktemp("gateway")
    upstream = live_temporal.client.service_client.config.target_host
    for namespace in (STG, PRD):
        kept = Duration(seconds=86_400)
        request = RegisterNamespaceRequest(namespace=namespace, workflow_execution_retention_period=kept)
        await live_temporal.client.workflow_service.register_namespace(request)
    direct = await Client.connect(upstream, namespace=PRD)
    issuer = Issuer(directory)
    async with asyncio.timeout(30):
        while not await _knows(direct):  # noqa: ASYNC110  the server reads its namespaces now and then
            await asyncio.sleep(0.1)
    async with calling(upstream=upstream, keys=issuer.file, directory=directory) as calls:
        yield Site(calls, issuer, upstream, direct)


async def _knows(client: Client) -> bool:
    try:
        for namespace in (STG, PRD):
            await Client(client.service_client, namespace=namespace).count_workflows()
    except RPCError:
        return False
    return True


def fresh(name: str) -> str:
    return f"{name}-{uuid.uuid4().hex[:8]}"


async def test_a_workflow_runs_from_end_to_end_through_the_gateway(site) -> None:
    writer = await site.client(STG, f"{STG}:write")
    worker = await site.client(STG, f"{STG}:worker")
    queue, run, listener = fresh("queue"), fresh("run"), fresh("listener")
    async with Worker(worker, task_queue=queue, workflows=[Greeting, Listener], activities=[greet]):
        other = await writer.start_workflow(Listener.run, id=listener, task_queue=queue)
        handle = await writer.start_workflow(Greeting.run, listener, id=run, task_queue=queue)
        assert await handle.execute_update(Greeting.set_name, "Ada") == "noted"
        assert await handle.result() == "Hello, Ada"
        assert await handle.query(Greeting.known) == "Ada"
        assert await other.result() == []
    methods = {line["method"] for line in site.calls.lines() if line["allowed"] and line["workflow_id"] == run}
    assert {
        "StartWorkflowExecution",
        "UpdateWorkflowExecution",
        "RespondWorkflowTaskCompleted",
        "RespondActivityTaskCompleted",
        "QueryWorkflow",
        "GetWorkflowExecutionHistory",
    } <= methods
    assert "Ada" not in str(site.calls.lines())


async def test_a_worker_alone_starts_nothing(site) -> None:
    worker = await site.client(STG, f"{STG}:worker")
    with pytest.raises(RPCError) as caught:
        await worker.start_workflow(Listener.run, id=fresh("run"), task_queue="q")
    assert caught.value.status is RPCStatusCode.PERMISSION_DENIED


async def test_the_servers_errors_keep_their_details(site) -> None:
    writer = await site.client(STG, f"{STG}:write")
    run = fresh("run")
    await writer.start_workflow(Listener.run, id=run, task_queue="nobody")
    # The SDK knows this error only by its details, which travel in binary metadata.
    with pytest.raises(WorkflowAlreadyStartedError) as caught:
        await writer.start_workflow(Listener.run, id=run, task_queue="nobody")
    assert caught.value.workflow_id == run


async def test_one_connection_serves_the_namespaces_that_its_token_names(site) -> None:
    client = await site.client(STG, f"{STG}:read", f"{PRD}:read")
    for namespace in (STG, PRD):
        await Client(client.service_client, namespace=namespace).count_workflows()
    with pytest.raises(RPCError) as caught:
        await Client(client.service_client, namespace="default").count_workflows()
    assert caught.value.status is RPCStatusCode.PERMISSION_DENIED


async def test_a_task_of_prd_is_not_done_by_a_worker_of_stg(site) -> None:
    queue, run = fresh("queue"), fresh("run")
    handle = await site.direct.start_workflow(Listener.run, id=run, task_queue=queue)
    polled = PollWorkflowTaskQueueRequest(namespace=PRD, task_queue={"name": queue}, identity="tests")
    task = await site.direct.workflow_service.poll_workflow_task_queue(polled)
    token = site.issuer.token(f"{STG}:admin")
    forged = RespondWorkflowTaskCompletedRequest(task_token=task.task_token, commands=[_completing()], identity="tests")
    for namespace, reason in ((STG, "foreign_task"), ("", "namespace_missing"), (PRD, "not_permitted")):
        forged.namespace = namespace
        refused, _ = await site.calls.refusal("RespondWorkflowTaskCompleted", forged, token)
        assert refused == reason
    assert (await handle.describe()).close_time is None
    # The same task, by one who may.
    forged.namespace = PRD
    await site.calls.begin("RespondWorkflowTaskCompleted", forged, site.issuer.token(f"{PRD}:worker"))
    assert (await handle.describe()).close_time is not None
    assert site.calls.lines()[-1]["workflow_id"] == run


def _completing() -> Command:
    return Command(
        command_type=CommandType.COMMAND_TYPE_COMPLETE_WORKFLOW_EXECUTION,
        complete_workflow_execution_command_attributes={},
    )


async def test_a_workflow_of_stg_does_not_reach_into_prd(site) -> None:
    queue, run = fresh("queue"), fresh("run")
    stg = Client(site.direct.service_client, namespace=STG)
    target = await site.direct.start_workflow(Listener.run, id=fresh("target"), task_queue="nobody")
    await stg.start_workflow(Listener.run, id=run, task_queue=queue)
    token = site.issuer.token(f"{STG}:write")
    polled = PollWorkflowTaskQueueRequest(namespace=STG, task_queue={"name": queue}, identity="tests")
    body = await site.calls.begin("PollWorkflowTaskQueue", polled, token)
    task = PollWorkflowTaskQueueResponse.FromString(body)
    answer = RespondWorkflowTaskCompletedRequest(
        namespace=STG, task_token=task.task_token, commands=[_signalling(target.id)], identity="tests"
    )
    refused, _ = await site.calls.refusal("RespondWorkflowTaskCompleted", answer, token)
    assert refused == "not_permitted"
    # With the right to write there it reaches the server, which has a rule of its own.
    both = site.issuer.token(f"{STG}:worker", f"{PRD}:write")
    with pytest.raises(grpc.aio.AioRpcError, match="cross namespace commands are not allowed"):
        await site.calls.begin("RespondWorkflowTaskCompleted", answer, both)


def _signalling(workflow_id: str) -> Command:
    return Command(
        command_type=CommandType.COMMAND_TYPE_SIGNAL_EXTERNAL_WORKFLOW_EXECUTION,
        signal_external_workflow_execution_command_attributes={
            "namespace": PRD,
            "execution": {"workflow_id": workflow_id},
            "signal_name": "stop",
        },
    )


async def test_a_nexus_endpoint_leads_where_the_token_may_call(site) -> None:
    name = fresh("into-prd")
    spec = EndpointSpec(name=name, target=EndpointTarget(worker=EndpointTarget.Worker(namespace=PRD, task_queue="q")))
    request = CreateNexusEndpointRequest(spec=spec)
    with pytest.raises(grpc.aio.AioRpcError):
        await site.calls.begin("CreateNexusEndpoint", request, site.issuer.token(f"{PRD}:admin"))
    await site.calls.begin("CreateNexusEndpoint", request, site.issuer.token("temporal-system:admin"))
    upstream = site.calls.gateway._upstream
    assert await upstream.endpoint_target(name) == PRD
    assert await upstream.endpoint_target("no-such-endpoint") == ""
    assert await upstream.namespace_id("no-such-namespace") == ""


async def test_an_operation_of_another_namespace_is_called_and_answered_by_those_who_may(site) -> None:
    endpoint, queue = fresh("payments"), fresh("queue")
    spec = EndpointSpec(
        name=endpoint, target=EndpointTarget(worker=EndpointTarget.Worker(namespace=PRD, task_queue=queue))
    )
    await site.direct.operator_service.create_nexus_endpoint(CreateNexusEndpointRequest(spec=spec))
    caller = await site.client(STG, f"{STG}:write", f"{PRD}:nexus")
    callee = await site.client(PRD, f"{PRD}:write", f"{STG}:nexus")
    stranger = await site.client(PRD, f"{PRD}:write")
    async with Worker(caller, task_queue=queue, workflows=[Ordering]):
        handle = await caller.start_workflow(Ordering.run, args=[endpoint, fresh("7")], id=fresh("o"), task_queue=queue)
        async with Worker(stranger, task_queue=queue, workflows=[Paying], nexus_service_handlers=[PaymentsHandler()]):
            # It is asked, and may not tie the answer to the caller's operation.
            await site.calls.line(lambda line: line["reason"] == "foreign_task" and line["namespace"] == PRD)
        async with Worker(callee, task_queue=queue, workflows=[Paying], nexus_service_handlers=[PaymentsHandler()]):
            assert (await handle.result()).startswith("paid 7-")


async def test_what_temporals_own_pages_and_command_line_ask_first_is_answered(site) -> None:
    token = site.issuer.token(f"{STG}:read")
    await site.calls.begin("GetClusterInfo", GetClusterInfoRequest(), token)
    await site.calls.begin("DescribeNamespace", DescribeNamespaceRequest(namespace=STG), token)


async def test_a_worker_outlives_a_gateway_that_is_started_again(site, tmp_path) -> None:
    queue = fresh("queue")
    first = calling(upstream=site.upstream, keys=site.issuer.file, directory=tmp_path)
    calls = await first.__aenter__()
    listen = f"127.0.0.1:{calls.gateway.port}"
    client = await Client.connect(listen, namespace=STG, api_key=site.issuer.token(f"{STG}:write"), tls=False)
    async with Worker(client, task_queue=queue, workflows=[Listener]):
        handle = await client.start_workflow(Listener.run, id=fresh("run"), task_queue=queue)
        await calls.line(lambda line: line["method"] == "RespondWorkflowTaskCompleted")
        await first.__aexit__(None, None, None)
        # Long polls that were under way are in the log.
        ended = {line["code"] for line in calls.lines() if line["method"] == "PollWorkflowTaskQueue"}
        assert "UNAVAILABLE" in ended
        async with calling(upstream=site.upstream, keys=site.issuer.file, directory=tmp_path, listen=listen):
            await handle.signal(Listener.stop)
            assert await handle.result() == []


async def test_a_token_that_expires_under_a_running_worker_stops_only_its_calls(site) -> None:
    client = await site.client(STG, f"{STG}:write")
    await client.count_workflows()
    client.service_client.update_api_key(site.issuer.token(f"{STG}:write", exp=1))
    with pytest.raises(RPCError) as caught:
        await client.count_workflows()
    assert caught.value.status is RPCStatusCode.UNAUTHENTICATED
    client.service_client.update_api_key(site.issuer.token(f"{STG}:write"))
    await client.count_workflows()
