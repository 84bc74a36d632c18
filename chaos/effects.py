"""What really ran, written down by the bodies themselves in a file that Countersign knows nothing of.

A line is one ``write`` to a file opened for appending: a process that is killed leaves whole lines.
"""

from __future__ import annotations

import base64
import json
import os
import time
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from pathlib import Path

from temporalio import activity

from workers.gates.dispatches import current_dispatch

FILE_VARIABLE = "CHAOS_EFFECTS"
BEGAN, ENDED = "began", "ended"


@dataclass(frozen=True)
class Line:
    """``dispatch`` names what the workflow scheduled once, ``attempt`` Temporal's try of it; ``at`` is a UTC time.

    ``approvals`` are those that came with the dispatch: base64 of what people signed.
    """

    what: str
    call: str
    dispatch: str
    attempt: int
    pid: int
    at: float
    request_id: str
    approvals: list[str]


def note(what: str, call: str) -> None:
    """Write a line about the activity that calls this."""
    info, came = activity.info(), current_dispatch.get()
    line = Line(
        what=what,
        call=call,
        dispatch=f"{info.workflow_id}/{info.workflow_run_id}/{info.activity_id}/{info.scheduled_time.isoformat()}",
        attempt=info.attempt,
        pid=os.getpid(),
        at=time.time(),
        request_id=came.request_id if came else "",
        approvals=[base64.b64encode(data).decode() for data in came.approvals] if came else [],
    )
    descriptor = os.open(os.environ[FILE_VARIABLE], os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600)
    try:
        os.write(descriptor, json.dumps(asdict(line)).encode() + b"\n")
    finally:
        os.close(descriptor)


def lines(path: Path) -> Iterator[Line]:
    """Yield what was written, in order."""
    if path.exists():
        for text in path.read_text().splitlines():
            yield Line(**json.loads(text))
