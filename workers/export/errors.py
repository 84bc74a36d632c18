"""Why histories cannot be exported, imported, verified or replayed. Every message is a sentence for people."""

from __future__ import annotations

from typing import ClassVar


class ExportError(Exception):
    """``code`` becomes the activity failure's type. A window that fails is tried again until it is finished."""

    code: ClassVar[str] = "export_failed"


class TargetUnusable(ExportError):
    """The setting, the folder or the bucket cannot be right; somebody has to change it."""

    code = "export_target_unusable"


class TargetRefused(TargetUnusable):
    """The folder is read-only, or the bucket lets these credentials not do what an export needs."""

    code = "export_target_refused"


class TargetUnlocked(TargetUnusable):
    """The bucket has no object lock, so what is written there could be deleted."""

    code = "export_target_unlocked"


class TargetUnreachable(ExportError):
    """The archive does not answer; it may later."""

    code = "export_target_unreachable"


class NotInArchive(ExportError):
    """The archive has nothing of that name."""

    code = "export_not_in_archive"


class ForeignContent(ExportError):
    """A name in the archive holds something that this installation did not put there. Nothing is written over."""

    code = "export_foreign_content"


class ArchiveBroken(ExportError):
    """The archive lacks what the ledger, or another part of the archive, says was there."""

    code = "export_archive_broken"


class HistoryUnusable(ExportError):
    """What should be a closed run's history is not."""

    code = "export_history_unusable"


class RunUnknown(ExportError):
    """No manifest lists such a run."""

    code = "export_run_unknown"
