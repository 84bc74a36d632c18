"""What keeps evidence from being written. Every message is a sentence for people."""

from __future__ import annotations

from datetime import datetime


class CannotExport(Exception):
    """Evidence that cannot be written."""


class NothingToExport(CannotExport):
    """A search that found nothing: what has no signed entry shows nothing."""

    def __init__(self) -> None:
        super().__init__("Nothing was found, and a file without an entry shows nothing.")


class NotACheckpoint(CannotExport):
    """What somebody keeps is no checkpoint, or one that nothing can be proven from."""

    def __init__(self, sentence: str) -> None:
        super().__init__(f"What you keep is not a checkpoint that a proof can lead from. {sentence}")


class LogWasCut(CannotExport):
    """A log has fewer entries than somebody's checkpoint of it."""

    def __init__(self, origin: str, *, size: int, kept: int) -> None:
        super().__init__(
            f"The log {origin} has {size} entries, and the checkpoint that you keep has {kept}: it was cut, or the "
            "checkpoint is of another installation. See: manage.py verify_ledger --checkpoint FILE"
        )


class NotEndorsed(CannotExport):
    """Nobody says who endorsed the ledger's key, which a chain of the service's own does not say itself."""

    def __init__(self) -> None:
        super().__init__("Nothing here knows who endorsed the ledger's key.")


class ContentRemoved(CannotExport):
    """An incident whose entries say nothing any more."""

    def __init__(self, chain: str, removed_at: datetime) -> None:
        super().__init__(
            f"What the entries of {chain} said was removed under retention on {removed_at:%-d %B %Y}. The ledger still "
            "says that they were there, and CSV and JSON Lines list them; for a bundle, leave them out of the search."
        )
