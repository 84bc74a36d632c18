"""Calls through the gateway, with a server behind it that says what the tests want."""

from __future__ import annotations

import asyncio
import json
import signal
import time

import grpc
import pytest
from temporalio.api.command.v1 import Command
from temporalio.api.common.v1 import Payload, Payloads
from temporalio.api.operatorservice.v1 import ListNexusEndpointsResponse
from temporalio.api.workflowservice.v1 import (
    CountWorkflowExecutionsRequest,
    DescribeNamespaceRequest,
    ExecuteMultiOperationRequest,
    GetSystemInfoRequest,
    ListNamespacesRequest,
    PollWorkflowTaskQueueRequest,
    RegisterNamespaceRequest,
    RespondActivityTaskCompletedRequest,
    RespondWorkflowTaskCompletedRequest,
    StartNexusOperationExecutionRequest,
    StartWorkflowExecutionRequest,
    UpdateWorkflowExecutionRequest,
)

from tests.gateway.issuing import AUDIENCE, ISSUER, Authority
from tests.gateway.servers import Behind, calling, open_channel
from tests.gateway.test_contents import callback, completion, task_token
from tests.workers.processes import Installation, free_port, lines_until, stop
from workers.errors import StartFailed
from workers.gateway.methods import METHODS, Access
from workers.gateway.server import Gateway, GatewaySettings

pytestmark = pytest.mark.asyncio(loop_scope="session")

KNOWN = [("client-name", "temporal-python"), ("temporal-namespace", "stg"), ("te-own", "x"), ("host-own", "y")]
COUNT = CountWorkflowExecutionsRequest(namespace="stg")
START = StartWorkflowExecutionRequest(namespace="stg", workflow_id="pay-7")


async def test_bytes_pass_as_they_are(calls, behind, issuer) -> None:
    bodies = []

    async def answer(path, body, context):
        bodies.append(body)
        await context.send_initial_metadata((("early", "1"), ("early-bin", b"\x00\xff")))
        context.set_trailing_metadata((("late", "2"), ("late-bin", b"\xfe\x00")))
        return b"no message at all \x00\xff"

    behind.answer = answer
    # The same message in another order than ours would be written.
    body = b"\x12\x05pay-7" + b"\x0a\x03stg"
    call = calls.begin("StartWorkflowExecution", body, issuer.token("stg:write"), metadata=[("own-bin", b"\x01\xff")])
    assert await call == b"no message at all \x00\xff"
    assert bodies == [body]
    assert behind.metadata["own-bin"] == b"\x01\xff"
    assert dict(await call.initial_metadata())["early-bin"] == b"\x00\xff"
    assert dict(await call.trailing_metadata()) == {"late": "2", "late-bin": b"\xfe\x00"}


async def test_the_token_stays_at_the_gateway(calls, behind, issuer) -> None:
    await calls.begin("CountWorkflowExecutions", COUNT, issuer.token("stg:read"), metadata=KNOWN)
    assert "authorization" not in behind.metadata
    assert {name: behind.metadata[name] for name, _ in KNOWN} == dict(KNOWN)


async def test_errors_pass_as_they_are(calls, behind, issuer) -> None:
    async def answer(path, body, context):
        trailers = (("grpc-status-details-bin", b"\x08\x05\x00\xff"), ("retry-after", "7"))
        await context.abort(grpc.StatusCode.NOT_FOUND, "workflow not found: é", trailers)

    behind.answer = answer
    with pytest.raises(grpc.aio.AioRpcError) as caught:
        await calls.begin("CountWorkflowExecutions", COUNT, issuer.token("stg:read"))
    error = caught.value
    assert (error.code(), error.details()) == (grpc.StatusCode.NOT_FOUND, "workflow not found: é")
    assert dict(error.trailing_metadata()) == {"grpc-status-details-bin": b"\x08\x05\x00\xff", "retry-after": "7"}
    assert (calls.lines()[-1]["allowed"], calls.lines()[-1]["code"]) == (True, "NOT_FOUND")


async def test_whoever_hangs_up_ends_the_call_behind_too(calls, behind, issuer) -> None:
    began, ended = asyncio.Event(), asyncio.Event()

    async def answer(path, body, context):
        began.set()
        try:
            await asyncio.Event().wait()
        finally:
            ended.set()

    behind.answer = answer
    request = PollWorkflowTaskQueueRequest(namespace="stg")
    call = calls.begin("PollWorkflowTaskQueue", request, issuer.token("stg:worker"))
    await asyncio.wait_for(began.wait(), 10)
    call.cancel()
    await asyncio.wait_for(ended.wait(), 10)
    line = await calls.line(lambda line: line["method"] == "PollWorkflowTaskQueue")
    assert (line["allowed"], line["code"]) == (True, "CANCELLED")


async def test_the_callers_deadline_reaches_the_server_and_no_other_does(calls, behind, issuer) -> None:
    left = []

    async def answer(path, body, context):
        left.append(context.time_remaining())
        return b""

    behind.answer = answer
    await calls.begin("CountWorkflowExecutions", COUNT, issuer.token("stg:read"), timeout=9)
    await calls.begin("CountWorkflowExecutions", COUNT, issuer.token("stg:read"), timeout=None)
    assert 7 < left[0] < 9.5
    assert left[1] is None


async def test_a_request_larger_than_the_server_takes_is_refused_and_a_large_answer_passes(
    calls, behind, issuer
) -> None:
    token = issuer.token("stg:write")
    for size, fits in ((4_100_000, True), (4_300_000, False)):
        request = StartWorkflowExecutionRequest(namespace="stg", input=Payloads(payloads=[Payload(data=b"x" * size)]))
        if fits:
            await calls.begin("StartWorkflowExecution", request, token)
        else:
            with pytest.raises(grpc.aio.AioRpcError) as caught:
                await calls.begin("StartWorkflowExecution", request, token)
            assert caught.value.code() is grpc.StatusCode.RESOURCE_EXHAUSTED

    async def answer(path, body, context):
        return b"x" * 20_000_000

    behind.answer = answer
    assert len(await calls.begin("CountWorkflowExecutions", COUNT, token)) == 20_000_000


async def test_every_call_leaves_its_line_and_nothing_of_what_it_says(calls, issuer) -> None:
    token = issuer.token("stg:write")
    secret = "4929 1234 5678 9012"
    request = StartWorkflowExecutionRequest(
        namespace="stg", workflow_id="pay-7", input=Payloads(payloads=[Payload(data=secret.encode())])
    )
    await calls.begin("StartWorkflowExecution", request, token, metadata=[("own", secret)])
    line = calls.lines()[-1]
    assert line.pop("peer").startswith("ipv4:127.0.0.1:")
    assert line.pop("at")
    assert line.pop("milliseconds") > 0
    assert line == {
        "method": "StartWorkflowExecution",
        "subject": "worker-7",
        "token_id": "token-1",
        "namespace": "stg",
        "workflow_id": "pay-7",
        "allowed": True,
        "reason": "",
        "code": "OK",
    }
    await calls.refusal("StartWorkflowExecution", request, issuer.token("prd:write"))
    text = json.dumps(calls.lines())
    assert secret not in text
    assert all(part not in text for part in token.split("."))


async def test_what_a_caller_writes_cannot_make_a_line_of_its_own(calls, issuer) -> None:
    request = StartWorkflowExecutionRequest(namespace="stg", workflow_id='x"}\n{"forged": true}\u2028' + "y" * 5000)
    await calls.begin("StartWorkflowExecution", request, issuer.token("stg:write"))
    assert len(calls.lines()) == 1
    assert len(calls.lines()[0]["workflow_id"]) == 500


@pytest.mark.parametrize("permissions", [[], ["prd:admin"], ["stg:nexus"], ["stg:worker"]])
async def test_reading_needs_the_right_to_read(calls, behind, issuer, permissions) -> None:
    reason = await calls.refusal("CountWorkflowExecutions", COUNT, issuer.token(*permissions))
    assert reason == ("not_permitted", "PERMISSION_DENIED")
    assert behind.reached == []


async def test_a_reader_reads_and_changes_nothing(calls, behind, issuer) -> None:
    reader = issuer.token("stg:read")
    for method in METHODS.values():
        if method.request is None:
            continue
        has_namespace = "namespace" in method.request.DESCRIPTOR.fields_by_name
        request = method.request(namespace="stg") if has_namespace else method.request()
        if method.access in (Access.READ, Access.MEMBER, Access.ANYBODY):
            await calls.begin(method.path, request, reader)
        else:
            assert (await calls.refusal(method.path, request, reader))[0] == "not_permitted", method.name


async def test_no_method_lets_one_who_may_all_in_stg_touch_prd(calls, behind, issuer) -> None:
    token = issuer.token("stg:admin")
    for method in METHODS.values():
        if method.request is not None and method.access is not Access.ANYBODY:
            has_namespace = "namespace" in method.request.DESCRIPTOR.fields_by_name
            request = method.request(namespace="prd") if has_namespace else method.request()
            assert (await calls.refusal(method.path, request, token))[0] == "not_permitted", method.name
    assert behind.reached == []


@pytest.mark.parametrize(
    ("name", "request_", "reason"),
    [
        ("CountWorkflowExecutions", CountWorkflowExecutionsRequest(), "namespace_missing"),
        (
            "RespondActivityTaskCompleted",
            RespondActivityTaskCompletedRequest(task_token=task_token("id-of-stg")),
            "namespace_missing",
        ),
        (
            "RespondActivityTaskCompleted",
            RespondActivityTaskCompletedRequest(namespace="stg", task_token=task_token("id-of-prd")),
            "foreign_task",
        ),
        (
            "RespondWorkflowTaskCompleted",
            RespondWorkflowTaskCompletedRequest(namespace="stg", task_token=b"unreadable"),
            "foreign_task",
        ),
        ("RespondWorkflowTaskCompleted", RespondWorkflowTaskCompletedRequest(namespace="stg"), "foreign_task"),
        ("DescribeNamespace", DescribeNamespaceRequest(namespace="stg", id="id-of-prd"), "foreign_task"),
        ("DescribeNamespace", DescribeNamespaceRequest(id="id-of-prd"), "namespace_missing"),
        (
            "ExecuteMultiOperation",
            ExecuteMultiOperationRequest(
                namespace="stg",
                operations=[{"update_workflow": UpdateWorkflowExecutionRequest(namespace="prd")}],
            ),
            "not_permitted",
        ),
        (
            "RespondWorkflowTaskCompleted",
            RespondWorkflowTaskCompletedRequest(
                namespace="stg",
                task_token=task_token("id-of-stg"),
                commands=[Command(signal_external_workflow_execution_command_attributes={"namespace": "prd"})],
            ),
            "not_permitted",
        ),
        (
            "StartWorkflowExecution",
            StartWorkflowExecutionRequest(namespace="stg", completion_callbacks=[callback(completion())]),
            "foreign_task",
        ),
        (
            "StartWorkflowExecution",
            StartWorkflowExecutionRequest(namespace="stg", task_queue={"name": "temporal-sys-per-ns-tq"}),
            "not_permitted",
        ),
        (
            "StartNexusOperationExecution",
            StartNexusOperationExecutionRequest(namespace="stg", endpoint="into-prd"),
            "not_permitted",
        ),
        ("StartWorkflowExecution", b"\xff\xff\xff", "unreadable_request"),
    ],
    ids=str,
)
async def test_one_who_may_all_in_stg_reaches_prd_by_no_way_round(
    calls, behind, issuer, name, request_, reason
) -> None:
    behind.answer = _endpoints
    assert (await calls.refusal(name, request_, issuer.token("stg:admin")))[0] == reason
    assert name not in behind.reached


async def _endpoints(path, body, context) -> bytes:
    answer = ListNexusEndpointsResponse()
    if path.endswith("/ListNexusEndpoints"):
        answer.endpoints.add().spec.MergeFrom(
            type(answer.endpoints.add().spec)(name="into-prd", target={"worker": {"namespace": "prd"}})
        )
    return answer.SerializeToString()


@pytest.mark.parametrize("permissions", [["stg:write", "prd:nexus"], ["temporal-system:admin"]])
async def test_nexus_leads_to_where_the_token_says(calls, behind, issuer, permissions) -> None:
    behind.answer = _endpoints
    token = issuer.token(*permissions)
    request = StartNexusOperationExecutionRequest(namespace="stg", endpoint="into-prd")
    await calls.begin("StartNexusOperationExecution", request, token)
    answering = StartWorkflowExecutionRequest(namespace="stg", completion_callbacks=[callback(completion())])
    await calls.begin("StartWorkflowExecution", answering, token)
    assert behind.reached[-2:] == ["StartNexusOperationExecution", "StartWorkflowExecution"]
    reason, _ = await calls.refusal("CountWorkflowExecutions", CountWorkflowExecutionsRequest(), token)
    assert reason == "namespace_missing"


async def test_a_task_of_ones_own_namespace_passes(calls, behind, issuer) -> None:
    request = RespondActivityTaskCompletedRequest(namespace="stg", task_token=task_token("id-of-stg", "pay-7"))
    await calls.begin("RespondActivityTaskCompleted", request, issuer.token("stg:worker"))
    assert behind.reached == ["RespondActivityTaskCompleted"]
    assert calls.lines()[-1]["workflow_id"] == "pay-7"


async def test_metadata_that_names_another_namespace_is_refused(calls, issuer) -> None:
    token = issuer.token("stg:write", "prd:write")
    for other in ("prd", "stg ", ""):
        metadata = [("temporal-namespace", other)]
        reason, _ = await calls.refusal("CountWorkflowExecutions", COUNT, token, metadata=metadata)
        assert reason == "namespace_mismatch"
    await calls.begin("CountWorkflowExecutions", COUNT, token, metadata=[("temporal-namespace", "stg")])


async def test_what_concerns_every_namespace_needs_the_systems_administrator(calls, issuer) -> None:
    for name, request in (
        ("ListNamespaces", ListNamespacesRequest()),
        ("RegisterNamespace", RegisterNamespaceRequest(namespace="stg")),
        ("CreateNexusEndpoint", b""),
    ):
        assert (await calls.refusal(name, request, issuer.token("stg:admin", "temporal-system:write")))[0]
        await calls.begin(name, request, issuer.token("temporal-system:admin"))


async def test_what_the_server_can_do_is_told_to_every_token_and_to_nobody_without(calls, issuer) -> None:
    for name, request in (("GetSystemInfo", GetSystemInfoRequest()), ("Health.Check", b"\x0a\x01x")):
        await calls.begin(name, request, issuer.token())
        assert await calls.refusal(name, request, None) == ("token_missing", "UNAUTHENTICATED")
        expired = issuer.token(exp=time.time() - 60)
        assert await calls.refusal(name, request, expired) == ("token_invalid", "UNAUTHENTICATED")


@pytest.mark.parametrize(
    "path",
    [
        "/temporal.api.workflowservice.v1.WorkflowService/NewInTheNextVersion",
        "/temporal.server.api.adminservice.v1.AdminService/DescribeMutableState",
        "/temporal.server.api.historyservice.v1.HistoryService/StartWorkflowExecution",
        "/grpc.health.v1.Health/Watch",
        "/grpc.reflection.v1.ServerReflection/ServerReflectionInfo",
        "/temporal.api.workflowservice.v1.WorkflowService/startWorkflowExecution",
        "//temporal.api.workflowservice.v1.WorkflowService/CountWorkflowExecutions",
        "/temporal.api.operatorservice.v1.OperatorService/AddOrUpdateRemoteCluster",
    ],
)
async def test_a_method_that_is_not_known_or_closed_is_refused_to_everybody(calls, behind, issuer, path) -> None:
    reason, status = await calls.refusal(path, b"", issuer.token("temporal-system:admin"))
    assert (reason in ("unknown_method", "not_permitted"), status) == (True, "PERMISSION_DENIED")
    assert behind.reached == []


async def test_a_server_that_is_away_is_said_at_once_and_found_again(issuer, tmp_path) -> None:
    behind = Behind()
    await behind.start()
    token = issuer.token("stg:write")
    async with calling(upstream=behind.address, keys=issuer.file, directory=tmp_path) as calls:
        await calls.begin("CountWorkflowExecutions", COUNT, token)
        await behind.stop()
        for _ in range(3):
            began = time.monotonic()
            with pytest.raises(grpc.aio.AioRpcError) as caught:
                await calls.begin("CountWorkflowExecutions", COUNT, token)
            assert caught.value.code() is grpc.StatusCode.UNAVAILABLE
            assert time.monotonic() - began < 3
        # What cannot be checked is not passed on either.
        request = RespondActivityTaskCompletedRequest(namespace="stg", task_token=task_token("id-of-stg"))
        assert await calls.refusal("RespondActivityTaskCompleted", request, token) == ("upstream_away", "UNAVAILABLE")
        await behind.start(address=behind.address)
        async with asyncio.timeout(15):
            while not await _answers(calls, token):  # noqa: ASYNC110  nothing tells when a channel is connected
                await asyncio.sleep(0.05)
    await behind.stop()


async def _answers(calls, token) -> bool:
    try:
        await calls.begin("CountWorkflowExecutions", COUNT, token)
    except grpc.aio.AioRpcError:
        return False
    return True


async def test_without_its_audit_log_the_gateway_passes_nothing_on(behind, issuer, tmp_path) -> None:
    async with calling(upstream=behind.address, keys=issuer.file, directory=tmp_path) as calls:
        token, log = issuer.token("stg:read"), tmp_path / "calls.jsonl"
        await calls.begin("CountWorkflowExecutions", COUNT, token)
        log.unlink()
        log.symlink_to("/dev/full")
        # This call's line is lost, as is told only when it is written; the next call is not passed on.
        await calls.begin("CountWorkflowExecutions", COUNT, token)
        reached = len(behind.reached)
        with pytest.raises(grpc.aio.AioRpcError) as caught:
            await calls.begin("CountWorkflowExecutions", COUNT, token)
        assert caught.value.code() is grpc.StatusCode.UNAVAILABLE
        assert len(behind.reached) == reached
        log.unlink()
        assert not await _answers(calls, token)
        await calls.begin("CountWorkflowExecutions", COUNT, token)
        assert [line["reason"] for line in calls.lines()] == ["audit_away", ""]


async def test_callers_without_a_certificate_are_not_let_in_where_one_is_asked_for(issuer, tmp_path) -> None:
    authority, stranger = Authority(), Authority()
    server, client, foreign = authority.certify("gateway"), authority.certify("worker"), stranger.certify("worker")
    behind = Behind()
    await behind.start(credentials=grpc.ssl_server_credentials([(server.key, server.certificate)]))
    mine = grpc.ssl_channel_credentials(authority.certificate, client.key, client.certificate)
    async with calling(
        upstream=behind.address,
        upstream_tls=True,
        upstream_ca=authority.certificate.decode(),
        certificate=server.certificate.decode(),
        private_key=server.key.decode(),
        client_ca=authority.certificate.decode(),
        keys=issuer.file,
        directory=tmp_path,
        credentials=mine,
    ) as calls:
        await calls.begin("CountWorkflowExecutions", COUNT, issuer.token("stg:read"))
        assert await calls.refusal("CountWorkflowExecutions", COUNT, None) == ("token_missing", "UNAUTHENTICATED")
        for credentials in (
            None,
            grpc.ssl_channel_credentials(authority.certificate),
            grpc.ssl_channel_credentials(authority.certificate, foreign.key, foreign.certificate),
        ):
            calls.channel, own = open_channel(calls.gateway.port, credentials), calls.channel
            with pytest.raises(grpc.aio.AioRpcError) as caught:
                await calls.begin("CountWorkflowExecutions", COUNT, issuer.token("stg:read"))
            assert caught.value.code() is grpc.StatusCode.UNAVAILABLE
            await calls.channel.close()
            calls.channel = own
    await behind.stop()


async def test_a_server_with_another_certificate_gets_no_call(issuer, tmp_path) -> None:
    server = Authority().certify("somebody")
    behind = Behind()
    await behind.start(credentials=grpc.ssl_server_credentials([(server.key, server.certificate)]))
    given = {"upstream_tls": True, "upstream_ca": Authority().certificate.decode()}
    async with calling(upstream=behind.address, keys=issuer.file, directory=tmp_path, **given) as calls:
        with pytest.raises(grpc.aio.AioRpcError) as caught:
            await calls.begin("CountWorkflowExecutions", COUNT, issuer.token("stg:read"))
        assert caught.value.code() is grpc.StatusCode.UNAVAILABLE
    assert behind.reached == []
    await behind.stop()


@pytest.mark.parametrize(
    "given",
    [
        {"keys": ""},
        {"issuer": ""},
        {"audience": ""},
        {"upstream": ""},
        {"listen": "0.0.0.0:0"},
        {"listen": "[::]:0"},
        {"certificate": "x"},
        {"client_ca": "x"},
        {"keys": "http://keys.example/jwks"},
        {"keys": "/nowhere"},
        {"audit_file": "/nowhere/calls.jsonl"},
        {"certificate": "x", "private_key": "x"},
    ],
    ids=str,
)
async def test_a_gateway_that_would_be_unsafe_does_not_start(issuer, tmp_path, given) -> None:
    safe = {
        "listen": "127.0.0.1:0",
        "upstream": "127.0.0.1:1",
        "keys": str(issuer.file),
        "issuer": ISSUER,
        "audience": AUDIENCE,
        "audit_file": str(tmp_path / "calls.jsonl"),
    }
    with pytest.raises(StartFailed):
        await Gateway(GatewaySettings(**{**safe, **given})).start()


async def test_a_port_that_is_taken_is_not_shared(calls, behind, issuer, tmp_path) -> None:
    taken = f"127.0.0.1:{calls.gateway.port}"
    with pytest.raises(StartFailed, match="TEMPORAL_GATEWAY_LISTEN"):
        async with calling(upstream=behind.address, keys=issuer.file, directory=tmp_path, listen=taken):
            pass


async def test_the_command_says_what_is_missing_and_stops_when_it_is_told(behind, issuer, tmp_path) -> None:
    given = {
        "TEMPORAL_GATEWAY_LISTEN": f"127.0.0.1:{free_port()}",
        "TEMPORAL_GATEWAY_UPSTREAM": behind.address,
        "TEMPORAL_GATEWAY_KEYS": str(issuer.file),
        "TEMPORAL_GATEWAY_ISSUER": ISSUER,
        "LOG_LEVEL": "INFO",
    }
    code, output = await asyncio.to_thread(Installation(tmp_path, **given).run, "temporal_gateway")
    assert (code, "Set TEMPORAL_GATEWAY_AUDIENCE" in output) == (1, True)
    process = Installation(tmp_path, **given, TEMPORAL_GATEWAY_AUDIENCE=AUDIENCE).start("temporal_gateway")
    try:
        await asyncio.to_thread(lines_until, process, "The gateway listens")
        channel = open_channel(int(given["TEMPORAL_GATEWAY_LISTEN"].rpartition(":")[2]))
        call = channel.unary_unary("/temporal.api.workflowservice.v1.WorkflowService/GetSystemInfo")
        await call(b"", metadata=[("authorization", f"Bearer {issuer.token()}")])
        await channel.close()
    finally:
        code, output = await asyncio.to_thread(stop, process, signal.SIGTERM)
    assert code == 0
    # Without a file the lines go to standard output.
    assert '"method": "GetSystemInfo"' in output
