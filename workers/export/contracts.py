"""The messages of the workflow that exports. Pure."""

from __future__ import annotations

from dataclasses import dataclass, field

EXPORT_TASK_QUEUE = "countersign-exports"
EXPORT_WORKFLOW = "countersign.export"
EXPORT_ACTIVITY = "countersign.export_histories"


@dataclass(frozen=True)
class ExportOrder:
    """Export what was closed in ``namespace`` before ``until`` (ISO 8601, with an offset), and is not exported yet."""

    namespace: str
    until: str


@dataclass(frozen=True)
class ExportReport:
    """What an export wrote."""

    manifests: int = 0
    runs: int = 0


@dataclass
class Progress:
    """What of manifest ``number`` is in the archive: run id to the object's digest. Heartbeat details.

    Of each run about 110 bytes, whatever its workflow's names are: a heartbeat has room for 2 MB.
    """

    number: int = 0
    stored: dict[str, str] = field(default_factory=dict)
