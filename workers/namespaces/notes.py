"""What of a namespace nobody can set over Temporal's API, or that people do: said, never counted as a difference."""

from __future__ import annotations

from collections.abc import AsyncIterator

from django.conf import settings
from temporalio.api.enums.v1 import TaskQueueType
from temporalio.api.taskqueue.v1 import TaskQueue
from temporalio.api.workflowservice.v1 import DescribeTaskQueueRequest
from temporalio.client import Client

from accounts.endorsements.queries import endorsed_keys
from accounts.namespaces.contracts import Namespace
from workers.database import in_thread
from workers.development_server import PROTECTED
from workers.namespaces.registration import RPC_TIMEOUT

_TYPES = (TaskQueueType.TASK_QUEUE_TYPE_WORKFLOW, TaskQueueType.TASK_QUEUE_TYPE_ACTIVITY)


async def notes(client: Client, namespace: Namespace) -> AsyncIterator[str]:
    """Yield one sentence for each thing to know. Raises ``RPCError``."""
    if namespace.deletion_protection:
        yield _protection(namespace.name)
    if namespace.group_roles and not _is_taken_up(namespace):
        yield (
            "Nobody gets a role through the groups that stand here: no identity provider is set up, or each has a "
            "ROLE_GROUPS of its own."
        )
    if not await in_thread(_somebody_approves, namespace.name):
        yield "Nobody can approve here yet: an approver makes a key, and a security administrator endorses it."
    for queue in namespace.task_queues:
        if not await _is_polled(client, namespace.name, queue):
            yield f"No worker listens on the task queue {queue} now."


def _protection(namespace: str) -> str:
    if not settings.TEMPORAL_ADDRESS:
        return f"Deletion: the development server refuses it, by its flag {PROTECTED}, which it is started with here."
    return (
        "Deletion protection can neither be seen nor set over Temporal's API. On a server of your own add "
        f"{namespace!r} to {PROTECTED} in the dynamic configuration; on Temporal Cloud switch it on for the namespace."
    )


def _is_taken_up(namespace: Namespace) -> bool:
    apps = [app for provider in settings.SOCIALACCOUNT_PROVIDERS.values() for app in provider["APPS"]]
    wanted = {(given.group, given.role, namespace.name) for given in namespace.group_roles}
    return any(
        (group, role, place) in wanted
        for app in apps
        for group, places in app["settings"]["role_groups"].items()
        for role, place in places
    )


def _somebody_approves(namespace: str) -> bool:
    return endorsed_keys(namespace=namespace).exists()


async def _is_polled(client: Client, namespace: str, queue: str) -> bool:
    for kind in _TYPES:
        found = await client.workflow_service.describe_task_queue(
            DescribeTaskQueueRequest(namespace=namespace, task_queue=TaskQueue(name=queue), task_queue_type=kind),
            timeout=RPC_TIMEOUT,
        )
        if found.pollers:
            return True
    return False
