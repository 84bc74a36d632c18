"""What a request addresses, however deep in its body it stands."""

from __future__ import annotations

import base64
import json

import pytest
from temporalio.api.command.v1 import Command
from temporalio.api.common.v1 import Callback, Link, Payload, Payloads
from temporalio.api.failure.v1 import Failure
from temporalio.api.workflowservice.v1 import (
    DescribeNamespaceRequest,
    ExecuteMultiOperationRequest,
    GetWorkflowExecutionHistoryRequest,
    PollWorkflowTaskQueueRequest,
    RespondQueryTaskCompletedRequest,
    RespondWorkflowTaskCompletedRequest,
    RespondWorkflowTaskFailedRequest,
    StartNexusOperationExecutionRequest,
    StartWorkflowExecutionRequest,
    UpdateWorkflowExecutionRequest,
)

from workers.gateway import contents
from workers.gateway.errors import ForeignTask, UnreadableRequest


def read(request) -> contents.Contents:
    return contents.read(type(request), request.SerializeToString())


def task_token(namespace_id: str, workflow_id: str = "w") -> bytes:
    """Return a token as the server makes them: its fields 1 and 2 are the ids of namespace and workflow."""
    return b"".join(
        bytes([number << 3 | 2, len(text)]) + text.encode() for number, text in ((1, namespace_id), (2, workflow_id))
    )


def completion(**fields: object) -> str:
    return json.dumps({"v": 1, "d": base64.urlsafe_b64encode(task_token("id-of-prd")).decode()} | fields)


def callback(token: str, *, url: str = "temporal://system", header: str = "temporal-callback-token") -> Callback:
    return Callback(nexus=Callback.Nexus(url=url, header={header: token}))


def test_a_request_names_its_namespace_and_workflow() -> None:
    asked = read(StartWorkflowExecutionRequest(namespace="stg", workflow_id="pay-7"))
    assert (asked.namespace, asked.workflow_id, asked.others) == ("stg", "pay-7", set())
    history = GetWorkflowExecutionHistoryRequest(namespace="stg", execution={"workflow_id": "pay-7"})
    assert read(history).workflow_id == "pay-7"
    assert read(DescribeNamespaceRequest(namespace="stg", id="other")).namespace_id == "other"


def test_operations_inside_one_request_are_seen() -> None:
    request = ExecuteMultiOperationRequest(
        namespace="stg",
        operations=[
            {"start_workflow": StartWorkflowExecutionRequest(namespace="stg")},
            {"update_workflow": UpdateWorkflowExecutionRequest(namespace="prd")},
        ],
    )
    assert read(request).others == {"prd"}


@pytest.mark.parametrize(
    "command",
    [
        Command(signal_external_workflow_execution_command_attributes={"namespace": "prd"}),
        Command(request_cancel_external_workflow_execution_command_attributes={"namespace": "prd"}),
        Command(start_child_workflow_execution_command_attributes={"namespace": "prd"}),
    ],
)
def test_commands_of_a_workflow_that_reach_elsewhere_are_seen(command) -> None:
    harmless = Command(start_child_workflow_execution_command_attributes={"namespace": "stg"})
    assert read(RespondWorkflowTaskCompletedRequest(namespace="stg", commands=[harmless, command])).others == {"prd"}


def test_endpoints_that_are_called_are_seen() -> None:
    command = Command(schedule_nexus_operation_command_attributes={"endpoint": "payments"})
    assert read(RespondWorkflowTaskCompletedRequest(commands=[command])).endpoints == {"payments"}
    assert read(StartNexusOperationExecutionRequest(endpoint="payments")).endpoints == {"payments"}


def test_queues_of_the_server_are_seen() -> None:
    request = StartWorkflowExecutionRequest(task_queue={"name": "temporal-sys-per-ns-tq"})
    partition = PollWorkflowTaskQueueRequest(task_queue={"name": "/_sys/temporal-sys-per-ns-tq/1"})
    assert read(partition).server_queues == {"/_sys/temporal-sys-per-ns-tq/1"}
    command = Command(schedule_activity_task_command_attributes={"task_queue": {"name": "temporal-sys-per-ns-tq"}})
    assert read(request).server_queues == {"temporal-sys-per-ns-tq"}
    assert read(RespondWorkflowTaskCompletedRequest(commands=[command])).server_queues == {"temporal-sys-per-ns-tq"}


def test_content_and_references_are_not_looked_into() -> None:
    request = StartWorkflowExecutionRequest(
        namespace="stg",
        input=Payloads(payloads=[Payload(data=b"namespace: prd")]),
        links=[Link(workflow_event=Link.WorkflowEvent(namespace="prd"))],
    )
    assert read(request).others == set()
    failure = Failure(child_workflow_execution_failure_info={"namespace": "prd"})
    assert read(RespondWorkflowTaskFailedRequest(namespace="stg", failure=failure)).others == set()


def test_a_task_token_says_whose_it_is() -> None:
    asked = read(RespondWorkflowTaskCompletedRequest(namespace="stg", task_token=task_token("id-of-prd", "pay-7")))
    assert (asked.task_owner, asked.workflow_id) == ("id-of-prd", "pay-7")


def test_a_token_for_a_queue_names_no_workflow() -> None:
    asked = read(RespondQueryTaskCompletedRequest(namespace="stg", task_token=task_token("id-of-stg", "a-queue")))
    assert (asked.task_owner, asked.workflow_id) == ("id-of-stg", "")


@pytest.mark.parametrize(
    "token", [b"", b"\xff\xff", b"no token", b"\x08\x01", b"\x0a\x02\xff\xfe", task_token("") + b"x" * 70_000]
)
def test_a_task_token_that_cannot_be_read_is_nobodys(token) -> None:
    assert read(RespondWorkflowTaskCompletedRequest(namespace="stg", task_token=token)).task_owner == ""


def test_of_an_owner_that_stands_there_twice_the_last_counts_as_it_does_for_the_server() -> None:
    twice = task_token("id-of-stg") + task_token("id-of-prd")
    assert read(RespondWorkflowTaskCompletedRequest(task_token=twice)).task_owner == "id-of-prd"


@pytest.mark.parametrize("header", ["temporal-callback-token", "Temporal-Callback-Token"])
def test_a_callback_says_whose_operation_it_ends(header) -> None:
    request = StartWorkflowExecutionRequest(completion_callbacks=[callback(completion(), header=header)])
    assert read(request).callback_owners == {"id-of-prd"}
    nested = ExecuteMultiOperationRequest(operations=[{"start_workflow": request}])
    assert read(nested).callback_owners == {"id-of-prd"}


@pytest.mark.parametrize(
    "found",
    [
        callback(completion(), url="http://127.0.0.1:7243/namespaces/prd/nexus/callback"),
        callback(completion(), header="another-header"),
        Callback(nexus=Callback.Nexus(url="temporal://system", header={"temporal-callback-token": completion(),
                                                                       "Temporal-Callback-Token": completion()})),
        callback(completion(D="of another operation")),
        callback('{"v":1,"d":"","d":""}'),
        callback(completion(d="")),
        callback(completion(d=7)),
        callback("[]"),
        callback("[" * 100_000),
        callback(""),
        Callback(internal=Callback.Internal(data=b"x")),
        Callback(),
    ],
)  # fmt: skip
def test_a_callback_that_is_not_the_servers_own_is_refused(found) -> None:
    with pytest.raises(ForeignTask):
        read(StartWorkflowExecutionRequest(completion_callbacks=[found]))


def test_what_is_no_such_message_is_refused() -> None:
    for body in (b"\xff", b"\x0a\x05ab", b"\x0a\x02\xff\xfe"):
        with pytest.raises(UnreadableRequest):
            contents.read(StartWorkflowExecutionRequest, body)


def test_a_field_that_is_not_known_here_is_refused_wherever_it_stands() -> None:
    unknown = b"\xf2\x3f\x03prd"  # field 1022
    plain = StartWorkflowExecutionRequest(namespace="stg").SerializeToString()
    with pytest.raises(UnreadableRequest, match="update the gateway"):
        contents.read(StartWorkflowExecutionRequest, plain + unknown)
    request = RespondWorkflowTaskCompletedRequest(namespace="stg", commands=[Command.FromString(unknown)])
    with pytest.raises(UnreadableRequest):
        read(request)


def test_content_of_a_later_version_is_passed_on() -> None:
    request = StartWorkflowExecutionRequest(input=Payloads(payloads=[Payload.FromString(b"\xf2\x3f\x03abc")]))
    assert read(request).namespace == ""
