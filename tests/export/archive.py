"""Archives and files of Temporal Cloud made of whole cloth: histories of a few events, and manifests of them."""

from __future__ import annotations

import uuid
from datetime import UTC, datetime, timedelta
from pathlib import Path

from google.protobuf.timestamp_pb2 import Timestamp
from temporalio.api.common.v1 import WorkflowType
from temporalio.api.enums.v1 import EventType
from temporalio.api.export.v1 import WorkflowExecution, WorkflowExecutions
from temporalio.api.history.v1 import (
    History,
    HistoryEvent,
    WorkflowExecutionCompletedEventAttributes,
    WorkflowExecutionStartedEventAttributes,
)

from workers.export import histories, manifests
from workers.export.archives import Shelf, open_archive
from workers.export.manifests import Entry, Manifest, Window

HOUR = datetime(2026, 3, 2, 10, tzinfo=UTC)
NAMESPACE = "finance-ai-prd"


def closed_run(workflow_id: str, *, closed_at: datetime = HOUR, run_id: str = "") -> History:
    """Return the history of a run that completed."""
    time = Timestamp()
    time.FromDatetime(closed_at)
    started = WorkflowExecutionStartedEventAttributes(
        workflow_id=workflow_id,
        workflow_type=WorkflowType(name="Agent"),
        original_execution_run_id=run_id or str(uuid.uuid4()),
    )
    return History(
        events=[
            HistoryEvent(
                event_id=1,
                event_time=time,
                event_type=EventType.EVENT_TYPE_WORKFLOW_EXECUTION_STARTED,
                workflow_execution_started_event_attributes=started,
            ),
            HistoryEvent(
                event_id=2,
                event_time=time,
                event_type=EventType.EVENT_TYPE_WORKFLOW_EXECUTION_COMPLETED,
                workflow_execution_completed_event_attributes=WorkflowExecutionCompletedEventAttributes(),
            ),
        ]
    )


def cloud_file(*runs: History) -> bytes:
    """Return what Temporal Cloud writes: many runs in one file."""
    return WorkflowExecutions(items=[WorkflowExecution(history=run) for run in runs]).SerializeToString()


def put_cloud_file(root: Path, content: bytes, *, minute: int = 0) -> Path:
    path = root / f"temporal-workflow-history/export/{NAMESPACE}/2026/03/02/10/{minute:02}/{uuid.uuid4()}.pb"
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(content)
    return path


def made_archive(root: Path, windows: list[list[History]]) -> list[Manifest]:
    """Make an archive in ``root`` with a manifest for each window of an hour; return the manifests."""
    shelf, made = Shelf(open_archive(str(root)), NAMESPACE), list[Manifest]()
    for index, runs in enumerate(windows):
        entries = []
        for run in runs:
            content = histories.to_object(run.events)
            entries.append(Entry.about(histories.facts_of(run), content))
            shelf.put_same(manifests.object_name(entries[-1].object), content, retain_until=HOUR)
        start = HOUR + index * timedelta(hours=1)
        window = Window(start, start + timedelta(hours=1), is_complete=True)
        before = made[-1] if made else None
        made.append(manifests.next_window(before, namespace=NAMESPACE, window=window, runs=tuple(entries)))
        shelf.put_same(made[-1].name, made[-1].to_bytes(), retain_until=HOUR)
    return made
