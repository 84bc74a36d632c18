"""Whether a Temporal server has a namespace, and shows it to us."""

from __future__ import annotations

import asyncio
from datetime import timedelta

from temporalio.api.workflowservice.v1 import (
    DescribeNamespaceRequest,
    DescribeNamespaceResponse,
    ListWorkflowExecutionsRequest,
)
from temporalio.client import Client
from temporalio.service import RPCError, RPCStatusCode

from workers.errors import StartFailed

RPC_TIMEOUT = timedelta(seconds=5)
_POLL_SECONDS = 0.2


async def describe(client: Client, namespace: str) -> DescribeNamespaceResponse | None:
    """Return what the server says of ``namespace``, or None if it knows none. Raises ``RPCError``."""
    try:
        return await client.workflow_service.describe_namespace(
            DescribeNamespaceRequest(namespace=namespace), timeout=RPC_TIMEOUT
        )
    except RPCError as error:
        if error.status == RPCStatusCode.NOT_FOUND:
            return None
        raise


async def registered(client: Client, namespace: str, *, seconds: float) -> DescribeNamespaceResponse:
    """Return what the server says of ``namespace``, which may have been made a moment ago, as soon as it can be used.

    Raises ``StartFailed`` if it is not there after ``seconds``, or may not be seen.
    """
    deadline = asyncio.get_running_loop().time() + seconds
    while True:
        try:
            found = await describe(client, namespace)
            if found is not None and await _is_usable(client, namespace):
                return found
        except RPCError as error:
            raise StartFailed(
                f"The Temporal server does not show namespace {namespace!r} ({error.message}). Give this application's "
                "API key the right to it, or take it out of NAMESPACES_FILE."
            ) from None
        if asyncio.get_running_loop().time() > deadline:
            raise StartFailed(
                f"The Temporal server has no namespace {namespace!r}. Make it with: manage.py setup_namespaces"
            )
        await asyncio.sleep(_POLL_SECONDS)


async def _is_usable(client: Client, namespace: str) -> bool:
    """Return whether the server's parts know it by now: each learns of a new namespace in its own time."""
    request = ListWorkflowExecutionsRequest(namespace=namespace, page_size=1)
    try:
        await client.workflow_service.list_workflow_executions(request, timeout=RPC_TIMEOUT)
    except RPCError as error:
        if error.status == RPCStatusCode.NOT_FOUND:
            return False
        raise
    return True
