"""Every method that Temporal's front end has, and what a caller needs for it. One table, no default.

The names are those of the service's protobuf descriptors; a test fails when temporalio brings one that is not here.
The classes follow Temporal's own authorizer where it has one, and are narrower where a method is for workers only.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum

from google.protobuf.message import Message
from google.protobuf.message_factory import GetMessageClass
from temporalio.api.operatorservice.v1 import request_response_pb2 as operator_messages
from temporalio.api.workflowservice.v1 import request_response_pb2 as workflow_messages

WORKFLOW_SERVICE = "temporal.api.workflowservice.v1.WorkflowService"
OPERATOR_SERVICE = "temporal.api.operatorservice.v1.OperatorService"
HEALTH_CHECK = "/grpc.health.v1.Health/Check"


class Access(StrEnum):
    """What a method needs: a right in the namespace that its body names, unless it says otherwise."""

    ANYBODY = "anybody"  # with a valid token; it has no namespace
    MEMBER = "member"  # any right at all in the namespace
    READ = "read"
    WRITE = "write"
    WORKER = "worker"
    ADMIN = "admin"
    SYSTEM = "system"  # admin of the whole system
    CLOSED = "closed"  # nobody, through this gateway


@dataclass(frozen=True, slots=True)
class Method:
    """One method. ``path`` is gRPC's, ``request`` the class of its message; None for the health check."""

    path: str
    name: str
    access: Access
    request: type[Message] | None


_WORKFLOW_SERVICE = {
    Access.ANYBODY: "GetSystemInfo GetClusterInfo",
    # What a worker asks when it starts, and when it has lost a run from its cache.
    Access.MEMBER: "DescribeNamespace GetWorkflowExecutionHistory",
    Access.READ: """
        CountActivityExecutions CountNexusOperationExecutions CountSchedules CountWorkers CountWorkflowExecutions
        DescribeActivityExecution DescribeBatchOperation DescribeDeployment DescribeNexusOperationExecution
        DescribeSchedule DescribeTaskQueue DescribeWorker DescribeWorkerDeployment DescribeWorkerDeploymentVersion
        DescribeWorkflowExecution DescribeWorkflowRule GetCurrentDeployment GetDeploymentReachability
        GetWorkerBuildIdCompatibility GetWorkerTaskReachability GetWorkerVersioningRules
        GetWorkflowExecutionHistoryReverse ListActivityExecutions ListArchivedWorkflowExecutions ListBatchOperations
        ListClosedWorkflowExecutions ListDeployments ListNexusOperationExecutions ListOpenWorkflowExecutions
        ListScheduleMatchingTimes ListSchedules ListTaskQueuePartitions ListWorkerDeployments ListWorkers
        ListWorkflowExecutions ListWorkflowRules PollActivityExecution PollNexusOperationExecution
        PollWorkflowExecutionTimeSkipping PollWorkflowExecutionUpdate QueryWorkflow ScanWorkflowExecutions
    """,
    Access.WORKER: """
        FetchWorkerConfig PollActivityTaskQueue PollNexusTaskQueue PollWorkflowTaskQueue RecordActivityTaskHeartbeat
        RecordActivityTaskHeartbeatById RecordWorkerHeartbeat ResetStickyTaskQueue RespondActivityTaskCanceled
        RespondActivityTaskCanceledById RespondActivityTaskCompleted RespondActivityTaskCompletedById
        RespondActivityTaskFailed RespondActivityTaskFailedById RespondNexusTaskCompleted RespondNexusTaskFailed
        RespondQueryTaskCompleted RespondWorkflowTaskCompleted RespondWorkflowTaskFailed ShutdownWorker
    """,
    Access.WRITE: """
        CreateSchedule CreateWorkerDeployment DeleteActivityExecution
        DeleteNexusOperationExecution DeleteSchedule DeleteWorkerDeployment DeleteWorkerDeploymentVersion
        DeleteWorkflowExecution ExecuteMultiOperation PatchSchedule PauseActivity PauseActivityExecution
        PauseWorkflowExecution RequestCancelActivityExecution RequestCancelNexusOperationExecution
        RequestCancelWorkflowExecution ResetActivity ResetActivityExecution ResetWorkflowExecution
        SetCurrentDeployment SetWorkerDeploymentCurrentVersion SetWorkerDeploymentManager
        SetWorkerDeploymentRampingVersion SignalWithStartWorkflowExecution SignalWorkflowExecution
        StartActivityExecution StartBatchOperation StartNexusOperationExecution StartWorkflowExecution
        StopBatchOperation TerminateActivityExecution TerminateNexusOperationExecution TerminateWorkflowExecution
        TriggerWorkflowRule UnpauseActivity UnpauseActivityExecution UnpauseWorkflowExecution
        UpdateActivityExecutionOptions UpdateActivityOptions UpdateSchedule UpdateTaskQueueConfig
        UpdateWorkerBuildIdCompatibility UpdateWorkerConfig UpdateWorkerDeploymentVersionMetadata
        UpdateWorkerVersioningRules UpdateWorkflowExecution UpdateWorkflowExecutionOptions
    """,
    Access.ADMIN: """
        CreateWorkerDeploymentVersion CreateWorkflowRule DeleteWorkflowRule DeprecateNamespace UpdateNamespace
        UpdateWorkerDeploymentVersionComputeConfig ValidateWorkerDeploymentVersionComputeConfig
    """,
    Access.SYSTEM: "GetSearchAttributes ListNamespaces RegisterNamespace",
}
_OPERATOR_SERVICE = {
    # Its body names a namespace; without it Temporal's pages cannot search.
    Access.READ: "ListSearchAttributes",
    Access.SYSTEM: """
        AddSearchAttributes CreateNexusEndpoint DeleteNamespace DeleteNexusEndpoint GetNexusEndpoint ListClusters
        ListNexusEndpoints RemoveSearchAttributes UpdateNexusEndpoint
    """,
    # Joining another cluster would copy every namespace to it: for that, go to the server itself.
    Access.CLOSED: "AddOrUpdateRemoteCluster RemoveRemoteCluster",
}


def _rows(service: str, names: dict[Access, str], messages: object) -> list[Method]:
    types = messages.DESCRIPTOR.message_types_by_name  # type: ignore[attr-defined]
    return [
        Method(f"/{service}/{name}", name, access, GetMessageClass(types[f"{name}Request"]))
        for access, listed in names.items()
        for name in listed.split()
    ]


METHODS: dict[str, Method] = {
    method.path: method
    for method in (
        *_rows(WORKFLOW_SERVICE, _WORKFLOW_SERVICE, workflow_messages),
        *_rows(OPERATOR_SERVICE, _OPERATOR_SERVICE, operator_messages),
        Method(HEALTH_CHECK, "Health.Check", Access.ANYBODY, None),
    )
}
# Their request carries a token that the server made; the namespace is in it, too.
BY_TASK_TOKEN = frozenset(
    method.path
    for method in METHODS.values()
    if method.request and "task_token" in method.request.DESCRIPTOR.fields_by_name
)
