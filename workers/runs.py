"""What became of a run, where its Temporal server says so for certain."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

from temporalio.api.errordetails.v1 import NamespaceNotFoundFailure
from temporalio.client import Client, WorkflowExecutionDescription, WorkflowExecutionStatus
from temporalio.service import RPCError, RPCStatusCode

DESCRIBE_SECONDS = 5

UNKNOWN = "Temporal knows no such run of the workflow any more."
RESET = "The workflow was reset: another run goes on in its place, and asks for itself."
_ENDED = {
    WorkflowExecutionStatus.COMPLETED: "The workflow has completed without this call.",
    WorkflowExecutionStatus.FAILED: "The workflow has failed and no longer waits for this call.",
    WorkflowExecutionStatus.CANCELED: "The workflow was cancelled.",
    WorkflowExecutionStatus.TERMINATED: "The workflow was terminated.",
    WorkflowExecutionStatus.TIMED_OUT: "The workflow ran out of its own time.",
    WorkflowExecutionStatus.CONTINUED_AS_NEW: "The workflow went on as a new run, which asks for itself.",
}


def is_gone(error: RPCError) -> bool:
    """Return whether a server says that there is no such run. That it lacks the whole namespace tells nothing."""
    if error.status != RPCStatusCode.NOT_FOUND:
        return False
    return not any(detail.Is(NamespaceNotFoundFailure.DESCRIPTOR) for detail in error.grpc_status.details)


async def ending(client: Client, workflow_id: str, run_id: str, *, settled: timedelta) -> str | None:
    """Return why a run waits for nothing any more, as a sentence, or None while it goes on.

    A run that closed less than ``settled`` ago counts as going on: its last reports may still be on their way.
    Raises ``RPCError`` if the server gives no answer.
    """
    handle = client.get_workflow_handle(workflow_id, run_id=run_id)
    try:
        run = await handle.describe(rpc_timeout=timedelta(seconds=DESCRIBE_SECONDS))
    except RPCError as error:
        if is_gone(error):
            return UNKNOWN
        raise
    if run.close_time is None or run.close_time > datetime.now(UTC) - settled:
        return None
    return RESET if _was_reset(run) else _ENDED.get(run.status) if run.status else None


def _was_reset(run: WorkflowExecutionDescription) -> bool:
    return bool(run.raw_description.workflow_extended_info.reset_run_id)
