"""One closed run as bytes, in the format of Temporal Cloud's export. Pure.

    object = gzip(temporal.api.export.v1.WorkflowExecutions with one item, serialised deterministically)

The same history gives the same bytes, and the object's name is their SHA-256. Payloads are whatever the server
holds: nothing here decodes them.
"""

from __future__ import annotations

import gzip
import hashlib
import io
import zlib
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import UTC, datetime

from google.protobuf.message import DecodeError
from temporalio.api.enums.v1 import EventType, WorkflowTaskFailedCause
from temporalio.api.export.v1 import WorkflowExecution, WorkflowExecutions
from temporalio.api.history.v1 import History, HistoryEvent

from workers.export.errors import HistoryUnusable

# Temporal ends a run whose history has 50 MB; a file of Temporal Cloud's export holds many runs.
MAXIMUM_BYTES = 512 * 1024 * 1024
_GZIP = b"\x1f\x8b"
_COMPRESSION = 6
_STATUS = {
    EventType.EVENT_TYPE_WORKFLOW_EXECUTION_COMPLETED: "completed",
    EventType.EVENT_TYPE_WORKFLOW_EXECUTION_FAILED: "failed",
    EventType.EVENT_TYPE_WORKFLOW_EXECUTION_CANCELED: "canceled",
    EventType.EVENT_TYPE_WORKFLOW_EXECUTION_TERMINATED: "terminated",
    EventType.EVENT_TYPE_WORKFLOW_EXECUTION_TIMED_OUT: "timed_out",
    EventType.EVENT_TYPE_WORKFLOW_EXECUTION_CONTINUED_AS_NEW: "continued_as_new",
}
STATUSES = frozenset(_STATUS.values())


@dataclass(frozen=True, slots=True)
class RunFacts:
    """What a history says of its own run. ``closed_at`` is the time of its last event."""

    workflow_id: str
    run_id: str
    type: str
    status: str
    closed_at: datetime


def to_object(events: Iterable[HistoryEvent]) -> bytes:
    """Return the object's bytes."""
    executions = WorkflowExecutions(items=[WorkflowExecution(history=History(events=events))])
    # Not gzip.compress: what it writes into the header is not the same in every version of Python.
    packed = io.BytesIO()
    with gzip.GzipFile(filename="", mode="wb", compresslevel=_COMPRESSION, fileobj=packed, mtime=0) as file:
        file.write(executions.SerializeToString(deterministic=True))
    return packed.getvalue()


def digest_of(content: bytes) -> str:
    """Return the SHA-256 of ``content`` in hexadecimal."""
    return hashlib.sha256(content).hexdigest()


def read(content: bytes) -> list[History]:
    """Return the histories in ``content``, compressed or not. Raises ``HistoryUnusable``."""
    executions = WorkflowExecutions()
    try:
        executions.ParseFromString(unpacked(content))
    except DecodeError:
        raise HistoryUnusable("It is not in the format of Temporal's history export.") from None
    return [item.history for item in executions.items]


def read_one(content: bytes) -> History:
    """Return the one history in an object of the archive. Raises ``HistoryUnusable``."""
    found = read(content)
    if len(found) != 1:
        raise HistoryUnusable(f"It holds {len(found)} histories instead of one.")
    return found[0]


def unpacked(content: bytes) -> bytes:
    """Return ``content`` without its compression, if it has any. Raises ``HistoryUnusable``."""
    if not content.startswith(_GZIP):
        return content
    try:
        with gzip.GzipFile(fileobj=io.BytesIO(content)) as file:
            plain = file.read(MAXIMUM_BYTES + 1)
    except (OSError, EOFError, zlib.error):
        raise HistoryUnusable("Its compression is damaged.") from None
    if len(plain) > MAXIMUM_BYTES:
        raise HistoryUnusable(f"Unpacked it has more than {MAXIMUM_BYTES} bytes.")
    return plain


def facts_of(history: History) -> RunFacts:
    """Return what ``history`` says of its run. Raises ``HistoryUnusable`` unless it is that of a closed run."""
    if not history.events:
        raise HistoryUnusable("It has no events.")
    first, last = history.events[0], history.events[-1]
    if not first.HasField("workflow_execution_started_event_attributes"):
        raise HistoryUnusable("It does not begin with the start of a run.")
    status = _STATUS.get(last.event_type)
    if status is None:
        raise HistoryUnusable("It does not end with the end of a run.")
    started = first.workflow_execution_started_event_attributes
    facts = RunFacts(
        workflow_id=started.workflow_id,
        run_id=_run_id(history),
        type=started.workflow_type.name,
        status=status,
        closed_at=last.event_time.ToDatetime(UTC),
    )
    if not facts.workflow_id or not facts.run_id:
        raise HistoryUnusable("It does not say which run it is.")
    return facts


def _run_id(history: History) -> str:
    """Return the run's id. A run that a reset made begins with the events, and the id, of the one before it."""
    run_id = history.events[0].workflow_execution_started_event_attributes.original_execution_run_id
    for event in history.events:
        if event.event_type == EventType.EVENT_TYPE_WORKFLOW_TASK_FAILED:
            failed = event.workflow_task_failed_event_attributes
            if failed.cause == WorkflowTaskFailedCause.WORKFLOW_TASK_FAILED_CAUSE_RESET_WORKFLOW:
                run_id = failed.new_run_id
    return run_id
